import { systemClock } from "../../src/clock.ts";
import type { Clock } from "../../src/ports.ts";

export type FakeClock = Clock & {
  /** Moves the time on; waits that end meanwhile resolve in the order of their times. */
  advance(ms: number): Promise<void>;
  /** Resolves when somebody waits until a later time than now. */
  awaited(): Promise<void>;
};

/** A clock that stands still until it is moved. */
export function fakeClock(startAt = Date.parse("2026-11-23T12:00:00Z")): FakeClock {
  let now = startAt;
  const waits = new Set<{ at: number; end: () => void }>();
  const watchers = new Set<() => void>();
  return {
    now: () => now,
    until(at, signal) {
      if (signal.aborted || at <= now) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      const wait = { at, end: resolve };
      waits.add(wait);
      signal.addEventListener("abort", () => resolve(), { once: true });
      for (const watcher of watchers) watcher();
      return promise.finally(() => waits.delete(wait));
    },
    async advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = [...waits].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        now = next.at;
        waits.delete(next);
        next.end();
        await settled();
      }
      now = end;
    },
    async awaited() {
      if (waits.size > 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      watchers.add(resolve);
      await promise;
      watchers.delete(resolve);
    },
  };
}

/** Lets everything that needs no input or time go on to its end. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
}

/** A clock that goes so many times faster than the machine's: at 20 an hour takes three minutes. */
export function fastClock(scale: number): Clock {
  const startedAt = Date.now();
  const now = () => startedAt + (Date.now() - startedAt) * scale;
  return {
    now,
    until: (at, signal) => systemClock.until(Date.now() + (at - now()) / scale, signal),
  };
}

/** A clock on which every wait is over at once: time jumps to its end. */
export function hastyClock(): Clock {
  let skippedMs = 0;
  const now = () => Date.now() + skippedMs;
  return {
    now,
    until: async (at, signal) => {
      if (!signal.aborted && at > now()) skippedMs += at - now();
    },
  };
}
