import type { Octokit } from "@octokit/rest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { installationClient, jitRunner, named } from "../support/github.ts";
import type { Times } from "./github/model.ts";
import { type EmulatedGitHub, startGitHub } from "./github/server.ts";

/** The emulated GitHub's jobs: which runner gets one, and how it ends. */

const REPO = "octo/spinw";
const spinw = named(REPO);
let github: EmulatedGitHub;
let octokit: Octokit;

async function start(times: Partial<Times> = {}): Promise<void> {
  github = await startGitHub({ times });
  github.addRepository(REPO);
  octokit = await installationClient(github, REPO);
}

beforeEach(() => start());

afterEach(async () => {
  expect(github.violations).toEqual([]);
  await github.close();
});

/** Starts afresh with other waiting times. */
async function restart(times: Partial<Times>): Promise<void> {
  await github.close();
  await start(times);
}

const runnerNamed = (name: string, labels = ["self-hosted", "spinw"]) =>
  jitRunner(octokit, REPO, { name, labels });

function queue(...labels: string[]): number {
  const { jobs } = github.queueRun(REPO, {
    jobs: [{ name: "build", labels, script: "make", env: { A: "1" } }],
  });
  return Number(jobs[0]);
}

const listed = async () => (await octokit.rest.actions.listSelfHostedRunnersForRepo(spinw)).data.runners;

describe("a job", () => {
  it("goes to an online runner that has all its labels, whatever their case", async () => {
    const wrong = await runnerNamed("wrong", ["self-hosted", "other"]);
    const right = await runnerNamed("right", ["self-hosted", "spinw", "gpu"]);
    await wrong.openSession();
    const job = queue("Self-Hosted", "SpinW");
    expect(github.job(job).status).toBe("queued");

    await right.openSession();
    const message = await (await right.message(5)).json();

    expect(message).toEqual({
      jobId: job,
      runId: github.job(job).run.id,
      runAttempt: 1,
      repository: REPO,
      jobName: "build",
      headSha: github.job(job).run.headSha,
      script: "make",
      env: { A: "1" },
    });
    expect(github.job(job)).toMatchObject({ status: "in_progress", runner: { name: "right" } });
  });

  it("reaches a listener that is waiting", async () => {
    const runner = await runnerNamed("m1");
    await runner.openSession();
    const listening = runner.message(20);
    await github.until(() => github.runners(REPO)[0]?.wake !== undefined, 5000);

    queue("spinw");

    expect((await listening).status).toBe(200);
  });

  it("is not handed to a listener that has hung up", async () => {
    const runner = await runnerNamed("m1");
    await runner.openSession();
    const hangUp = new AbortController();
    const listening = runner.call("GET", "/message?wait=20", undefined, hangUp.signal).catch(() => undefined);
    await github.until(() => github.runners(REPO)[0]?.wake !== undefined, 5000);

    hangUp.abort();
    await listening;
    await github.until(() => github.runners(REPO)[0]?.openCalls === 0, 5000);
    const job = queue("spinw");

    expect(github.job(job)).toMatchObject({ status: "queued", runner: { name: "m1" } });
  });

  it("keeps its log, ends as the runner says, and takes its one-job runner off the list", async () => {
    const runner = await runnerNamed("m1");
    await runner.openSession();
    const job = queue("spinw");
    await runner.message(5);

    await runner.call("POST", `/jobs/${job}/log`, "one\n");
    await runner.call("POST", `/jobs/${job}/log`, "two\n");
    await runner.call("POST", `/jobs/${job}/complete`, { result: "Failed" });

    expect(github.job(job)).toMatchObject({ status: "completed", conclusion: "failure", log: "one\ntwo\n" });
    expect(await listed()).toEqual([]);
  });

  it("is given to one runner only", async () => {
    const runners = [await runnerNamed("m1"), await runnerNamed("m2")];
    for (const runner of runners) await runner.openSession();
    queue("spinw");

    const answers = await Promise.all(runners.map((runner) => runner.message(0)));

    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 202]);
  });

  it("is not given to a runner that had its one job, though it never said how it ended", async () => {
    await restart({ cancelMs: 10 });
    const runner = await runnerNamed("m1");
    await runner.openSession();
    const first = queue("spinw");
    await runner.message(5);
    github.cancelJob(first);
    await github.until(() => github.job(first).status === "completed", 5000);

    const second = queue("spinw");

    expect((await runner.message(0)).status).toBe(202);
    expect(github.job(second).status).toBe("queued");
  });

  it("goes back to the queue if the runner does not take it, and to another one", async () => {
    await restart({ giveBackMs: 30 });
    const deaf = await runnerNamed("deaf");
    await deaf.openSession();
    const job = queue("spinw");
    expect(github.job(job).runner?.name).toBe("deaf");

    await github.until(() => github.job(job).runner === undefined, 5000);
    const other = await runnerNamed("other");
    await other.openSession();

    expect(await other.runOneJob()).toBe(job);
  });

  it("fails when the runner that has it falls silent; the runner stays listed, offline", async () => {
    await restart({ busySilentMs: 30 });
    const runner = await runnerNamed("m1");
    await runner.openSession();
    const job = queue("spinw");
    await runner.message(5);

    await github.until(() => github.job(job).status === "completed", 5000);

    expect(github.job(job).conclusion).toBe("failure");
    expect(await listed()).toMatchObject([{ name: "m1", status: "offline", busy: false }]);
  });

  it("that waits ends at once when its run is cancelled", async () => {
    const job = queue("spinw");

    github.cancelRun(github.job(job).run.id);

    expect(github.job(job)).toMatchObject({ status: "completed", conclusion: "cancelled" });
    expect(github.job(job).startedAt).toBeUndefined();
  });

  it("that runs is asked to end, and ended when it does not", async () => {
    await restart({ cancelMs: 30 });
    const runner = await runnerNamed("m1");
    await runner.openSession();
    const job = queue("spinw");
    await runner.message(5);

    github.cancelJob(job);
    const state = await (await runner.call("GET", `/jobs/${job}/state`)).json();
    await github.until(() => github.job(job).status === "completed", 5000);

    expect(state).toEqual({ cancelled: true });
    expect(github.job(job).conclusion).toBe("cancelled");
  });
});

describe("a new attempt", () => {
  it("has new job ids, and tells of the jobs that were good once more", async () => {
    const { runId, jobs } = github.queueRun(REPO, {
      jobs: ["good", "bad"].map((name) => ({ name, labels: ["spinw"], script: "true" })),
    });
    for (const [name, result] of [
      ["m1", "Succeeded"],
      ["m2", "Failed"],
    ] as const) {
      const runner = await runnerNamed(name);
      await runner.openSession();
      await runner.runOneJob(result);
    }

    const fresh = github.rerunJob(Number(jobs[1]));

    const { data } = await octokit.rest.actions.listJobsForWorkflowRun({ ...spinw, run_id: runId });
    expect(data.jobs.map(({ name, status, run_attempt }) => ({ name, status, run_attempt }))).toEqual([
      { name: "good", status: "completed", run_attempt: 2 },
      { name: "bad", status: "queued", run_attempt: 2 },
    ]);
    expect(jobs).not.toContain(fresh);
    expect(data.jobs.every((job) => !jobs.includes(job.id))).toBe(true);
  });
});
