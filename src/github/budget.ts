import type { Standing } from "../ports.ts";
import { type HttpFailure, Spent } from "./errors.ts";
import { newPause, type PauseParts } from "./pause.ts";
import type { Bucket, Urgency } from "./routes.ts";
import { newWindow } from "./window.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Calls of the hour, of a bucket, that are kept for what is more urgent. */
const KEEP_CALLS: Record<Urgency, number> = {
  register: 0,
  remove: 0,
  read: 100,
  conclude: 300,
  note: 300,
  report: 500,
  announce: 1000,
};

/**
 * Up to this much may be spent in the window by a call so urgent; below GitHub's own limits, and less the less urgent it is.
 * See: docs.github.com, "Rate limits for the REST API", "About secondary rate limits": 900 points in a minute (a read is 1, a write 5),
 * 80 calls that make content in a minute and 500 in an hour. NB: 880 points are 176 registrations; 1,500 are allowed in five minutes.
 */
const POINTS: Record<Urgency, number> = {
  register: 880,
  remove: 800,
  read: 700,
  conclude: 600,
  note: 600,
  report: 550,
  announce: 500,
};
const CONTENT_A_MINUTE = content(70, 55, 40);
const CONTENT_AN_HOUR = content(450, 300, 200);
/** What is left of an hour's content for other ends, however many check runs are open. */
const CONTENT_LEAST = 150;
/** A check run that has been open for so long is not waited for any more. */
const OPEN_MS = 24 * HOUR_MS;

/** Those who had to wait go on within this time after a limit's end, not all at once. */
const JITTER_MS = 3_000;

export type Spending = { urgency: Urgency; bucket: Bucket; points: number; isContent: boolean };

/** What an installation may still ask of GitHub, from GitHub's own answers. */
export type Budget = {
  /** Throws `Spent` if the call would go over a limit, or if GitHub has told us to wait. */
  check(call: Spending): void;
  /** Counts a call that is sent now. To be called when it was answered. */
  begin(call: Spending): () => void;
  /** Reads the headers of an answer. */
  learn(headers: Record<string, unknown>): void;
  /** Reads the check run that an answer shows. */
  learnCheckRun(checkRun: { id: number; status: string }): void;
  /** If a limit is what made GitHub refuse: the time from which on it may be asked again. */
  limitedUntil(failure: HttpFailure, bucket: Bucket): number | undefined;
  standing(): Omit<Standing, "installation" | "repositories">;
};

export type BudgetParts = PauseParts & {
  /** From 0 to 1. */
  random: () => number;
};

/** In GitHub's words. See: docs.github.com, REST, "Get rate limit status for the authenticated user". */
const BUCKETS: Readonly<Record<string, Bucket>> = {
  core: "core",
  actions_runner_registration: "registrations",
};

type Hour = { left: number; limit: number | undefined; resetAt: number };

/** One per installation. Times are epoch milliseconds, of our own clock. */
export function newBudget({ random, ...parts }: BudgetParts): Budget {
  const { clock } = parts;
  const hours = new Map<Bucket, Hour>();
  const points = newWindow(clock, MINUTE_MS);
  const made = { minute: newWindow(clock, MINUTE_MS), hour: newWindow(clock, HOUR_MS) };
  /** Check runs that are not completed, with the time of their last change. */
  const open = new Map<number, number>();
  const pause = newPause(parts);
  const jitter = (at: number) => at + random() * JITTER_MS;

  function check({ urgency, bucket, points: count, isContent }: Spending): void {
    const pausedUntil = pause.until();
    if (pausedUntil !== undefined) throw new Spent(jitter(pausedUntil));
    const hour = hourOf(bucket);
    if (hour && hour.left <= KEEP_CALLS[urgency]) throw new Spent(jitter(hour.resetAt));
    const frees = [points.freeAt(POINTS[urgency], count)];
    if (isContent) {
      frees.push(made.minute.freeAt(CONTENT_A_MINUTE[urgency], 1));
      frees.push(made.hour.freeAt(contentAnHour(urgency, open.size), 1));
    }
    const freeAt = Math.max(...frees);
    if (freeAt > 0) throw new Spent(freeAt);
  }

  /** NB: after a clock was put back, an hour that ends in more than an hour is of the past. */
  function hourOf(bucket: Bucket): Hour | undefined {
    const hour = hours.get(bucket);
    const leftMs = (hour?.resetAt ?? 0) - clock.now();
    return leftMs > 0 && leftMs <= HOUR_MS + MINUTE_MS ? hour : undefined;
  }

  return {
    check,
    begin(call) {
      check(call);
      const ends = [points.begin(call.points)];
      if (call.isContent) ends.push(made.minute.begin(1), made.hour.begin(1));
      return () => {
        for (const end of ends) end();
      };
    },
    learn(headers) {
      pause.learnAnswer();
      const hour = hourIn(headers, clock.now());
      const bucket = BUCKETS[String(headers["x-ratelimit-resource"] ?? "core")];
      if (hour && bucket) hours.set(bucket, hour);
    },
    learnCheckRun({ id, status }) {
      const now = clock.now();
      for (const [other, at] of open) if (at + OPEN_MS < now) open.delete(other);
      if (status === "completed") open.delete(id);
      else open.set(id, now);
    },
    limitedUntil(failure, bucket) {
      if (failure.status !== 403 && failure.status !== 429) return undefined;
      if (pause.learnRefusal(failure)) return jitter(pause.until() ?? clock.now());
      const hour = hourIn(failure.response?.headers ?? {}, clock.now());
      if (hour?.left !== 0) return undefined;
      hours.set(bucket, hour);
      return jitter(hour.resetAt);
    },
    standing: () => ({ limitedUntil: pause.until(), calls: hourOf("core") }),
  };
}

function content(ends: number, report: number, announce: number): Record<Urgency, number> {
  return { register: ends, remove: ends, read: ends, conclude: ends, note: ends, report, announce };
}

/**
 * A check run that is open will have to be completed, and nobody can merge until it is: one write of the hour is kept for each. So in a
 * great burst some jobs have no check run until they are over, rather than all of them one that says for an hour that they run.
 */
function contentAnHour(urgency: Urgency, openCheckRuns: number): number {
  const most = CONTENT_AN_HOUR[urgency];
  if (urgency === "conclude") return most;
  return Math.min(most, Math.max(CONTENT_AN_HOUR.conclude - openCheckRuns, CONTENT_LEAST));
}

/** NB: the hour's end is a time of GitHub's clock, as is the answer's date. Ours may be off, so their difference is what counts. */
function hourIn(headers: Record<string, unknown>, now: number): Hour | undefined {
  const left = Number(headers["x-ratelimit-remaining"] ?? Number.NaN);
  const resetAt = Number(headers["x-ratelimit-reset"] ?? Number.NaN) * 1000;
  if (!Number.isFinite(left) || !Number.isFinite(resetAt)) return undefined;
  const limit = Number(headers["x-ratelimit-limit"] ?? Number.NaN);
  const githubNow = Date.parse(String(headers.date));
  return {
    left,
    limit: Number.isFinite(limit) ? limit : undefined,
    resetAt: Number.isFinite(githubNow) ? now + resetAt - githubNow : resetAt,
  };
}
