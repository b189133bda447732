const MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 24 * 3_600_000 };
const MIB: Record<string, number> = { MiB: 1, GiB: 1024 };

/** `30s`, `10m`, `6h`, `2d`; also `1.5 h`. */
export const DURATION = /^\d+(?:\.\d+)? ?(?:ms|s|m|h|d)$/;
/** `512 MiB`, `4 GiB`, `1.5GiB`. */
export const SIZE = /^\d+(?:\.\d+)? ?(?:MiB|GiB)$/;
/** `127.0.0.1:3000`, `[::1]:3000`, `localhost:0`. */
export const LISTEN = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/;
/** An address of a service: no user, no query. */
export const ADDRESS = /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/;

export type Listen = { host: string; port: number };

/** Milliseconds of a text that fits `DURATION`. */
export const toMs = (text: string): number => Math.round(scale(text, MS));

/** MiB of a text that fits `SIZE`. */
export const toMiB = (text: string): number => Math.round(scale(text, MIB));

/** Host and port of a text that fits `LISTEN`. */
export function toListen(text: string): Listen {
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host, port: Number(text.slice(colon + 1)) };
}

function scale(text: string, units: Record<string, number>): number {
  const unit = text.replace(/^[\d. ]+/, "");
  return Number.parseFloat(text) * (units[unit] ?? Number.NaN);
}
