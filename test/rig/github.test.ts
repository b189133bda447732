import { generateKeyPairSync } from "node:crypto";
import { Octokit } from "@octokit/rest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { appClient, installationClient, jwt, named, refusal } from "../support/github.ts";
import { HANDLED } from "./github/rest/access.ts";
import { loadOperations } from "./github/schemas.ts";
import { type EmulatedGitHub, startGitHub } from "./github/server.ts";

/** The emulated GitHub's REST API: who may do what, and the gate that keeps it to GitHub's own description. */

const REPO = "octo/spinw";
const spinw = named(REPO);
let github: EmulatedGitHub;
let octokit: Octokit;

beforeEach(async () => {
  github = await startGitHub();
  github.addRepository(REPO);
  octokit = await installationClient(github, REPO);
});

afterEach(() => github.close());

describe("the app's JWT", () => {
  it("opens the app's own operations", async () => {
    const app = appClient(github);

    const { data } = await app.rest.apps.getAuthenticated();

    expect(data?.slug).toBe("mayfly");
    expect(await app.paginate(app.rest.apps.listInstallations)).toHaveLength(1);
    expect(github.violations).toEqual([]);
  });

  const otherKey = generateKeyPairSync("rsa", { modulusLength: 2048 })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();

  it.each([
    ["another key", { key: otherKey }, "could not be decoded"],
    ["another app", { iss: 7 }, "'iss'"],
    ["an end in the past", { iat: -700, exp: -100 }, "'exp'"],
    ["an end more than ten minutes away", { exp: 700 }, "too far in the future"],
    ["a start in the future", { iat: 60 }, "'iat'"],
  ])("is refused with %s", async (_what, options, words) => {
    const refused = await refusal(appClient(github, options).rest.apps.getAuthenticated());

    expect(refused.status).toBe(401);
    expect(refused.message).toContain(words);
  });

  it("is no key to a repository", async () => {
    const refused = await refusal(appClient(github).rest.actions.listSelfHostedRunnersForRepo(spinw));

    expect(refused.status).toBe(403);
  });
});

describe("an installation token", () => {
  it("opens the repositories of its installation only", async () => {
    github.addRepository("octo/other", { private: true, installed: false });
    github.addRepository("other/public", { installed: false });

    const { data } = await octokit.rest.apps.listReposAccessibleToInstallation();

    expect(data.repositories.map((repo) => repo.full_name)).toEqual([REPO]);
    expect(await refusal(octokit.rest.repos.get(named("octo/other")))).toMatchObject({ status: 404 });
    expect((await octokit.rest.repos.get(named("other/public"))).data.private).toBe(false);
    const other = octokit.rest.actions.listSelfHostedRunnersForRepo(named("other/public"));
    expect(await refusal(other)).toMatchObject({ status: 403 });
  });

  it("is refused what it has no permission for, with the permission that is needed", async () => {
    const app = appClient(github);
    const { data: installation } = await app.rest.apps.getRepoInstallation(spinw);
    const { data } = await app.rest.apps.createInstallationAccessToken({
      installation_id: installation.id,
      permissions: { checks: "read", metadata: "read" },
    });
    const narrow = new Octokit({ baseUrl: github.apiUrl, auth: data.token });

    const refused = await refusal(
      narrow.rest.checks.create({ ...spinw, name: "Mayfly", head_sha: "a".repeat(40) }),
    );

    expect(refused).toMatchObject({ status: 403 });
    expect(refused.message).toContain("Resource not accessible by integration");
  });

  it("is never granted more than the installation has", async () => {
    const app = appClient(github);
    const { data: installation } = await app.rest.apps.getRepoInstallation(spinw);

    const refused = await refusal(
      app.rest.apps.createInstallationAccessToken({
        installation_id: installation.id,
        permissions: { contents: "write" },
      }),
    );

    expect(refused.status).toBe(422);
  });

  it("ends after its hour, and while the installation is suspended", async () => {
    await github.close();
    github = await startGitHub({ times: { installationTokenMs: 0 } });
    github.addRepository(REPO);
    const expired = await installationClient(github, REPO);

    expect(await refusal(expired.rest.repos.get(spinw))).toMatchObject({ status: 401 });
    github.suspend(REPO, true);
    expect(await refusal(installationClient(github, REPO))).toMatchObject({ status: 403 });
  });

  it("is not accepted if GitHub never made it", async () => {
    const stranger = new Octokit({ baseUrl: github.apiUrl, auth: "ghs_madeup" });

    expect(await refusal(stranger.rest.repos.get(spinw))).toMatchObject({ status: 401 });
  });
});

