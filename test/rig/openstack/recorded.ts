import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Service } from "./api.ts";

/** A call that a genuine service was asked, and what it said. Ids, times and addresses are others. See: normal.ts. */
export type Exchange = {
  method: string;
  /** Behind the service's address in the catalogue. */
  path: string;
  request?: unknown;
  status: number;
  headers: Record<string, string>;
  body?: unknown;
};

export type Recorded = Record<Service, Record<string, Exchange>>;

export const SERVICES: readonly Service[] = ["identity", "compute", "image", "network"];
export const RECORDED = join(import.meta.dirname, "recorded");

/** All that was recorded. See: record.ts. */
export function readRecorded(): Recorded {
  const read = (service: Service) => JSON.parse(readFileSync(join(RECORDED, `${service}.json`), "utf8"));
  return Object.fromEntries(SERVICES.map((service) => [service, read(service)])) as Recorded;
}

/** What a value is made of: names of fields and kinds of values. Two answers of the same kind have the same shape. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (value === null || typeof value !== "object") return kindOf(value);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, shapeOf(inner)]),
  );
}

/** NB: a field that is empty now and text another time is of one kind. */
const kindOf = (value: unknown): string =>
  value === null || typeof value === "string" ? "text or null" : typeof value;
