import type { Octokit } from "@octokit/rest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  installationClient,
  named,
  type RunnerProgram,
  refusal,
  runnerProgram,
  runnerWith,
} from "../support/github.ts";
import type { Times } from "./github/model.ts";
import { type EmulatedGitHub, startGitHub } from "./github/server.ts";

/** The emulated GitHub's runners: registration, hand-over of jobs, and what becomes of both. */

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

async function jitRunner(
  name: string,
  labels = ["self-hosted", "spinw"],
): Promise<RunnerProgram & { id: number }> {
  const { data } = await octokit.rest.actions.generateRunnerJitconfigForRepo({
    ...spinw,
    name,
    runner_group_id: 1,
    labels,
  });
  return { id: data.runner.id, ...runnerProgram(data.encoded_jit_config) };
}

function queue(...labels: string[]): number {
  const { jobs } = github.queueRun(REPO, {
    jobs: [{ name: "build", labels, script: "make", env: { A: "1" } }],
  });
  return Number(jobs[0]);
}

const listed = async () => (await octokit.rest.actions.listSelfHostedRunnersForRepo(spinw)).data.runners;

describe("registration", () => {
  it("keeps labels in lower case, adds none, and lists the runner as offline", async () => {
    await jitRunner("m1", ["SpinW-Linux", "GPU"]);

    const [runner] = await listed();

    expect(runner?.labels.map((label) => label.name)).toEqual(["spinw-linux", "gpu"]);
    expect(runner).toMatchObject({ status: "offline", busy: false });
  });

  it("refuses a name that is taken, and a group that is not there", async () => {
    await jitRunner("m1");

    const taken = await refusal(jitRunner("m1"));
    const order = { ...spinw, name: "m2", runner_group_id: 2, labels: ["spinw"] };
    const group = await refusal(octokit.rest.actions.generateRunnerJitconfigForRepo(order));

    expect(taken.status).toBe(409);
    expect(taken.message).toContain("Already exists - A runner with the name m1 already exists.");
    expect(group.status).toBe(404);
  });

  it("by token lets the program register itself, if the token is good", async () => {
    const { data } = await octokit.rest.actions.createRegistrationTokenForRepo(spinw);
    const order = { url: `${github.url}/octo/spinw`, name: "m1", labels: ["spinw"], ephemeral: true };
    const register = (token: string) =>
      fetch(`${github.url}/_runner/register`, { method: "POST", body: JSON.stringify({ ...order, token }) });

    expect((await register("made up")).status).toBe(401);
    const { serverUrl, clientId } = (await (await register(data.token)).json()) as Record<string, string>;
    const runner = runnerWith(String(serverUrl), String(clientId), "m1");
    await runner.openSession();
    const job = queue("spinw");

    expect(await runner.runOneJob()).toBe(job);
    expect(await listed()).toEqual([]);
  });
});

describe("a registration token", () => {
  it("ends after its hour", async () => {
    await restart({ registrationTokenMs: -1 });
    const { data } = await octokit.rest.actions.createRegistrationTokenForRepo(spinw);
    const order = {
      url: `${github.url}/octo/spinw`,
      token: data.token,
      name: "m1",
      labels: ["spinw"],
      ephemeral: true,
    };

    const answer = await fetch(`${github.url}/_runner/register`, {
      method: "POST",
      body: JSON.stringify(order),
    });

    expect(answer.status).toBe(401);
  });
});

