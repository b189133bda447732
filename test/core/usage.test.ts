import { describe, expect, test } from "vitest";
import type { Job, Machine } from "../../src/core/types.ts";
import { type Usage, usageOf } from "../../src/core/usage.ts";
import { adopted, aJob, booting, hours, M1, M2, minutes, REPO, seconds } from "../support/build.ts";

const FROM = Date.parse("2026-11-01T00:00:00Z");
const TO = Date.parse("2026-12-01T00:00:00Z");
const AT = Date.parse("2026-11-10T12:00:00Z");

const usage = (jobs: Job[], machines: Machine[] = [], now = TO + hours(1)): Usage[] =>
  usageOf({ jobs, machines, span: { from: FROM, to: TO }, now, controller: "lab" });

/** A job of ours that waited that long, and ran for ten minutes. */
function ran(waited: number, changes: Partial<Job> = {}): Job {
  const times = { queuedAt: AT, startedAt: AT + waited, doneAt: AT + waited + minutes(10) };
  return aJob({ status: "done", conclusion: "success", ranOn: M1, ...times, ...changes });
}

describe("what a repository used", () => {
  test("is its jobs, its VMs' hours, the time in the queue and what failed", () => {
    const machines = [
      booting({ startedAt: AT, destroyedAt: AT + minutes(90) }),
      booting({ startedAt: AT, destroyedAt: AT + minutes(15), retired: { at: AT, why: "boot-timeout" } }),
    ];
    const givenUp = aJob({ gaveUpAt: AT });

    expect(usage([ran(seconds(20)), ran(seconds(40)), givenUp], machines)).toEqual([
      {
        repo: REPO,
        jobs: 2,
        vmHours: 1.75,
        queueP50Seconds: 20,
        queueP95Seconds: 40,
        machinesFailed: 1,
        jobsGivenUp: 1,
      },
    ]);
  });

  test("has as its P95 what 95 of 100 jobs did not wait longer than", () => {
    const jobs = Array.from({ length: 100 }, (_, index) => ran(seconds(index + 1)));

    expect(usage(jobs)).toMatchObject([{ queueP50Seconds: 50, queueP95Seconds: 95 }]);
  });

  test("counts of a VM only the time within the month, up to now", () => {
    const before = booting({ startedAt: FROM - hours(5), destroyedAt: FROM + hours(2) });
    const after = booting({ startedAt: TO - hours(3), destroyedAt: TO + hours(9) });
    const there = booting({ startedAt: AT });

    expect(usage([], [before])).toMatchObject([{ vmHours: 2 }]);
    expect(usage([], [after])).toMatchObject([{ vmHours: 3 }]);
    expect(usage([], [there], AT + hours(4))).toMatchObject([{ vmHours: 4 }]);
  });

  test("counts of an adopted VM the time since it was found, for no repository", () => {
    const found = adopted({ repo: "", createdAt: AT, destroyedAt: AT + hours(1) });

    expect(usage([], [found])).toMatchObject([{ repo: "", vmHours: 1 }]);
  });

  test("leaves out what was before, what was after, and what was not ours", () => {
    const jobs = [
      ran(0, { doneAt: FROM - 1 }),
      ran(0, { doneAt: TO }),
      ran(0, { ranOn: "GitHub Actions 7" }),
      aJob({ gaveUpAt: TO }),
    ];
    const failedBefore = booting({ startedAt: undefined, retired: { at: FROM - 1, why: "lost" } });

    expect(usage(jobs, [failedBefore])).toEqual([]);
  });

  test("counts a job that never started, and has no wait of it", () => {
    const cancelled = aJob({
      status: "done",
      conclusion: "cancelled",
      doneAt: AT,
      check: { id: 1, digest: "" },
    });

    expect(usage([cancelled])).toMatchObject([{ jobs: 1, queueP50Seconds: undefined }]);
  });

  test("begins a job's wait when GitHub let it go", () => {
    const held = ran(hours(50), { heldAt: AT, readyAt: AT + hours(50) - seconds(7) });

    expect(usage([held])).toMatchObject([{ queueP50Seconds: 7 }]);
  });

  test("is told for each repository by itself, the greatest first, however GitHub spells it", () => {
    const machines = [
      booting({ startedAt: AT, destroyedAt: AT + hours(1) }),
      booting({ name: M2, repo: "octo/other", startedAt: AT, destroyedAt: AT + hours(2) }),
    ];

    const found = usage([ran(0, { repo: "Octo/SpinW" })], machines);

    expect(found.map(({ repo, jobs }) => [repo.toLowerCase(), jobs])).toEqual([
      ["octo/other", 0],
      ["octo/spinw", 1],
    ]);
  });
});
