import { describe, expect, test } from "vitest";
import { type BudgetParts, newBudget, type Spending } from "../../src/github/budget.ts";
import type { HttpFailure } from "../../src/github/errors.ts";
import type { Urgency } from "../../src/github/routes.ts";
import { GitHubUnavailable } from "../../src/ports.ts";
import { fakeClock } from "../support/clock.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Longer than GitHub asks for. */
const MARGIN_MS = 1_000;
const ALL = ["register", "remove", "read", "conclude", "note", "report", "announce"] as const;

function start(parts: Partial<BudgetParts> = {}) {
  const clock = fakeClock();
  const pauses: number[] = [];
  const onPause = (until: number) => void pauses.push(until - startedAt);
  const startedAt = clock.now();
  const open = (more: Partial<BudgetParts> = {}) =>
    newBudget({ clock, onPause, random: () => 0, ...parts, ...more });
  const budget = open();
  return { clock, startedAt, pauses, open, ...budget, spend: (call: Spending) => budget.begin(call)() };
}

const read = (urgency: Urgency = "read"): Spending => ({
  urgency,
  bucket: "core",
  points: 1,
  isContent: false,
});
const write = (urgency: Urgency): Spending => ({ ...read(urgency), points: 5 });
const checkRun = (urgency: Urgency): Spending => ({ ...write(urgency), isContent: true });
const registration: Spending = { ...write("register"), bucket: "registrations" };

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

/** How many such calls go through before one has to wait. */
function count(spend: () => void): number {
  for (let spent = 0; ; spent += 1) if (retryAtOf(spend) !== undefined) return spent;
}

/** The headers of an answer when so many calls are left until then. */
const left = (calls: number, resetAt: number, resource = "core") => ({
  "x-ratelimit-limit": "5000",
  "x-ratelimit-remaining": String(calls),
  "x-ratelimit-reset": String(resetAt / 1000),
  "x-ratelimit-resource": resource,
});

describe("the points of a minute", () => {
  test("leave room for registrations when everything else has had its share", () => {
    const { spend } = start();

    const checkRuns = count(() => spend(write("conclude")));
    const reads = count(() => spend(read()));
    const registrations = count(() => spend(registration));

    expect([checkRuns, reads, registrations]).toEqual([120, 100, 36]);
  });

  test("never go beyond what GitHub allows, whoever asks", () => {
    const { spend } = start();

    expect(count(() => spend(registration)) * registration.points).toBeLessThan(900);
  });

  test("slide: in no minute are there more, wherever it begins", async () => {
    const { spend, clock } = start();
    count(() => spend(write("report")));

    await clock.advance(30_000);
    const early = count(() => spend(write("report")));
    await clock.advance(30_000);
    const late = count(() => spend(write("report")));

    expect([early, late]).toEqual([0, 110]);
  });

  test("count from the sending of a call until a minute after its answer", async () => {
    const { begin, spend, clock, startedAt } = start();
    const calls = Array.from({ length: 110 }, () => begin(write("report")));

    await clock.advance(MINUTE_MS);
    const whileUnderWay = count(() => spend(write("report")));
    for (const ended of calls) ended();

    expect(whileUnderWay).toBe(0);
    expect(retryAtOf(() => spend(write("report")))).toBe(startedAt + 2 * MINUTE_MS);
  });

  test("are free again when the clock was put back", () => {
    let now = Date.parse("2026-11-23T12:00:00Z");
    const { begin } = start({ clock: { now: () => now, until: async () => {} } });
    count(() => begin(write("report"))());

    now -= HOUR_MS;

    expect(retryAtOf(() => begin(write("report")))).toBe(now + MINUTE_MS);
  });
});

