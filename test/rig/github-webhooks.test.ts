import type { Octokit } from "@octokit/rest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  appClient,
  installationClient,
  named,
  refusal,
  type WebhookReceiver,
  webhookReceiver,
} from "../support/github.ts";
import { type EmulatedGitHub, startGitHub } from "./github/server.ts";

/** The emulated GitHub's webhooks and delivery log, and its check runs, which are told by webhooks too. */

const REPO = "octo/spinw";
const spinw = named(REPO);
let receiver: WebhookReceiver;
let github: EmulatedGitHub;
let octokit: Octokit;

beforeEach(async () => {
  receiver = await webhookReceiver();
  github = await startGitHub({ times: { webhookTimeoutMs: 200 } });
  github.addRepository(REPO);
  github.setWebhook(receiver.webhook);
  octokit = await installationClient(github, REPO);
});

afterEach(async () => {
  expect(github.violations).toEqual([]);
  await github.close();
  await receiver.close();
});

const job = { name: "build", labels: ["spinw"], script: "true" };
const told = () => receiver.received.map(({ event, action }) => `${event}.${action}`);
const settled = () => github.deliveries().every((delivery) => delivery.status !== "pending");
const received = (count: number) => github.until(() => receiver.received.length === count && settled(), 5000);

describe("a webhook", () => {
  it("is signed over its raw bytes and compact, and carries what the headers say", async () => {
    github.queueRun(REPO, { jobs: [job] });
    await received(1);

    const [delivery] = github.deliveries();
    expect(receiver.received).toMatchObject([{ event: "workflow_job", action: "queued", signed: true }]);
    expect(receiver.received[0]?.guid).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(delivery?.request.headers["User-Agent"]).toMatch(/^GitHub-Hookshot\//);
    expect(delivery?.request.body).toBe(JSON.stringify(receiver.received[0]?.payload));
  });

  it("tells a cancelled job's end without it ever having been in progress", async () => {
    const { runId } = github.queueRun(REPO, { jobs: [job] });
    await received(1);

    github.cancelRun(runId);
    await received(2);

    expect(told()).toEqual(["workflow_job.queued", "workflow_job.completed"]);
    expect(receiver.received[1]?.payload.workflow_job).toMatchObject({
      status: "completed",
      conclusion: "cancelled",
      runner_name: null,
      steps: [],
    });
  });

  it("says queued, waiting, queued of a job whose environment asks for approval", async () => {
    const { jobs } = github.queueRun(REPO, { jobs: [{ ...job, environment: "production" }] });
    await received(2);

    github.approveJob(Number(jobs[0]));
    await received(3);

    const statuses = receiver.received.map(({ payload }) => Object(payload.workflow_job).status);
    expect(told().sort()).toEqual(["workflow_job.queued", "workflow_job.queued", "workflow_job.waiting"]);
    expect(statuses.sort()).toEqual(["queued", "waiting", "waiting"]);
  });

  it("tells where the app is installed, suspended and taken off", async () => {
    github.addRepository("octo/other");
    github.suspend(REPO, true);
    github.suspend(REPO, false);
    github.uninstall("octo/other");
    github.uninstall(REPO);
    await received(5);

    expect(told().sort()).toEqual([
      "installation.deleted",
      "installation.suspend",
      "installation.unsuspend",
      "installation_repositories.added",
      "installation_repositories.removed",
    ]);
  });

  it("is not sent for a repository without the app", async () => {
    github.addRepository("other/other", { installed: false });

    github.queueRun("other/other", { jobs: [job] });

    expect(github.deliveries()).toEqual([]);
  });
});

describe("the delivery log", () => {
  it("keeps what was sent and answered, newest first, in pages, with the payload by id", async () => {
    receiver.answer(500);
    github.queueRun(REPO, { jobs: [job] });
    await received(1);
    receiver.answer(200);
    github.queueRun(REPO, { jobs: [job] });
    await received(2);
    const app = appClient(github);

    const all = await app.paginate(app.rest.apps.listWebhookDeliveries, { per_page: 1 });
    const failed = await app.rest.apps.listWebhookDeliveries({ status: "failure" });
    const detail = await app.rest.apps.getWebhookDelivery({ delivery_id: Number(failed.data[0]?.id) });

    expect(all.map((one) => one.status_code)).toEqual([200, 500]);
    expect(failed.data.map((one) => one.guid)).toEqual([receiver.received[0]?.guid]);
    expect(detail.data.request.payload).toEqual(receiver.received[0]?.payload);
  });

  it("notes a receiver that hangs or is not there, and GitHub does not try again", async () => {
    receiver.hang();
    github.queueRun(REPO, { jobs: [job] });
    await received(1);
    github.setWebhook({ ...receiver.webhook, url: "http://127.0.0.1:1/" });
    github.queueRun(REPO, { jobs: [job] });
    await github.until(() => github.deliveries().length === 2 && settled(), 5000);

    expect(github.deliveries().map((one) => one.status)).toEqual(["timed out", "failed to connect to host"]);
  });

  it("sends one again when asked, under the same GUID and as a new entry", async () => {
    github.queueRun(REPO, { jobs: [job] });
    await received(1);
    const app = appClient(github);
    const [first] = (await app.rest.apps.listWebhookDeliveries()).data;

    await app.rest.apps.redeliverWebhookDelivery({ delivery_id: Number(first?.id) });
    await received(2);

    const again = (await app.rest.apps.listWebhookDeliveries()).data[0];
    expect(again).toMatchObject({ guid: first?.guid, redelivery: true });
    expect(again?.id).not.toBe(first?.id);
    expect(receiver.received[1]?.payload).toEqual(receiver.received[0]?.payload);
  });
});

describe("faults of webhooks", () => {
  it("lose one that the log calls delivered, as a relay does", async () => {
    github.setFaults({ webhooks: { lose: 1 } });

    github.queueRun(REPO, { jobs: [job] });
    await github.until(() => github.deliveries().length === 1 && settled(), 5000);

    expect(github.deliveries()[0]?.status).toBe("OK");
    expect(receiver.received).toEqual([]);
  });

  it("forget one that is in no log", () => {
    github.setFaults({ webhooks: { forget: 1 } });

    github.queueRun(REPO, { jobs: [job] });

    expect(github.deliveries()).toEqual([]);
  });

  it("double one under one GUID", async () => {
    github.setFaults({ webhooks: { double: 1 } });

    github.queueRun(REPO, { jobs: [job] });
    await received(2);

    expect(receiver.received[0]?.guid).toBe(receiver.received[1]?.guid);
  });

  it("send a batch last first", async () => {
    github.setFaults({ webhooks: { reorder: 2 } });

    const { runId } = github.queueRun(REPO, { jobs: [job] });
    github.cancelRun(runId);
    await received(2);

    const actions = github.deliveries().map((delivery) => delivery.action);
    expect(actions).toEqual(["completed", "queued"]);
  });
});

describe("a check run", () => {
  const order = { ...spinw, name: "Mayfly / build", head_sha: "b".repeat(40) };
  const output = { title: "Booting", summary: "A machine boots." };

  it("is created, updated, completed by its conclusion, and told by webhooks", async () => {
    const { data: check } = await octokit.rest.checks.create({ ...order, status: "in_progress", output });

    await octokit.rest.checks.update({ ...spinw, check_run_id: check.id, output: { summary: "It runs." } });
    await octokit.rest.checks.update({ ...spinw, check_run_id: check.id, conclusion: "success" });
    await received(2);

    expect(github.checkRuns(REPO, order.head_sha)).toMatchObject([
      {
        status: "completed",
        conclusion: "success",
        output: { title: "Booting", summary: "It runs." },
        writes: 3,
      },
    ]);
    expect(told()).toEqual(["check_run.created", "check_run.completed"]);
  });

  it("is not completed without a conclusion, nor in a state that is GitHub's own", async () => {
    const { data: check } = await octokit.rest.checks.create(order);

    const completed = octokit.rest.checks.create({ ...order, status: "completed" });
    const stale = octokit.rest.checks.update({ ...spinw, check_run_id: check.id, conclusion: "stale" });

    expect(await refusal(completed)).toMatchObject({ status: 422 });
    expect(await refusal(stale)).toMatchObject({ status: 422 });
  });

  it("shares the list of a commit with the check runs of GitHub's own jobs", async () => {
    const { headSha } = github.queueRun(REPO, { jobs: [job] });
    await octokit.rest.checks.create({ ...order, head_sha: headSha });

    const all = await octokit.rest.checks.listForRef({ ...spinw, ref: headSha });
    const own = await octokit.rest.checks.listForRef({ ...spinw, ref: headSha, app_id: github.app.id });

    expect(all.data.check_runs.map((check) => check.app?.slug).sort()).toEqual(["github-actions", "mayfly"]);
    expect(own.data.check_runs.map((check) => check.name)).toEqual([order.name]);
    await received(2);
  });

  it("tells of a click on its button once it is completed, and of a re-run", async () => {
    const actions = [{ label: "Retry", description: "Try again", identifier: "retry" }];
    const { data: check } = await octokit.rest.checks.create({ ...order, actions });
    expect(() => github.requestAction(check.id, "retry")).toThrow("no button");

    await octokit.rest.checks.update({ ...spinw, check_run_id: check.id, conclusion: "failure" });
    github.requestAction(check.id, "retry", "maya");
    github.rerequestCheckRun(check.id);
    await received(4);

    const click = receiver.received.find(({ action }) => action === "requested_action");
    expect(click?.payload).toMatchObject({
      requested_action: { identifier: "retry" },
      sender: { login: "maya" },
    });
    expect(told()).toContain("check_run.rerequested");
  });
});
