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

/** After a failure a source is left alone this long, and twice as long after each further one, */
const RETRY_MS = 10_000;
/** up to this, or to its ordinary pace if that is slower: a repository may have removed the App for good. */
const RETRY_MAX_MS = 60_000;
/** A thing that has been missing for so long is remembered no more: GitHub lists the runners of others, too, each under a new name. */
const REMEMBER_MS = 60 * 60_000;

/** Keeps what a place said last, and since when it lacks what it had. */
export function source<T extends { name: string }>(parts: SourceParts<T>): Source<T> {
  const { clock, log, ring } = parts;
  /** For each thing that was listed: since when it is missing, if it is. */
  const missing = new Map<string, number | undefined>();
  let firstAskedAt: number | undefined;
  let things: ReadonlyMap<string, T> = new Map();
  let askedAt: number | undefined;
  let failedAt: number | undefined;
  let failures = 0;
  let triedAt: number | undefined;
  let isAsking = false;

  async function ask(): Promise<void> {
    isAsking = true;
    const startedAt = clock.now();
    triedAt = startedAt;
    try {
      const found = await withLimit(clock, parts.limitMs, parts.list);
      things = new Map(found.map((thing) => [thing.name, thing]));
      noteMissing(startedAt);
      firstAskedAt ??= startedAt;
      askedAt = startedAt;
      failedAt = undefined;
      failures = 0;
    } catch (error) {
      failedAt = clock.now();
      failures += 1;
      log.warn({ source: parts.name, err: error }, "a source could not be asked");
    } finally {
      isAsking = false;
      ring();
    }
  }

  /** NB: for a thing that is remembered no more, the first list of all counts, which is older still. */
  function noteMissing(now: number): void {
    for (const [name, since] of missing) {
      if (things.has(name)) continue;
      if (since !== undefined && now - since > REMEMBER_MS) missing.delete(name);
      else missing.set(name, since ?? now);
    }
    for (const name of things.keys()) missing.set(name, undefined);
  }

  const retryMs = (everyMs: number): number =>
    Math.min(RETRY_MS * 2 ** (failures - 1), Math.max(everyMs, RETRY_MAX_MS));

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
      return failedAt === undefined
        ? (triedAt ?? Number.NEGATIVE_INFINITY) + everyMs
        : failedAt + retryMs(everyMs);
    },
    forget: (name) => void missing.delete(name),
  };
}