describe("calls that make content", () => {
  test("stay below GitHub's 80 in a minute and 500 in an hour", async () => {
    const { spend, clock } = start();

    const ofMinutes: number[] = [];
    for (let minute = 0; minute < 60; minute += 1) {
      ofMinutes.push(count(() => spend(checkRun("conclude"))));
      await clock.advance(MINUTE_MS);
    }

    expect(Math.max(...ofMinutes)).toBe(70);
    expect(ofMinutes.reduce((sum, made) => sum + made)).toBe(450);
  });

  test("are kept for the last words of jobs when there is little room", () => {
    const { spend } = start();

    const made = (["announce", "report", "conclude"] as const).map((urgency) =>
      count(() => spend(checkRun(urgency))),
    );

    expect(made).toEqual([40, 15, 15]);
  });

  test("are kept for each check run that is open, and given up to others when these are completed", async () => {
    const { spend, learnCheckRun, clock } = start();
    const open: number[] = [];
    /** As many as there is room for, within a quarter of an hour. */
    const allOf = async (make: () => void) => {
      let made = 0;
      for (let minute = 0; minute < 15; minute += 1) {
        made += count(make);
        await clock.advance(MINUTE_MS);
      }
      return made;
    };
    const announced = await allOf(() => {
      spend(checkRun("announce"));
      learnCheckRun({ id: open.push(open.length), status: "queued" });
    });

    const noted = await allOf(() => spend(checkRun("note")));
    const concluded = await allOf(() => {
      if (open.length === 0) throw new GitHubUnavailable("none is open", { retryAt: 1 });
      spend(checkRun("conclude"));
      learnCheckRun({ id: open.length, status: "completed" });
      open.pop();
    });

    expect([announced, noted, concluded]).toEqual([200, 50, 200]);
  });

  test("leave something for the ends of others, however many check runs are open", () => {
    const { check, learnCheckRun } = start();

    for (let id = 1; id <= 1000; id += 1) learnCheckRun({ id, status: "in_progress" });

    expect(() => check(checkRun("note"))).not.toThrow();
  });

  test("are not kept for a check run that has been open for more than a day", async () => {
    const { spend, learnCheckRun, clock } = start();
    for (let id = 1; id <= 1000; id += 1) learnCheckRun({ id, status: "in_progress" });

    await clock.advance(24 * HOUR_MS + 1);
    learnCheckRun({ id: 1001, status: "completed" });
    let noted = 0;
    for (let minute = 0; minute < 10; minute += 1) {
      noted += count(() => spend(checkRun("note")));
      await clock.advance(MINUTE_MS);
    }

    expect(noted).toBe(450);
  });

  test("hold up no other call", () => {
    const { spend } = start();
    count(() => spend(checkRun("conclude")));

    expect(() => spend(read())).not.toThrow();
    expect(() => spend(registration)).not.toThrow();
  });
});

describe("the calls of an hour", () => {
  test("are given up in the order of urgency", () => {
    const { check, learn, startedAt } = start();
    const resetAt = startedAt + 30 * MINUTE_MS;
    const refused = () => ALL.filter((urgency) => retryAtOf(() => check(read(urgency))) === resetAt);

    const stages = [5_000, 999, 499, 299, 99, 0].map((calls) => {
      learn(left(calls, resetAt));
      return refused();
    });

    expect(stages.map((names) => names[0])).toEqual([
      undefined,
      "announce",
      "report",
      "conclude",
      "read",
      "register",
    ]);
    expect(stages.at(-1)).toEqual(ALL);
  });

  test("are new when the hour is over", async () => {
    const { check, learn, clock, startedAt } = start();
    learn(left(0, startedAt + MINUTE_MS));

    await clock.advance(MINUTE_MS);

    expect(() => check(checkRun("announce"))).not.toThrow();
  });

  test("end when GitHub's clock says so, however far off ours is", () => {
    const { check, learn, startedAt } = start();
    const githubNow = startedAt - 3 * HOUR_MS;

    learn({ ...left(0, githubNow + 20 * MINUTE_MS), date: new Date(githubNow).toUTCString() });

    expect(retryAtOf(() => check(read()))).toBe(startedAt + 20 * MINUTE_MS);
  });

  test("and the registrations are counted apart", () => {
    const { check, learn, startedAt } = start();
    const soon = startedAt + MINUTE_MS;

    learn(left(0, soon, "actions_runner_registration"));
    const withoutRegistrations = [registration, read()].map((call) => retryAtOf(() => check(call)));
    learn(left(9_000, soon, "actions_runner_registration"));
    learn(left(0, soon));
    const withoutCalls = [registration, read()].map((call) => retryAtOf(() => check(call)));

    expect(withoutRegistrations).toEqual([soon, undefined]);
    expect(withoutCalls).toEqual([undefined, soon]);
  });

  test("are told, for a person who asks how much is left", () => {
    const { learn, standing, startedAt } = start();

    learn(left(4_711, startedAt + MINUTE_MS));

    expect(standing()).toEqual({
      calls: { left: 4_711, limit: 5_000, resetAt: startedAt + MINUTE_MS },
      limitedUntil: undefined,
    });
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
    const { limitedUntil, check, pauses, startedAt } = start();

    const until = limitedUntil(refusal, "core");

    expect(until).toBe(waitMs === undefined ? undefined : startedAt + waitMs + MARGIN_MS);
    expect(retryAtOf(() => check(registration))).toBe(until);
    expect(pauses).toEqual(waitMs === undefined ? [] : [waitMs + MARGIN_MS]);
  });

  test("for the hour's calls waits for the hour's end, but holds up no registration", () => {
    const { limitedUntil, check, pauses, startedAt } = start();
    const resetAt = startedAt + 10 * MINUTE_MS;

    const until = limitedUntil(failure(403, left(0, resetAt)), "core");

    expect(until).toBe(resetAt);
    expect(retryAtOf(() => check(write("remove")))).toBe(resetAt);
    expect(() => check(registration)).not.toThrow();
    expect(pauses).toEqual([]);
  });

  test("of a registration, for the hour's, holds up the others whatever bucket the server counts it in", () => {
    const { limitedUntil, check, startedAt } = start();

    limitedUntil(failure(403, left(0, startedAt + MINUTE_MS)), "registrations");

    expect(retryAtOf(() => check(registration))).toBe(startedAt + MINUTE_MS);
    expect(() => check(read())).not.toThrow();
  });
});

