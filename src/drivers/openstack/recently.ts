import type { Clock } from "../../ports.ts";

/** Remembers answers by key for a short time. Who asks meanwhile shares the answer, also one that is under way; failures are forgotten. */
export type Recently<T> = {
  get: (key: string, ask: () => Promise<T>) => Promise<T>;
  forget: () => void;
};

export function recently<T>(clock: Clock, keepMs: number): Recently<T> {
  const kept = new Map<string, { at: number; answer: Promise<T> }>();
  return {
    get: (key, ask) => {
      const last = kept.get(key);
      if (last && clock.now() - last.at < keepMs) return last.answer;
      const answer = ask();
      const fresh = { at: clock.now(), answer };
      kept.set(key, fresh);
      answer.catch(() => {
        if (kept.get(key) === fresh) kept.delete(key);
      });
      return answer;
    },
    forget: () => kept.clear(),
  };
}
