import type { Clock, Standing } from "../ports.ts";
import { type HttpFailure, headerOf, Spent } from "./errors.ts";
import type { Bucket, Urgency } from "./routes.ts";
import { newWindow, type Window } from "./window.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Calls of the hour, of a bucket, that are kept for what is more urgent. */
const KEEP_CALLS: Record<Urgency, number> = {
  register: 0,
  remove: 0,
  read: 100,
  conclude: 300,
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
  report: 550,
  announce: 500,
};
const CONTENT_A_MINUTE = content(70, 55, 40);
/** In a great burst, a job's last word must not wait for an hour because all were told that they wait. */
const CONTENT_AN_HOUR = content(450, 300, 200);

/** "Wait at least one minute", say GitHub's docs, where no header says how long; and longer each time in a row. */
const SECONDARY_WAIT_MS = MINUTE_MS;
const SECONDARY_WAIT_MAX_MS = 16 * MINUTE_MS;
/** So much longer than GitHub asked for: the calls that were under way are refused too, a little later, and each makes it longer. */
const MARGIN_MS = 1_000;
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
  /** If a limit is what made GitHub refuse: the time from which on it may be asked again. */
  limitedUntil(failure: HttpFailure, bucket: Bucket): number | undefined;
  standing(): Omit<Standing, "installation" | "repositories">;
};

export type BudgetParts = {
  clock: Clock;
  /** GitHub has told us, before the process began, to wait until then. */
  pausedUntil?: number | undefined;
  /** GitHub refuses all calls until then. */
  onPause?: ((until: number) => void) | undefined;
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
export function newBudget({ clock, pausedUntil = 0, onPause, random }: BudgetParts): Budget {
  const hours = new Map<Bucket, Hour>();
  const points = newWindow(clock, MINUTE_MS);
  const made = { minute: newWindow(clock, MINUTE_MS), hour: newWindow(clock, HOUR_MS) };
  let pause = { until: pausedUntil, longestMs: Math.max(0, pausedUntil - clock.now()) };
  let refusals = 0;

  function check({ urgency, bucket, points: count, isContent }: Spending): void {
    const now = clock.now();
    if (now < pauseEnd(now)) throw new Spent(pause.until + random() * JITTER_MS);
    const hour = hourOf(bucket, now);
    if (hour && hour.left <= KEEP_CALLS[urgency]) throw new Spent(hour.resetAt + random() * JITTER_MS);
    const frees = [points.freeAt(POINTS[urgency], count)];
    if (isContent) frees.push(...roomForContent(made, urgency));
    const freeAt = Math.max(...frees);
    if (freeAt > now) throw new Spent(freeAt);
  }

  /** NB: a clock that was put back must not make a pause longer than GitHub asked for. */
  function pauseEnd(now: number): number {
    pause.until = Math.min(pause.until, now + pause.longestMs);
    return pause.until;
  }

  function hourOf(bucket: Bucket, now: number): Hour | undefined {
    const hour = hours.get(bucket);
    return hour && now < hour.resetAt && hour.resetAt <= now + HOUR_MS + MINUTE_MS ? hour : undefined;
  }

  function pauseFor(waitMs: number): void {
    const now = clock.now();
    if (now + waitMs <= pause.until) return;
    const longestMs = waitMs + MARGIN_MS;
    pause = { until: now + longestMs, longestMs };
    onPause?.(pause.until);
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
      refusals = 0;
      const hour = hourIn(headers, clock.now());
      const bucket = BUCKETS[String(headers["x-ratelimit-resource"] ?? "core")];
      if (hour && bucket) hours.set(bucket, hour);
    },
    limitedUntil(failure, bucket) {
      if (failure.status !== 403 && failure.status !== 429) return undefined;
      const now = clock.now();
      const waitMs = secondaryWaitMs(failure, refusals);
      if (waitMs !== undefined) {
        refusals += 1;
        pauseFor(waitMs);
        return pause.until + random() * JITTER_MS;
      }
      const hour = hourIn(failure.response?.headers ?? {}, now);
      if (hour?.left !== 0) return undefined;
      hours.set(bucket, hour);
      return hour.resetAt + random() * JITTER_MS;
    },
    standing() {
      const now = clock.now();
      const until = pauseEnd(now);
      const hour = hourOf("core", now);
      return { limitedUntil: now < until ? until : undefined, calls: hour };
    },
  };
}

function content(conclude: number, report: number, announce: number): Record<Urgency, number> {
  return { register: conclude, remove: conclude, read: conclude, conclude, report, announce };
}

const roomForContent = ({ minute, hour }: Record<"minute" | "hour", Window>, urgency: Urgency): number[] => [
  minute.freeAt(CONTENT_A_MINUTE[urgency], 1),
  hour.freeAt(CONTENT_AN_HOUR[urgency], 1),
];

/** The limit on bursts: it holds for every call of the installation. */
function secondaryWaitMs(failure: HttpFailure, refusals: number): number | undefined {
  const seconds = Number(headerOf(failure, "retry-after") ?? Number.NaN);
  if (Number.isFinite(seconds)) return seconds * 1000;
  const isNamed = /secondary rate limit/i.test(failure.message);
  const isHourly = headerOf(failure, "x-ratelimit-remaining") === "0";
  if (!isNamed && (failure.status !== 429 || isHourly)) return undefined;
  return Math.min(SECONDARY_WAIT_MS * 2 ** refusals, SECONDARY_WAIT_MAX_MS);
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
