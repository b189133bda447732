import { withLimit } from "../../clock.ts";
import type { Clock } from "../../ports.ts";
import { orLeave } from "./session.ts";

/** A list that many ask for, and that is expensive. Each answer was asked for after its caller came. */
export type SharedList<T> = {
  /** As soon as can be. Those who come while a call is under way share the next one. */
  soon: (signal: AbortSignal) => Promise<T>;
  /** For who waits for a change: with the next call of somebody else, or when the pace allows one. */
  watched: (signal: AbortSignal) => Promise<T>;
};

export type SharedListParts<T> = {
  ask: (signal: AbortSignal) => Promise<T>;
  limitMs: number;
  /** Calls for those who watch begin so far apart. */
  paceMs: number;
  clock: Clock;
  closed: AbortSignal;
};

export function sharedList<T>({ ask, limitMs, paceMs, clock, closed }: SharedListParts<T>): SharedList<T> {
  let begunAt = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;
  let next: PromiseWithResolvers<T> | undefined;
  let isPacing = false;

  /** NB: one caller's own limit must not end the call for the others. */
  function begin({ resolve, reject }: PromiseWithResolvers<T>): void {
    next = undefined;
    begunAt = clock.now();
    const answered = withLimit(clock, limitMs, ask, closed).then(resolve, reject);
    underWay = answered.then(() => {
      underWay = undefined;
    });
  }

  /** The call that all who come now will share. */
  function coming(): PromiseWithResolvers<T> {
    next ??= Promise.withResolvers<T>();
    // NB: all who wait for it may have left.
    next.promise.catch(() => undefined);
    return next;
  }

  async function beginSoon(): Promise<void> {
    await underWay;
    if (next && !underWay) begin(next);
  }

  async function beginInTime(): Promise<void> {
    if (isPacing) return;
    isPacing = true;
    await clock.until(begunAt + paceMs, closed);
    isPacing = false;
    await beginSoon();
  }

  return {
    soon: (signal) => {
      const { promise } = coming();
      void beginSoon();
      return orLeave(promise, signal);
    },
    watched: (signal) => {
      const { promise } = coming();
      void beginInTime();
      return orLeave(promise, signal);
    },
  };
}
