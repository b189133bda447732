import type { Clock } from "../ports.ts";

/** What was spent in the last minute, or hour. */
export type Window = {
  /** Spends, from now until so long after the call that this answers. */
  begin(count: number): () => void;
  /** When so much more may be spent without going over the limit; 0 if it may now. */
  freeAt(limit: number, count: number): number;
};

/**
 * A window that slides: one that begins anew each minute lets through twice its limit around its edge. A call counts from when it is
 * sent until the time is over since its answer, since GitHub counted it at some moment between these.
 */
export function newWindow(clock: Clock, lengthMs: number): Window {
  /** Calls that were answered, oldest first. */
  let past: { at: number; count: number }[] = [];
  let underWay = 0;
  let total = 0;

  return {
    begin(count) {
      underWay += count;
      total += count;
      return () => {
        underWay -= count;
        past.push({ at: clock.now(), count });
      };
    },
    freeAt(limit, count) {
      const now = clock.now();
      forget(now);
      let excess = total + count - limit;
      if (excess <= 0) return 0;
      for (const call of past) {
        excess -= call.count;
        if (excess <= 0) return call.at + lengthMs;
      }
      return now + lengthMs;
    },
  };

  function forget(now: number): void {
    // NB: a clock that was put back must not hold up calls for as long as it went back.
    if ((past.at(-1)?.at ?? 0) > now) past = past.map(({ at, count }) => ({ at: Math.min(at, now), count }));
    const kept = past.findIndex(({ at }) => at + lengthMs > now);
    past = kept === -1 ? [] : past.slice(kept);
    total = past.reduce((sum, { count }) => sum + count, underWay);
  }
}
