import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "./ports.ts";

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  until: async (at, signal) => {
    if (signal.aborted) return;
    // NB: an abort ends the wait, it is no error; setTimeout takes at most 2^31-1 ms.
    const waitMs = Math.min(Math.max(0, at - Date.now()), 2 ** 31 - 1);
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  },
};

/**
 * Runs something under a time limit: when it is over, the signal is aborted and the answer is a `TimeLimitError`, also if
 * what runs does not heed the signal.
 */
export async function withLimit<T>(
  clock: Clock,
  limitMs: number,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const work = new AbortController();
  const timer = new AbortController();
  const limit = clock.until(clock.now() + limitMs, timer.signal).then(() => {
    if (timer.signal.aborted) return new Promise<never>(() => undefined);
    work.abort();
    throw new TimeLimitError(`no answer within ${limitMs / 1000} s`);
  });
  try {
    return await Promise.race([run(work.signal), limit]);
  } finally {
    timer.abort();
  }
}

export class TimeLimitError extends Error {
  override name = "TimeLimitError";
}