describe("a session", () => {
  it("makes the runner online, is the only one, and makes it offline when it ends", async () => {
    const runner = await jitRunner("m1");

    expect((await runner.openSession()).status).toBe(200);
    expect((await listed())[0]?.status).toBe("online");
    expect((await runner.openSession()).status).toBe(409);
    await runner.call("DELETE", "/session");
    expect((await listed())[0]?.status).toBe("offline");
  });

  it("is refused to a runner that is too old", async () => {
    const runner = await jitRunner("m1");

    expect((await runner.openSession("2.328.0")).status).toBe(426);
    expect((await runner.openSession("2.1000.0")).status).toBe(200);
  });

  it("is refused once the registration is gone, and its listener is told", async () => {
    const runner = await jitRunner("m1");
    await runner.openSession();
    const listening = runner.message(20);
    await github.until(() => github.runners(REPO)[0]?.wake !== undefined, 5000);

    await octokit.rest.actions.deleteSelfHostedRunnerFromRepo({ ...spinw, runner_id: runner.id });

    expect((await listening).status).toBe(404);
    expect((await runner.openSession()).status).toBe(401);
  });

  it("goes on for a ghost, which GitHub has dropped without telling", async () => {
    const runner = await jitRunner("m1");
    await runner.openSession();

    github.dropRunner(runner.id);

    expect((await runner.message(0)).status).toBe(202);
    expect(await listed()).toEqual([]);
  });

  it("ends when the program falls silent", async () => {
    await restart({ idleSilentMs: 20 });
    const runner = await jitRunner("m1");
    await runner.openSession();

    await github.until(() => github.runners(REPO)[0]?.session === undefined, 5000);

    expect((await listed())[0]?.status).toBe("offline");
  });

  it("does not end while the program listens", async () => {
    await restart({ idleSilentMs: 400 });
    const runner = await jitRunner("m1");
    await runner.openSession();

    expect((await runner.message(0.6)).status).toBe(202);
    expect((await listed())[0]?.status).toBe("online");
  });
});

describe("a job", () => {
  it("goes to an online runner that has all its labels, whatever their case", async () => {
    const wrong = await jitRunner("wrong", ["self-hosted", "other"]);
    const right = await jitRunner("right", ["self-hosted", "spinw", "gpu"]);
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
    const runner = await jitRunner("m1");
    await runner.openSession();
    const listening = runner.message(20);
    await github.until(() => github.runners(REPO)[0]?.wake !== undefined, 5000);

    queue("spinw");

    expect((await listening).status).toBe(200);
  });

  it("is not handed to a listener that has hung up", async () => {
    const runner = await jitRunner("m1");
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
    const runner = await jitRunner("m1");
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
    const runners = [await jitRunner("m1"), await jitRunner("m2")];
    for (const runner of runners) await runner.openSession();
    queue("spinw");

    const answers = await Promise.all(runners.map((runner) => runner.message(0)));

    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 202]);
  });

  it("is not given to a runner that had its one job, though it never said how it ended", async () => {
    await restart({ cancelMs: 10 });
    const runner = await jitRunner("m1");
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
    const deaf = await jitRunner("deaf");
    await deaf.openSession();
    const job = queue("spinw");
    expect(github.job(job).runner?.name).toBe("deaf");

    await github.until(() => github.job(job).runner === undefined, 5000);
    const other = await jitRunner("other");
    await other.openSession();

    expect(await other.runOneJob()).toBe(job);
  });

  it("fails when the runner that has it falls silent; the runner stays listed, offline", async () => {
    await restart({ busySilentMs: 30 });
    const runner = await jitRunner("m1");
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
    const runner = await jitRunner("m1");
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

describe("removal", () => {
  it("is refused while a job runs, and of what is not there", async () => {
    const runner = await jitRunner("m1");
    await runner.openSession();
    queue("spinw");
    await runner.message(5);
    const remove = (id: number) =>
      octokit.rest.actions.deleteSelfHostedRunnerFromRepo({ ...spinw, runner_id: id });

    const busy = await refusal(remove(runner.id));

    expect(busy.status).toBe(422);
    expect(busy.message).toContain('Runner "m1" is currently running a job and cannot be deleted.');
    expect(await refusal(remove(999))).toMatchObject({ status: 404 });
  });

  it("comes by itself to a one-job runner that was not heard of for a day", async () => {
    await restart({ ephemeralRunnerMs: 30 });
    await jitRunner("m1");

    await github.until(() => github.runners(REPO).length === 0, 5000);

    expect(await listed()).toEqual([]);
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
      const runner = await jitRunner(name);
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
