import { afterEach, describe, expect, test } from "vitest";
import { burst } from "./burst/figures.ts";
import { LAB_REPO, type Lab, openLab } from "./burst/lab.ts";

/**
 * The short form of `npm run bench:burst`: Mayfly's own parts at an emulated GitHub with its real limits on, one minute of which takes a
 * second or two.
 */

const LIMIT_MS = 60_000;
const MINUTE_MS = 60_000;

const labs: Lab[] = [];
afterEach(async () => {
  const violations = labs.flatMap(({ github }) => github.violations);
  await Promise.all(labs.splice(0).map((lab) => lab.close()));
  expect(violations).toEqual([]);
});

async function open(machines: number, scale: number): Promise<Lab> {
  const pace = { bootMs: 20_000, jobMs: () => MINUTE_MS };
  const lab = await openLab({ machines, scale, checkRuns: true, pace });
  labs.push(lab);
  return lab;
}

/** What was written of each job, in order: `queued`, `in_progress`, `completed`. */
const writesOf = ({ github }: Lab) => github.checkRuns(LAB_REPO).map(({ writes }) => writes);

describe("a burst of jobs", { timeout: 2 * LIMIT_MS }, () => {
  test("is served and told to the last job, and provokes no refusal", async () => {
    const lab = await open(50, 15);

    const came = await burst(lab, [50, 50], LIMIT_MS);

    expect(came).toMatchObject({ jobs: 100, served: 100, lost: 0, told: 100, refusals: 0, openMachines: 0 });
    expect(Math.max(...writesOf(lab))).toBeLessThanOrEqual(4);
    expect(came.overtaken).toBeLessThanOrEqual(1);
    expect(lab.order.overtaken().length).toBeGreaterThanOrEqual(100);
  });

  test("that GitHub limits for reasons of its own is refused once, and left alone till then", async () => {
    const lab = await open(20, 40);
    const { github, store } = lab;

    const coming = burst(lab, [30, 30], LIMIT_MS);
    await github.until(() => github.runners(LAB_REPO).length > 0, LIMIT_MS);
    github.limitCalls(LAB_REPO);
    const came = await coming;

    expect(came).toMatchObject({ jobs: 60, served: 60, lost: 0, told: 60, refusedTwice: 0, openMachines: 0 });
    expect(github.limited.filter(({ again }) => !again)).toMatchObject([{ limit: "undisclosed" }]);
    expect([...store.state.limited.values()]).toHaveLength(1);
  });
});

describe("a job that goes well", { timeout: LIMIT_MS }, () => {
  test("costs six calls at most, when there are few at a time", async () => {
    const lab = await open(3, 60);
    await burst(lab, [1], LIMIT_MS);
    const before = lab.github.calls.length;

    for (const size of [1, 1, 2, 3]) await burst(lab, [size], LIMIT_MS);

    const calls = lab.github.calls.slice(before).filter(({ operation }) => !isOfTheMinute(operation));
    expect(calls.length / 7).toBeLessThanOrEqual(6);
    expect(calls.length / 7).toBeGreaterThanOrEqual(4);
  });
});

/** The sweep for lost webhooks, which happens every few minutes whatever the jobs do. */
const isOfTheMinute = (operation: string | undefined): boolean =>
  operation === "actions/list-workflow-runs-for-repo" || operation === "actions/list-jobs-for-workflow-run";
