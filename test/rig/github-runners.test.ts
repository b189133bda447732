import type { Octokit } from "@octokit/rest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { installationClient, jitRunner, named, refusal, runnerWith } from "../support/github.ts";
import type { Times } from "./github/model.ts";
import { type EmulatedGitHub, startGitHub } from "./github/server.ts";

/** The emulated GitHub's runners: registration, sessions, and removal. */

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

describe("registration", () => {
  it("keeps labels in lower case, adds none, and lists the runner as offline", async () => {
    await runnerNamed("m1", ["SpinW-Linux", "GPU"]);

    const [runner] = await listed();

    expect(runner?.labels.map((label) => label.name)).toEqual(["spinw-linux", "gpu"]);
    expect(runner).toMatchObject({ status: "offline", busy: false });
  });

  it("refuses a name that is taken, and a group that is not there", async () => {
    await runnerNamed("m1");

    const taken = await refusal(runnerNamed("m1"));
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
    const runner = await runnerNamed("m1");

    expect((await runner.openSession()).status).toBe(200);
    expect((await listed())[0]?.status).toBe("online");
    expect((await runner.openSession()).status).toBe(409);
    await runner.call("DELETE", "/session");
    expect((await listed())[0]?.status).toBe("offline");
  });

  it("is refused to a runner that is too old", async () => {
    const runner = await runnerNamed("m1");

    expect((await runner.openSession("2.328.0")).status).toBe(426);
    expect((await runner.openSession("2.1000.0")).status).toBe(200);
  });

  it("is refused once the registration is gone, and its listener is told", async () => {
    const runner = await runnerNamed("m1");
    await runner.openSession();
    const listening = runner.message(20);
    await github.until(() => github.runners(REPO)[0]?.wake !== undefined, 5000);

    await octokit.rest.actions.deleteSelfHostedRunnerFromRepo({ ...spinw, runner_id: runner.id });

    expect((await listening).status).toBe(404);
    expect((await runner.openSession()).status).toBe(401);
  });

  it("goes on for a ghost, which GitHub has dropped without telling", async () => {
    const runner = await runnerNamed("m1");
    await runner.openSession();

    github.dropRunner(runner.id);

    expect((await runner.message(0)).status).toBe(202);
    expect(await listed()).toEqual([]);
  });

  it("ends when the program falls silent", async () => {
    await restart({ idleSilentMs: 20 });
    const runner = await runnerNamed("m1");
    await runner.openSession();

    await github.until(() => github.runners(REPO)[0]?.session === undefined, 5000);

    expect((await listed())[0]?.status).toBe("offline");
  });

  it("does not end while the program listens", async () => {
    await restart({ idleSilentMs: 400 });
    const runner = await runnerNamed("m1");
    await runner.openSession();

    expect((await runner.message(0.6)).status).toBe(202);
    expect((await listed())[0]?.status).toBe("online");
  });
});

describe("removal", () => {
  it("is refused while a job runs, and of what is not there", async () => {
    const runner = await runnerNamed("m1");
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
    await runnerNamed("m1");

    await github.until(() => github.runners(REPO).length === 0, 5000);

    expect(await listed()).toEqual([]);
  });
});
