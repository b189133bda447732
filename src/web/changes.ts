import type { Clock, Store } from "../ports.ts";

/** Wakes those who wait for something to change. */
export type Changes = {
  /** How often something has changed. */
  count(): number;
  /** Resolves when something has changed since the count was that, at `at` at the latest, or when the signal is aborted. */
  next(count: number, at: number, signal: AbortSignal): Promise<void>;
  /** The same store, which tells of all that is written to it. */
  watch(store: Store): Store;
};

export function changesOf(clock: Clock): Changes {
  const waiting = new Set<AbortController>();
  let count = 0;

  const tell = () => {
    count += 1;
    for (const one of waiting) one.abort();
  };

  return {
    count: () => count,
    async next(since, at, signal) {
      if (count !== since) return;
      const woken = new AbortController();
      waiting.add(woken);
      await clock.until(at, AbortSignal.any([woken.signal, signal]));
      waiting.delete(woken);
    },
    watch: (store) => ({
      ...store,
      record: async (facts) => {
        await store.record(facts);
        tell();
      },
    }),
  };
}