describe("a pause", () => {
  const limited = failure(403, { "retry-after": "30" });

  test("lets nothing through until its end, and then everything", async () => {
    const { limitedUntil, check, clock } = start();
    limitedUntil(limited, "core");

    await clock.advance(30_999);
    const before = ALL.map((urgency) => retryAtOf(() => check(read(urgency))));
    await clock.advance(1);
    const after = ALL.map((urgency) => retryAtOf(() => check(read(urgency))));

    expect(before).not.toContain(undefined);
    expect(new Set(after)).toEqual(new Set([undefined]));
  });

  test("is over a little later for each who waits, so that they do not all start at once", () => {
    const chances = [0, 0.5, 0.9];
    const { limitedUntil, check, startedAt } = start({ random: () => chances.shift() ?? 0 });
    const told = limitedUntil(limited, "core") ?? 0;

    const waits = [told, retryAtOf(() => check(read())) ?? 0, retryAtOf(() => check(registration)) ?? 0].map(
      (at) => at - startedAt,
    );

    expect(waits).toEqual([31_000, 32_500, 33_700]);
  });

  test("is told once, though several calls that were under way are refused", async () => {
    const { limitedUntil, pauses, clock } = start();

    limitedUntil(limited, "core");
    await clock.advance(200);
    limitedUntil(limited, "core");
    await clock.advance(5_000);
    limitedUntil(limited, "core");

    expect(pauses).toEqual([31_000, 36_200]);
  });

  test("goes on in the next process", async () => {
    const { open, startedAt, clock } = start();
    const budget = open({ pausedUntil: startedAt + 30_000 });

    const during = retryAtOf(() => budget.check(registration));
    const told = budget.standing().limitedUntil;
    await clock.advance(30_000);

    expect([during, told]).toEqual([startedAt + 30_000, startedAt + 30_000]);
    expect(() => budget.check(registration)).not.toThrow();
  });

  test("of which GitHub does not say how long it is gets longer each time in a row", async () => {
    const { limitedUntil, learn, clock } = start();
    const wordless = () => (limitedUntil(failure(429, {}), "core") ?? 0) - clock.now() - MARGIN_MS;

    const waits = [wordless(), wordless(), wordless()];
    await clock.advance(HOUR_MS);
    learn({});
    waits.push(wordless());

    expect(waits.map((ms) => ms / MINUTE_MS)).toEqual([1, 2, 4, 1]);
  });

  test("is no longer than GitHub asked for, when the clock was put back", () => {
    let now = Date.parse("2026-11-23T12:00:00Z");
    const { check, limitedUntil } = start({ clock: { now: () => now, until: async () => {} } });
    limitedUntil(limited, "core");

    now -= HOUR_MS;

    expect(retryAtOf(() => check(read()))).toBe(now + 30_000 + MARGIN_MS);
  });
});
