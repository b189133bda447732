import { describe, expect, test } from "vitest";
import type { JobSeen } from "../../src/core/types.ts";
import { Unanswered } from "../../src/github/errors.ts";
import { minutes } from "../support/build.ts";
import { LABELS, NO_LIMIT, REPO, startPort } from "./support.ts";

const JOBS_OF_RUN = "actions/list-jobs-for-workflow-run";
const order = (name: string) => ({ name, labels: LABELS, script: "true" });

describe("a job that is looked up", () => {
  test("reads like its webhook", async () => {
    const { gh, github, calls } = await startPort();
    const { jobs, runId, headSha } = gh.queueRun(REPO, { jobs: [order("test")] });

    const job = await github.job(REPO, jobs[0] ?? 0, NO_LIMIT);

    expect(job).toMatchObject({
      id: jobs[0],
      repo: REPO,
      installation: [...gh.world.installations.keys()][0],
      runId,
      headSha,
      attempt: 1,
      name: "test",
      labels: LABELS,
      status: "queued",
    });
    expect(calls()).toEqual(["200 actions/get-job-for-workflow-run"]);
  });

  test("is gone when GitHub has no such job", async () => {
    const { github } = await startPort();

    expect(await github.job(REPO, 12345, NO_LIMIT)).toBe("gone");
  });

  test("is gone when it has expired", async () => {
    const { gh, github } = await startPort();
    gh.faults.answers.push({ operation: "actions/get-job-for-workflow-run", status: 410 });

    expect(await github.job(REPO, 12345, NO_LIMIT)).toBe("gone");
  });

  test("is not gone just because the App was suspended", async () => {
    const { gh, github } = await startPort();
    gh.suspend(REPO, true);

    await expect(github.job(REPO, 12345, NO_LIMIT)).rejects.toThrow("github");
  });

  test("is asked for again, twice, when GitHub breaks down", async () => {
    const { gh, github, calls } = await startPort();
    const { jobs } = gh.queueRun(REPO, { jobs: [order("test")] });
    gh.faults.answers.push({ operation: "actions/get-job-for-workflow-run", status: 502, times: 2 });

    const job = await github.job(REPO, jobs[0] ?? 0, NO_LIMIT);

    expect(job).toMatchObject({ id: jobs[0] });
    expect(calls()).toHaveLength(3);
  });

  test("is given up for this pass when GitHub stays broken", async () => {
    const { gh, github, calls } = await startPort();
    gh.faults.answers.push({ operation: "actions/get-job-for-workflow-run", status: 502 });

    await expect(github.job(REPO, 1, NO_LIMIT)).rejects.toThrow(Unanswered);
    expect(calls()).toHaveLength(3);
  });
});

describe("the open jobs", () => {
  test("are those that wait, are held back or run, of all runs that are not over", async () => {
    const { gh, github } = await startPort();
    const waiting = gh.queueRun(REPO, { jobs: [order("queued"), order("ended")] });
    const held = gh.queueRun(REPO, { jobs: [{ ...order("held"), environment: "production" }] });
    const over = gh.queueRun(REPO, { jobs: [order("over")] });
    gh.cancelJob(waiting.jobs[1] ?? 0);
    gh.cancelRun(over.runId);

    const open = await github.openJobs(REPO, NO_LIMIT);

    expect(open.map(({ id, status }) => [id, status])).toEqual([
      [waiting.jobs[0], "queued"],
      [held.jobs[0], "waiting"],
    ]);
  });

  test.for([true, false])(
    "say whether everybody may see their repository: private is %s",
    async (isPrivate) => {
      const { gh, github } = await startPort();
      const repo = "SpinW/other";
      gh.addRepository(repo, { private: isPrivate });
      gh.queueRun(repo, { jobs: [order("test")] });

      const [job] = await github.openJobs(repo, NO_LIMIT);

      expect(job?.isPublic).toBe(!isPrivate);
    },
  );

  test("are read to the last page of runs and of jobs", async () => {
    const { gh, github } = await startPort();
    const big = gh.queueRun(REPO, { jobs: Array.from({ length: 101 }, (_, index) => order(`job ${index}`)) });
    const small = Array.from({ length: 100 }, () => gh.queueRun(REPO, { jobs: [order("test")] }).jobs[0]);

    const open = await github.openJobs(REPO, NO_LIMIT);

    expect(new Set(open.map(({ id }) => id))).toEqual(new Set([...big.jobs, ...small]));
  });

  test.for([404, 422])("of a run for which GitHub answers %i do not hide the others", async (status) => {
    const { gh, github } = await startPort();
    for (const _ of [1, 2]) gh.queueRun(REPO, { jobs: [order("test")] });
    gh.faults.answers.push({ operation: JOBS_OF_RUN, status, times: 1 });

    const open = await github.openJobs(REPO, NO_LIMIT);

    expect(open).toHaveLength(1);
  });

  test("of a run that GitHub stumbles over time after time are left out, and the log says so", async () => {
    const { gh, github, logged } = await startPort();
    gh.queueRun(REPO, { jobs: [order("test")] });
    gh.faults.answers.push({ operation: JOBS_OF_RUN, status: 500 });

    expect(await github.openJobs(REPO, NO_LIMIT)).toEqual([]);
    expect(logged()).toContain("the jobs of a run could not be listed");
  });

  test("that a limit does not let through are told of as far as they were read, and read first the next time", async () => {
    const { gh, github, clock } = await startPort();
    const runs = Array.from({ length: 20 }, () => gh.queueRun(REPO, { jobs: [order("test")] }).jobs[0]);
    const told: number[] = [];
    const tell = async (some: readonly JobSeen[]) => {
      told.push(...some.map(({ id }) => id));
      if (told.length === 8)
        gh.faults.answers.push({ operation: JOBS_OF_RUN, status: 429, retryAfter: 1, times: 1 });
    };

    await expect(github.openJobs(REPO, NO_LIMIT, tell)).rejects.toThrow("limited");
    expect(told).toHaveLength(8);
    await clock.until(clock.now() + minutes(2), NO_LIMIT);
    await github.openJobs(REPO, NO_LIMIT, tell);

    expect(new Set(told.slice(0, 20)).size).toBe(20);
    expect(new Set(told)).toEqual(new Set(runs));
  });
});
