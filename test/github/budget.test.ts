import { describe, expect, test } from "vitest";
import { newBudget } from "../../src/github/budget.ts";
import type { HttpFailure } from "../../src/github/errors.ts";
import { GitHubUnavailable } from "../../src/ports.ts";
import { fakeClock } from "../support/clock.ts";

const MINUTE_MS = 60_000;
const WRITE = 5;

function start() {
  const clock = fakeClock();
  return { clock, budget: newBudget(clock), startedAt: clock.now() };
}

function failure(status: number, headers: Record<string, string>, message = "refused"): HttpFailure {
  return Object.assign(new Error(message), { status, response: { headers } });
}

function retryAtOf(call: () => void): number | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof GitHubUnavailable) return error.retryAt;
    throw error;
  }
  return undefined;
}

/** The headers of an answer when so many calls are left until then. */
const left = (calls: number, resetAt: number, resource = "core") => ({
  "x-ratelimit-remaining": String(calls),
  "x-ratelimit-reset": String(resetAt / 1000),
  "x-ratelimit-resource": resource,
});

describe("the points of a minute", () => {
  test("leave room for registrations when check runs have had their share", () => {
    const { budget, startedAt } = start();

    for (let written = 0; written < 120; written += 1) budget.spend("report", WRITE);

    expect(retryAtOf(() => budget.spend("report", WRITE))).toBe(startedAt + MINUTE_MS);
    for (let registered = 0; registered < 50; registered += 1) budget.spend("register", WRITE);
  });

  test("never go beyond what GitHub allows, whoever asks", () => {
    const { budget, startedAt } = start();
    let points = 0;

    while (retryAtOf(() => budget.spend("register", WRITE)) === undefined) points += WRITE;

    expect(points).toBeLessThanOrEqual(900);
    expect(retryAtOf(() => budget.spend("register", WRITE))).toBe(startedAt + MINUTE_MS);
  });

  test("are new in the next minute", async () => {
    const { budget, clock } = start();
    for (let written = 0; written < 120; written += 1) budget.spend("report", WRITE);

    await clock.advance(MINUTE_MS);

    expect(() => budget.spend("report", WRITE)).not.toThrow();
  });
});

describe("the calls of an hour", () => {
  test("are given up in the order of urgency", () => {
    const { budget, startedAt } = start();
    const resetAt = startedAt + 30 * MINUTE_MS;
    const refused = () =>
      (["register", "remove", "read", "report"] as const).filter(
        (urgency) => retryAtOf(() => budget.spend(urgency, 1)) === resetAt,
      );

    const stages = [5_000, 499, 99, 0].map((calls) => {
      budget.learn(left(calls, resetAt));
      return refused();
    });

    expect(stages).toEqual([[], ["report"], ["read", "report"], ["read", "report"]]);
  });

  test("are new when the hour is over", async () => {
    const { budget, clock, startedAt } = start();
    budget.learn(left(0, startedAt + MINUTE_MS));

    await clock.advance(MINUTE_MS);

    expect(() => budget.spend("report", WRITE)).not.toThrow();
  });

  test("are not those of another bucket", () => {
    const { budget, startedAt } = start();

    budget.learn(left(0, startedAt + MINUTE_MS, "actions_runner_registration"));

    expect(() => budget.spend("report", WRITE)).not.toThrow();
  });
});

describe("a refusal", () => {
  test.for<[string, HttpFailure, number | undefined]>([
    ["with retry-after", failure(403, { "retry-after": "30" }), 30_000],
    ["429 with retry-after", failure(429, { "retry-after": "7" }), 7_000],
    [
      "that names the secondary limit",
      failure(403, {}, "You have exceeded a secondary rate limit"),
      MINUTE_MS,
    ],
    ["429 without a word", failure(429, {}), MINUTE_MS],
    ["for want of a right", failure(403, { "x-ratelimit-remaining": "4000" }), undefined],
    ["404", failure(404, { "retry-after": "30" }), undefined],
    ["500", failure(500, { "retry-after": "30" }), undefined],
  ])("%s is told from a limit", ([, refusal, waitMs]) => {
    const { budget, startedAt } = start();

    const until = budget.limitedUntil(refusal);

    expect(until).toBe(waitMs === undefined ? undefined : startedAt + waitMs);
    expect(retryAtOf(() => budget.spend("register", WRITE))).toBe(until);
  });

  test("for the hour's calls waits for the hour's end, but holds up no registration", () => {
    const { budget, startedAt } = start();
    const resetAt = startedAt + 10 * MINUTE_MS;

    const until = budget.limitedUntil(failure(403, left(0, resetAt)));

    expect(until).toBe(resetAt);
    expect(() => budget.spend("register", WRITE)).not.toThrow();
  });
});
