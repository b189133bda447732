import { withLimit } from "../../clock.ts";
import type { Clock } from "../../ports.ts";
import { orLeave } from "./session.ts";

/** Remembers answers by key for a short time. Who asks meanwhile shares the answer, also one that is under way; failures are forgotten. */
export type Recently<T> = {
  get: (key: string, ask: (signal: AbortSignal) => Promise<T>, signal: AbortSignal) => Promise<T>;
  forget: () => void;
};

export type RecentlyParts = { clock: Clock; keepMs: number; limitMs: number; closed: AbortSignal };

export function recently<T>({ clock, keepMs, limitMs, closed }: RecentlyParts): Recently<T> {
  const kept = new Map<string, { at: number; answer: Promise<T> }>();

  /** NB: who asked first may leave before the others, so the call has a limit of its own. */
  function begin(key: string, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const fresh = { at: clock.now(), answer: withLimit(clock, limitMs, ask, closed) };
    kept.set(key, fresh);
    fresh.answer.catch(() => {
      if (kept.get(key) === fresh) kept.delete(key);
    });
    return fresh.answer;
  }

  return {
    get: (key, ask, signal) => {
      const last = kept.get(key);
      const isGood = last && clock.now() - last.at < keepMs;
      return orLeave(isGood ? last.answer : begin(key, ask), signal);
    },
    forget: () => kept.clear(),
  };
}
