import type { Logger } from "pino";
import { type Clock, GitHubUnavailable, type Ring } from "../ports.ts";

/** Something that is done again and again, in the background. */
export type Rounds = {
  /** Asks for a round before its time. */
  soon: Ring;
  /** Resolves after the first round, whatever came of it. */
  first: Promise<void>;
  /** Resolves when the signal was aborted and the round under way has ended. */
  ended: Promise<void>;
};

export type RoundsParts = {
  /** One that fails is told of in the log, and another comes at its time. */
  round: (signal: AbortSignal) => Promise<void>;
  everyMs: number;
  /** Between two rounds at least, however often somebody rings. */
  restMs: number;
  /** What the log says of a round that failed. */
  failure: string;
  clock: Clock;
  log: Logger;
};

/** The first round begins at once. */
export function startRounds(parts: RoundsParts, signal: AbortSignal): Rounds {
  const { clock, log } = parts;
  const first = Promise.withResolvers<void>();
  let bell = new AbortController();
  return { soon: () => bell.abort(), first: first.promise, ended: run() };

  async function run(): Promise<void> {
    while (!signal.aborted) {
      bell = new AbortController();
      const retryAt = await attempt();
      first.resolve();
      const endedAt = clock.now();
      await clock.until(endedAt + parts.everyMs, AbortSignal.any([bell.signal, signal]));
      await clock.until(Math.max(endedAt + parts.restMs, retryAt), signal);
    }
    first.resolve();
  }

  /** Answers from when on GitHub may be asked again. */
  async function attempt(): Promise<number> {
    try {
      await parts.round(signal);
      return 0;
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, parts.failure);
      return error instanceof GitHubUnavailable ? (error.retryAt ?? 0) : 0;
    }
  }
}