describe("the schema gate", () => {
  it("has a handler for each operation of the cut, and no other", () => {
    expect([...HANDLED].sort()).toEqual(
      loadOperations()
        .map((operation) => operation.id)
        .sort(),
    );
  });

  it.each([
    ["a body of the wrong type", "POST /repos/octo/spinw/check-runs", { name: 7, head_sha: "a" }, 422],
    [
      "a body with a key that GitHub does not know",
      "POST /repos/octo/spinw/check-runs",
      { name: "x", head_sha: "a", nam: 1 },
      422,
    ],
    [
      "a just-in-time runner without its group",
      "POST /repos/octo/spinw/actions/runners/generate-jitconfig",
      { name: "m", labels: ["a"] },
      422,
    ],
    [
      "a just-in-time runner without labels",
      "POST /repos/octo/spinw/actions/runners/generate-jitconfig",
      { name: "m", labels: [], runner_group_id: 1 },
      422,
    ],
    ["a query key that GitHub does not know", "GET /repos/octo/spinw/actions/runners?pages=2", {}, 422],
    ["a page that is no number", "GET /repos/octo/spinw/actions/runners?page=two", {}, 422],
    ["an operation that GitHub does not have", "GET /repos/octo/spinw/actions/machines", {}, 404],
  ])("refuses and notes %s", async (_what, route, body, status) => {
    const refused = await refusal(octokit.request(route, body));

    expect(refused.status).toBe(status);
    expect(github.violations).toHaveLength(1);
  });

  it("turns a wrong answer of the emulator into a noted 500", async () => {
    const { jobs } = github.queueRun(REPO, { jobs: [{ name: "build", labels: ["spinw"], script: "true" }] });
    Object.assign(github.job(Number(jobs[0])), { name: 7 });

    const refused = await refusal(
      octokit.rest.actions.getJobForWorkflowRun({ ...spinw, job_id: Number(jobs[0]) }),
    );

    expect(refused).toMatchObject({ status: 500 });
    expect(github.violations).toEqual([expect.stringContaining("/name must be string")]);
  });

  it("notes a webhook that does not fit", () => {
    github.setWebhook({ url: "http://127.0.0.1:9/", secret: "s" });

    github.queueRun(REPO, {
      headBranch: 7 as never,
      jobs: [{ name: "build", labels: ["spinw"], script: "true" }],
    });

    expect(github.violations).toEqual([expect.stringContaining("webhook workflow_job.queued")]);
  });
});

describe("lists", () => {
  it("come in pages that lead to each other", async () => {
    const jobs = Array.from({ length: 25 }, (_, n) => ({
      name: `build ${n}`,
      labels: ["spinw"],
      script: "true",
    }));
    const { runId } = github.queueRun(REPO, { jobs });

    const all = await octokit.paginate(octokit.rest.actions.listJobsForWorkflowRun, {
      ...spinw,
      run_id: runId,
      per_page: 10,
    });

    expect(all.map((job) => job.name)).toEqual(jobs.map((job) => job.name));
    expect(
      github.calls.filter((call) => call.operation === "actions/list-jobs-for-workflow-run"),
    ).toHaveLength(3);
  });

  it("find runs by status and runners by name", async () => {
    github.queueRun(REPO, { jobs: [{ name: "build", labels: ["spinw"], script: "true" }] });
    const done = github.queueRun(REPO, { jobs: [{ name: "build", labels: ["spinw"], script: "true" }] });
    github.cancelRun(done.runId);
    for (const name of ["m1", "m2"]) {
      await octokit.rest.actions.generateRunnerJitconfigForRepo({
        ...spinw,
        name,
        runner_group_id: 1,
        labels: ["x"],
      });
    }

    const queued = await octokit.rest.actions.listWorkflowRunsForRepo({ ...spinw, status: "queued" });
    const cancelled = await octokit.rest.actions.listWorkflowRunsForRepo({ ...spinw, status: "cancelled" });
    const runners = await octokit.rest.actions.listSelfHostedRunnersForRepo({ ...spinw, name: "m2" });

    expect(queued.data.total_count).toBe(1);
    expect(cancelled.data.workflow_runs.map((run) => run.id)).toEqual([done.runId]);
    expect(runners.data.runners.map((runner) => runner.name)).toEqual(["m2"]);
  });
});

