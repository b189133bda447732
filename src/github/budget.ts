import type { Clock } from "../ports.ts";
import { GitHubUnavailable } from "../ports.ts";
import { type HttpFailure, headerOf } from "./errors.ts";
import type { Urgency } from "./routes.ts";

/** Calls of the hour that are kept for what is more urgent. NB: registrations have a bucket of their own, 10,000 an hour. */
const KEEP_CALLS: Record<Urgency, number> = { register: 0, remove: 0, read: 100, report: 500 };

/**
 * Points that may be spent in a minute before a call has to wait, out of the 900 that GitHub allows (a read is 1, a write 5).
 * See: docs.github.com, "Rate limits for the REST API", "About secondary rate limits".
 */
const POINTS: Record<Urgency, number> = { register: 880, remove: 800, read: 700, report: 600 };
const MINUTE_MS = 60_000;

/** "Wait at least one minute", say GitHub's docs, where no header says how long. */
const SECONDARY_WAIT_MS = 60_000;

/** What an installation may still ask of GitHub, from GitHub's own answers. */
export type Budget = {
  /** Counts a call. Throws `GitHubUnavailable` with `retryAt` instead if the call would go over a limit. */
  spend(urgency: Urgency, points: number): void;
  /** Reads the headers of an answer. */
  learn(headers: Record<string, unknown>): void;
  /** If a limit is what made GitHub refuse: the time from which on it may be asked again. */
  limitedUntil(failure: HttpFailure): number | undefined;
};

/** One per installation. Times are epoch milliseconds. */
export function newBudget(clock: Clock): Budget {
  let refusedUntil = 0;
  let calls: { left: number; resetAt: number } | undefined;
  let minute = { from: 0, points: 0 };

  return {
    spend(urgency, points) {
      const now = clock.now();
      if (now < refusedUntil) throw spent(refusedUntil);
      if (calls && now < calls.resetAt && calls.left < KEEP_CALLS[urgency]) throw spent(calls.resetAt);
      if (now - minute.from >= MINUTE_MS) minute = { from: now, points: 0 };
      if (minute.points + points > POINTS[urgency]) throw spent(minute.from + MINUTE_MS);
      minute.points += points;
    },
    learn(headers) {
      const left = Number(headers["x-ratelimit-remaining"] ?? Number.NaN);
      const resetAt = Number(headers["x-ratelimit-reset"] ?? Number.NaN) * 1000;
      const isMainBucket = (headers["x-ratelimit-resource"] ?? "core") === "core";
      if (isMainBucket && Number.isFinite(left) && Number.isFinite(resetAt)) calls = { left, resetAt };
    },
    limitedUntil(failure) {
      if (failure.status !== 403 && failure.status !== 429) return undefined;
      const secondary = secondaryLimit(failure, clock.now());
      if (secondary !== undefined) refusedUntil = Math.max(refusedUntil, secondary);
      return secondary ?? hourlyLimit(failure);
    },
  };
}

function spent(retryAt: number): GitHubUnavailable {
  return new GitHubUnavailable("the budget of calls to github is spent", { retryAt });
}

/** The limit on bursts: it holds for every call of the installation. */
function secondaryLimit(failure: HttpFailure, now: number): number | undefined {
  const seconds = Number(headerOf(failure, "retry-after") ?? Number.NaN);
  if (Number.isFinite(seconds)) return now + seconds * 1000;
  const isNamed = /secondary rate limit/i.test(failure.message);
  const isHourly = headerOf(failure, "x-ratelimit-remaining") === "0";
  return isNamed || (failure.status === 429 && !isHourly) ? now + SECONDARY_WAIT_MS : undefined;
}

/** The limit on calls per hour, of the bucket that this call belongs to. */
function hourlyLimit(failure: HttpFailure): number | undefined {
  if (headerOf(failure, "x-ratelimit-remaining") !== "0") return undefined;
  return Number(headerOf(failure, "x-ratelimit-reset") ?? 0) * 1000;
}
