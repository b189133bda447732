import type { Logger } from "pino";
import { withLimit } from "./clock.ts";
import type { Clock, Ring } from "./ports.ts";

/** What each host answers to one question, asked in the background now and then. */
export type Asked<T> = {
  /** By host. Hosts that have not answered yet, or that failed to at the last try, are not in here. */
  answers: () => ReadonlyMap<string, T>;
  /** Asks each host that is due. Answers when the next one will be. */
  ask: () => number;
  /** The host's answer may be another one by now. */
  askAgain: (host: string) => void;
};

export type AskedParts<T> = {
  /** What is asked, for the log. */
  what: string;
  /** By host: how to ask it. */
  questions: ReadonlyMap<string, (signal: AbortSignal) => Promise<T>>;
  /** Told of each answer. */
  heard?: (host: string, answer: T) => void;
  everyMs: number;
  limitMs: number;
  clock: Clock;
  ring: Ring;
  log: Logger;
};

export function asked<T>(parts: AskedParts<T>): Asked<T> {
  const { what, questions, heard = () => {}, everyMs, limitMs, clock, ring, log } = parts;
  const answers = new Map<string, T>();
  const askedAt = new Map<string, number>();
  const asking = new Set<string>();

  async function askOne(host: string, question: (signal: AbortSignal) => Promise<T>): Promise<void> {
    asking.add(host);
    askedAt.set(host, clock.now());
    try {
      const answer = await withLimit(clock, limitMs, question);
      answers.set(host, answer);
      heard(host, answer);
    } catch (error) {
      answers.delete(host);
      log.warn({ source: host, err: error }, `a host could not be asked ${what}`);
    } finally {
      asking.delete(host);
      ring();
    }
  }

  return {
    answers: () => answers,
    ask: () => {
      let next = Number.POSITIVE_INFINITY;
      for (const [host, question] of questions) {
        if (asking.has(host)) continue;
        const at = (askedAt.get(host) ?? Number.NEGATIVE_INFINITY) + everyMs;
        if (at <= clock.now()) void askOne(host, question);
        else next = Math.min(next, at);
      }
      return next;
    },
    askAgain: (host) => void askedAt.delete(host),
  };
}

/** The hosts whose driver can answer a question, and how it is asked. */
export function questionsTo<Driver, T>(
  drivers: ReadonlyMap<string, Driver>,
  questionOf: (driver: Driver) => ((signal: AbortSignal) => Promise<T>) | undefined,
): Map<string, (signal: AbortSignal) => Promise<T>> {
  return new Map(
    Array.from(drivers).flatMap(([host, driver]) => {
      const question = questionOf(driver);
      return question ? [[host, question] as const] : [];
    }),
  );
}
