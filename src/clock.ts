import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "./ports.ts";

/** Where the time comes from, in milliseconds. */
export type TimeSources = {
  /** Epoch time, which may be stepped at any moment: by NTP, by an admin, by a VM's host. */
  wall: () => number;
  /** Time since some moment, which only runs on. */
  mono: () => number;
  /** Hears of each step of the wall clock, by how much. */
  onStep?: ((stepMs: number) => void) | undefined;
};

/** A difference to the wall clock that is made up for at once. */
const FOLLOW_MS = 1000;
/** A longer one is made up for by running so much faster or slower: a time limit is never wrong by more than a tenth. */
const SLEW = 0.1;
/** The most that setTimeout takes. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1;

/**
 * A clock that neither jumps nor runs backwards: wall time at its making plus the time that has passed since, and slowly drawn
 * to the wall clock when that was stepped. A step would else end every time limit at once, or none of them for hours.
 * NB: the time that passes stands still while the machine is suspended; waking up is a step forward.
 */
export function steadyClock({ wall, mono, onStep }: TimeSources): Clock {
  let askedAt = mono();
  let offsetMs = wall() - askedAt;
  let wallOffsetMs = offsetMs;
  let last = 0;

  function now(): number {
    const at = mono();
    const offsetNow = wall() - at;
    const stepMs = offsetNow - wallOffsetMs;
    if (Math.abs(stepMs) > FOLLOW_MS) onStep?.(stepMs);
    wallOffsetMs = offsetNow;
    offsetMs += drawn(offsetNow - offsetMs, at - askedAt);
    askedAt = at;
    last = Math.max(last, Math.floor(at + offsetMs));
    return last;
  }

  return {
    now,
    until: async (at, signal) => {
      // NB: an abort ends the wait, it is no error. A clock that is being slowed down is not there yet when the sleep ends.
      for (let waitMs = at - now(); waitMs > 0 && !signal.aborted; waitMs = at - now()) {
        await sleep(Math.min(waitMs, LONGEST_SLEEP_MS), undefined, { signal }).catch(() => undefined);
      }
    },
  };
}

/** How much of a difference to the wall clock is made up for after this time. */
function drawn(differenceMs: number, passedMs: number): number {
  if (Math.abs(differenceMs) <= FOLLOW_MS) return differenceMs;
  return Math.sign(differenceMs) * Math.min(Math.abs(differenceMs), passedMs * SLEW);
}

export const SYSTEM_TIME: TimeSources = { wall: Date.now, mono: () => performance.now() };

/** The machine's own clock. */
export const systemClock: Clock = steadyClock(SYSTEM_TIME);

/**
 * Runs something under a time limit: when it is over, the signal is aborted and the answer is a `TimeLimitError`, also if
 * what runs does not heed the signal. `outer`: a signal of the caller's own that ends it, too.
 */
export async function withLimit<T>(
  clock: Clock,
  limitMs: number,
  run: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const work = new AbortController();
  const timer = new AbortController();
  const limit = clock.until(clock.now() + limitMs, timer.signal).then(() => {
    if (timer.signal.aborted) return new Promise<never>(() => undefined);
    work.abort();
    throw new TimeLimitError(`no answer within ${limitMs / 1000} s`);
  });
  try {
    const signal = outer ? AbortSignal.any([work.signal, outer]) : work.signal;
    return await Promise.race([run(signal), limit]);
  } finally {
    timer.abort();
  }
}

export class TimeLimitError extends Error {
  override name = "TimeLimitError";
}
