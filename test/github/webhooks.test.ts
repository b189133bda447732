import { describe, expect, test } from "vitest";
import { clickFromWebhook, jobFromWebhook, repositoryOf } from "../../src/github/webhooks.ts";
import { EXAMPLES } from "../support/webhook.ts";

/** A job's webhook as GitHub sends it, with the fields that matter in their place. */
const webhook = (action: string, job: Record<string, unknown>) => ({
  action,
  workflow_job: {
    id: 7,
    run_id: 70,
    run_attempt: 2,
    name: "test (windows)",
    workflow_name: "CI",
    labels: ["self-hosted", "spinw-windows"],
    head_sha: "0123456789abcdef0123456789abcdef01234567",
    html_url: "https://github.com/SpinW/spinw/actions/runs/70/job/7",
    status: "queued",
    conclusion: null,
    created_at: "2026-11-23T12:00:00Z",
    started_at: "2026-11-23T12:00:00Z",
    completed_at: null,
    runner_id: null,
    runner_name: null,
    ...job,
  },
  repository: { full_name: "SpinW/spinw" },
  installation: { id: 11 },
});

describe("a workflow_job webhook", () => {
  test("becomes a job with all that Mayfly knows of one", () => {
    const job = jobFromWebhook(webhook("queued", {}));

    expect(job).toEqual({
      id: 7,
      repo: "SpinW/spinw",
      installation: 11,
      runId: 70,
      attempt: 2,
      name: "test (windows)",
      workflow: "CI",
      labels: ["self-hosted", "spinw-windows"],
      headSha: "0123456789abcdef0123456789abcdef01234567",
      url: "https://github.com/SpinW/spinw/actions/runs/70/job/7",
      status: "queued",
      queuedAt: Date.parse("2026-11-23T12:00:00Z"),
    });
  });

  test.for([
    [{ private: true }, false],
    [{ private: false }, true],
    [{}, undefined],
  ] as const)("of a repository that says %j is public: %s", ([says, expected]) => {
    const payload = { ...webhook("queued", {}), repository: { full_name: "SpinW/spinw", ...says } };

    expect(jobFromWebhook(payload).isPublic).toBe(expected);
  });

  test("is read in each of GitHub's own examples", () => {
    const jobs = EXAMPLES.map((example) => jobFromWebhook(example));

    expect(jobs.map(({ id, status, ranOn, conclusion }) => [id, status, ranOn, conclusion])).toEqual([
      [2832853555, "running", "my runner", undefined],
      [289782451, "done", "GitHub Actions 5", "failure"],
      [289782451, "done", "GitHub Actions 5", "success"],
      [289782451, "running", "GitHub Actions 5", undefined],
      [14541957942, "running", "GitHub Actions 6", undefined],
      // The action is "queued", and a runner is named that has not taken the job yet.
      [289782451, "queued", undefined, undefined],
      // The action is "queued", but an environment holds the job back.
      [12877621891, "waiting", undefined, undefined],
      [12877621891, "waiting", undefined, undefined],
    ]);
  });

  test.for([
    ["waiting", "queued", "waiting"],
    ["queued", "waiting", "waiting"],
    ["queued", "pending", "waiting"],
    ["queued", "requested", "waiting"],
    ["queued", "in_progress", "running"],
    ["in_progress", "in_progress", "running"],
    ["completed", "completed", "done"],
  ])("of action %s and status %s tells of a job that is %s", ([action = "", status, expected]) => {
    const job = jobFromWebhook(webhook(action, { status }));

    expect(job.status).toBe(expected);
  });

  test.for(["", null, undefined])("whose runner is %j names no runner", (runner_name) => {
    const job = jobFromWebhook(
      webhook("completed", { status: "completed", conclusion: "cancelled", runner_name }),
    );

    expect(job.ranOn).toBeUndefined();
    expect(job.conclusion).toBe("cancelled");
  });

  test("of a job that was cancelled in the queue tells of no start, whatever GitHub writes there", () => {
    const job = jobFromWebhook(
      webhook("completed", {
        status: "completed",
        started_at: "2026-11-23T12:00:00Z",
        completed_at: "2026-11-23T12:05:00Z",
      }),
    );

    expect(job.startedAt).toBeUndefined();
    expect(job.doneAt).toBe(Date.parse("2026-11-23T12:05:00Z"));
  });

  test.for([
    ["no job", { repository: { full_name: "SpinW/spinw" }, action: "queued" }],
    ["a status that GitHub does not have", webhook("queued", { status: "resting" })],
    ["an id that is no number", webhook("queued", { id: "7; rm -rf /" })],
    ["a time that is none", webhook("queued", { created_at: "yesterday" })],
  ] as const)("with %s is refused", ([, payload]) => {
    expect(() => jobFromWebhook(payload)).toThrow();
  });
});

const button = (identifier: string) => ({ action: "requested_action", requested_action: { identifier } });

/** A click on a check run, with what matters in its place. */
const clickOn = (check: object, more: object = { action: "rerequested" }) => ({
  check_run: { external_id: "42", conclusion: "neutral", ...check },
  repository: { full_name: "SpinW/spinw" },
  sender: { login: "octocat" },
  ...more,
});

describe("a click on a check run", () => {
  test.for([
    ["42", 42],
    ["", undefined],
    [null, undefined],
    ["build-7", undefined],
    ["-1", undefined],
    ["1e30", undefined],
  ] as const)("with the external id %j is about job %s", ([external_id, expected]) => {
    const payload = clickOn({ external_id });

    expect(clickFromWebhook(payload)?.job).toBe(expected);
    expect(repositoryOf(payload)).toBe("SpinW/spinw");
  });

  test("names the person", () => {
    expect(clickFromWebhook(clickOn({}))).toMatchObject({ by: "octocat", repo: "SpinW/spinw" });
  });

  test.for([
    ["Retry", button("retry"), "failure", "retry"],
    ["Approve", button("approve"), "action_required", "approve"],
    ["Re-run of a check run that failed", { action: "rerequested" }, "failure", "retry"],
    ["Re-run of one that waits for approval", { action: "rerequested" }, "action_required", "look"],
    ["Re-run of one that did not fail", { action: "rerequested" }, "success", "look"],
  ] as const)("on %s says what is wanted", ([, action, conclusion, expected]) => {
    expect(clickFromWebhook(clickOn({ conclusion }, action))?.wants).toBe(expected);
  });

  test.for(["deploy", "constructor"])(
    "on a button %s, which is none of ours, means nothing",
    (identifier) => {
      expect(clickFromWebhook(clickOn({}, button(identifier)))).toBeUndefined();
    },
  );

  test("without a person is refused", () => {
    expect(() => clickFromWebhook(clickOn({}, { action: "rerequested", sender: null }))).toThrow();
  });
});
