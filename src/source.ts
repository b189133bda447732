import type { Logger } from "pino";
import { withLimit } from "./clock.ts";
import type { Clock, Ring } from "./ports.ts";

/** One place that lists things of ours: a host's driver, or a repository's runners at GitHub. */
export type Source<T> = {
  /** Asks, unless an answer is under way already. The answer comes later and rings. */
  ask: () => void;
  /** The last good answer. */
  things: () => ReadonlyMap<string, T>;
  /** When the last good answer was asked for. */
  askedAt: () => number | undefined;
  /** When the first of the lists was asked for that all lack the thing, up to the last one. None: the last one has it. */
  missingSince: (name: string) => number | undefined;
  wasSeen: (name: string) => boolean;
  /** The last try failed: the last good answer is not to be trusted any more. */
  hasFailed: () => boolean;
  /** Since when the source may be asked again. */
  nextAt: (everyMs: number) => number;
  forget: (name: string) => void;
};

export type SourceParts<T> = {
  name: string;
  list: (signal: AbortSignal) => Promise<T[]>;
  limitMs: number;
  clock: Clock;
  ring: Ring;
  log: Logger;
};

/** After a failure a source is left alone this long. */
const RETRY_MS = 10_000;

export function source<T extends { name: string }>(parts: SourceParts<T>): Source<T> {
  const { clock, log, ring } = parts;
  /** For each thing ever listed: since when it is missing, if it is. */
  const missing = new Map<string, number | undefined>();
  let firstAskedAt: number | undefined;
  let things: ReadonlyMap<string, T> = new Map();
  let askedAt: number | undefined;
  let failedAt: number | undefined;
  let triedAt: number | undefined;
  let isAsking = false;

  async function ask(): Promise<void> {
    isAsking = true;
    const startedAt = clock.now();
    triedAt = startedAt;
    try {
      const found = await withLimit(clock, parts.limitMs, parts.list);
      things = new Map(found.map((thing) => [thing.name, thing]));
      for (const [name, since] of missing) if (!things.has(name)) missing.set(name, since ?? startedAt);
      for (const name of things.keys()) missing.set(name, undefined);
      firstAskedAt ??= startedAt;
      askedAt = startedAt;
      failedAt = undefined;
    } catch (error) {
      failedAt = clock.now();
      log.warn({ source: parts.name, err: error }, "a source could not be asked");
    } finally {
      isAsking = false;
      ring();
    }
  }

  return {
    ask: () => {
      if (!isAsking) void ask();
    },
    things: () => things,
    askedAt: () => askedAt,
    missingSince: (name) => (missing.has(name) ? missing.get(name) : firstAskedAt),
    wasSeen: (name) => missing.has(name),
    hasFailed: () => failedAt !== undefined,
    nextAt: (everyMs) => {
      if (isAsking) return Number.POSITIVE_INFINITY;
      return failedAt === undefined ? (triedAt ?? Number.NEGATIVE_INFINITY) + everyMs : failedAt + RETRY_MS;
    },
    forget: (name) => void missing.delete(name),
  };
}
