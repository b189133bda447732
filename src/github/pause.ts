import type { Clock } from "../ports.ts";
import { type HttpFailure, headerOf } from "./errors.ts";

/** "Wait at least one minute", say GitHub's docs, where no header says how long; and longer each time in a row. */
const WAIT_MS = 60_000;
const WAIT_MAX_MS = 16 * WAIT_MS;
/** So much longer than GitHub asked for: the calls that were under way are refused too, a little later, and each makes it longer. */
const MARGIN_MS = 1_000;

/** GitHub's limit on bursts: while it lasts GitHub refuses all calls of an installation, and each one makes it longer. */
export type Pause = {
  /** Its end, if it lasts now. */
  until(): number | undefined;
  /** A call was refused. False: not for this limit. */
  learnRefusal(failure: HttpFailure): boolean;
  /** A call was answered. */
  learnAnswer(): void;
};

export type PauseParts = {
  clock: Clock;
  /** It lasts until then, as was known before the process began. */
  pausedUntil?: number | undefined;
  onPause?: ((until: number) => void) | undefined;
};

export function newPause({ clock, pausedUntil = 0, onPause }: PauseParts): Pause {
  let until = pausedUntil;
  let longestMs = Math.max(0, pausedUntil - clock.now());
  let refusals = 0;

  return {
    until() {
      const now = clock.now();
      // NB: a clock that was put back must not make it longer than GitHub asked for.
      until = Math.min(until, now + longestMs);
      return now < until ? until : undefined;
    },
    learnRefusal(failure) {
      const waitMs = waitOf(failure, refusals);
      if (waitMs === undefined) return false;
      refusals += 1;
      const now = clock.now();
      if (now + waitMs <= until) return true;
      longestMs = waitMs + MARGIN_MS;
      until = now + longestMs;
      onPause?.(until);
      return true;
    },
    learnAnswer() {
      refusals = 0;
    },
  };
}

function waitOf(failure: HttpFailure, refusals: number): number | undefined {
  const seconds = Number(headerOf(failure, "retry-after") ?? Number.NaN);
  if (Number.isFinite(seconds)) return seconds * 1000;
  const isNamed = /secondary rate limit/i.test(failure.message);
  const isHourly = headerOf(failure, "x-ratelimit-remaining") === "0";
  if (!isNamed && (failure.status !== 429 || isHourly)) return undefined;
  return Math.min(WAIT_MS * 2 ** refusals, WAIT_MAX_MS);
}