describe("the budget", () => {
  it("is told in headers, not charged for an answer that did not change, and ends in a 403", async () => {
    await github.close();
    github = await startGitHub({ hourlyLimit: 3 });
    github.addRepository(REPO);
    octokit = await installationClient(github, REPO);

    const first = await octokit.rest.repos.get(spinw);
    const again = await refusal(
      octokit.rest.repos.get({ ...spinw, headers: { "if-none-match": String(first.headers.etag) } }),
    );
    const second = await octokit.rest.repos.get(spinw);
    await octokit.rest.repos.get(spinw);
    const over = await refusal(octokit.rest.repos.get(spinw));

    expect(first.headers["x-ratelimit-remaining"]).toBe("2");
    expect(again.status).toBe(304);
    expect(second.headers["x-ratelimit-remaining"]).toBe("1");
    expect(over).toMatchObject({ status: 403 });
    expect(over.message).toContain("API rate limit exceeded");
  });

  it("counts runner registrations apart", async () => {
    await octokit.rest.actions.generateRunnerJitconfigForRepo({
      ...spinw,
      name: "m1",
      runner_group_id: 1,
      labels: ["spinw"],
    });

    const { data } = await octokit.rest.rateLimit.get();

    expect(data.resources.actions_runner_registration?.used).toBe(1);
    expect(data.resources.core.used).toBe(0);
  });
});

describe("a run", () => {
  it("is cancelled by its operation, once, if the app may", async () => {
    await github.close();
    github = await startGitHub({ permissions: { actions: "write", metadata: "read" } });
    github.addRepository(REPO);
    octokit = await installationClient(github, REPO);
    const { runId, jobs } = github.queueRun(REPO, {
      jobs: [{ name: "build", labels: ["spinw"], script: "true" }],
    });

    await octokit.rest.actions.cancelWorkflowRun({ ...spinw, run_id: runId });

    const { data } = await octokit.rest.actions.getWorkflowRun({ ...spinw, run_id: runId });
    expect(data).toMatchObject({ status: "completed", conclusion: "cancelled" });
    expect(github.job(Number(jobs[0])).startedAt).toBeUndefined();
    const again = octokit.rest.actions.forceCancelWorkflowRun({ ...spinw, run_id: runId });
    expect(await refusal(again)).toMatchObject({ status: 409 });
    expect(github.violations).toEqual([]);
  });

  it("of a fork's pull request is told apart by its head repository and its event only", async () => {
    const jobs = [{ name: "build", labels: ["spinw"], script: "true" }];
    const order = { event: "pull_request", headRepository: "mallory/spinw", actor: "mallory", jobs };

    const { runId } = github.queueRun(REPO, order);

    const { data } = await octokit.rest.actions.getWorkflowRun({ ...spinw, run_id: runId });
    expect(data).toMatchObject({ event: "pull_request", head_repository: { full_name: "mallory/spinw" } });
    expect(data.repository.full_name).toBe(REPO);
    expect(github.violations).toEqual([]);
  });

  it("of a fork that was deleted has no head repository any more", async () => {
    const jobs = [{ name: "build", labels: ["spinw"], script: "true" }];

    const { runId } = github.queueRun(REPO, { event: "pull_request", headRepository: null, jobs });

    const { data } = await octokit.rest.actions.getWorkflowRun({ ...spinw, run_id: runId });
    expect(data.head_repository).toBeNull();
    expect(github.violations).toEqual([]);
  });
});

describe("faults", () => {
  it("answers what it is told to, as often as it is told to", async () => {
    github.setFaults({ answers: [{ operation: "repos/get", status: 502, times: 1 }] });

    expect(await refusal(octokit.rest.repos.get(spinw))).toMatchObject({ status: 502 });
    expect((await octokit.rest.repos.get(spinw)).status).toBe(200);
  });

  it("loses the answer to something that was done", async () => {
    const order = { ...spinw, name: "m1", runner_group_id: 1, labels: ["spinw"] };
    const operation = "actions/generate-runner-jitconfig-for-repo";
    github.setFaults({ answers: [{ operation, status: 502, afterEffect: true, times: 1 }] });

    expect(await refusal(octokit.rest.actions.generateRunnerJitconfigForRepo(order))).toMatchObject({
      status: 502,
    });
    expect(await refusal(octokit.rest.actions.generateRunnerJitconfigForRepo(order))).toMatchObject({
      status: 409,
    });
    expect(github.runners(REPO)).toHaveLength(1);
  });

  it("cuts the connection", async () => {
    github.setFaults({ answers: [{ operation: "repos/get", cut: true, times: 1 }] });

    const answer = fetch(`${github.apiUrl}/repos/octo/spinw`, {
      headers: { authorization: `bearer ${jwt(github)}` },
    });

    await expect(answer).rejects.toThrow("fetch failed");
  });

  it("leaves entries out of lists", async () => {
    github.setFaults({ listDrop: 1 });

    const { data } = await octokit.rest.apps.listReposAccessibleToInstallation();

    expect(data.repositories).toEqual([]);
  });
});
