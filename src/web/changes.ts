import type { Clock } from "../ports.ts";

/** Wakes those who wait for something to change. */
export type Changes = {
  /** How often something has changed. */
  count(): number;
  /** Resolves when something has changed since the count was that, at `at` at the latest, or when the signal is aborted. */
  next(count: number, at: number, signal: AbortSignal): Promise<void>;
  /** Something has changed, or is about to: those who wait look after those who change it. */
  note(): void;
};

export function changesOf(clock: Clock): Changes {
  const waiting = new Set<AbortController>();
  let count = 0;

  return {
    count: () => count,
    async next(since, at, signal) {
      if (count !== since) return;
      const woken = new AbortController();
      waiting.add(woken);
      await clock.until(at, AbortSignal.any([woken.signal, signal]));
      waiting.delete(woken);
    },
    note() {
      count += 1;
      for (const one of waiting) one.abort();
    },
  };
}
