import { describe, expect, test } from "vitest";
import { NoToken, Refused, Unanswered } from "../../src/github/errors.ts";
import { githubPort, webUrlOf } from "../../src/github/port.ts";
import { GitHubUnavailable, SetupError } from "../../src/ports.ts";
import { install } from "../rig/github/population.ts";
import { hastyClock } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";
import { aCheckRun, aJob, aRepository, LABELS, NO_LIMIT, REPO, startPort } from "./support.ts";

const JIT = "actions/generate-runner-jitconfig-for-repo";
const RUNNERS = "actions/list-self-hosted-runners-for-repo";

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("a call", () => {
  test("ends at its time limit when GitHub stays silent", async () => {
    const { gh, github } = await startPort({ callMs: 400 });
    await github.runners(REPO, NO_LIMIT);
    gh.faults.answers.push({ operation: RUNNERS, delayMs: 5_000 });
    const startedAt = performance.now();

    const failure = await failureOf(github.runners(REPO, NO_LIMIT));

    expect(failure).toBeInstanceOf(Unanswered);
    expect(performance.now() - startedAt).toBeLessThan(1_150);
  });

  test("ends at once when its caller has had enough", async () => {
    const { gh, github } = await startPort();
    await github.runners(REPO, NO_LIMIT);
    gh.faults.answers.push({ operation: RUNNERS, delayMs: 2_000 });
    const enough = new AbortController();

    const runners = github.runners(REPO, enough.signal);
    setImmediate(() => enough.abort(new Error("enough")));

    await expect(runners).rejects.toThrow("enough");
  });

  test("that is limited says until when, and nothing more is sent until then", async () => {
    const { gh, github, calls, clock } = await startPort();
    gh.faults.answers.push({
      operation: RUNNERS,
      status: 403,
      retryAfter: 30,
      message: "secondary rate limit",
      times: 1,
    });

    const failure = await failureOf(github.runners(REPO, NO_LIMIT));
    const next = await failureOf(github.register(aRepository(), "m", LABELS, NO_LIMIT));

    expect(failure).toBeInstanceOf(GitHubUnavailable);
    const retryAt = failure instanceof GitHubUnavailable ? (failure.retryAt ?? 0) : 0;
    expect(retryAt - clock.now()).toBeGreaterThan(28_000);
    expect(retryAt - clock.now()).toBeLessThanOrEqual(34_000);
    expect(next).toMatchObject({ message: "the budget of calls to github is spent" });
    expect(calls()).toEqual([`403 ${RUNNERS}`]);
    await clock.until(clock.now() + 31_000, NO_LIMIT);
    expect(await github.runners(REPO, NO_LIMIT)).toEqual([]);
  });

  test("that is limited without a word on how long waits for a minute", async () => {
    const { gh, github, clock } = await startPort();
    gh.faults.answers.push({ operation: RUNNERS, status: 429, message: "Too many requests", times: 1 });

    const failure = await failureOf(github.runners(REPO, NO_LIMIT));

    const retryAt = failure instanceof GitHubUnavailable ? (failure.retryAt ?? 0) : 0;
    expect(retryAt - clock.now()).toBeGreaterThan(58_000);
  });

  test("that lacks a right is refused, with GitHub's own words as the cause", async () => {
    const { github, gh } = await startPort({
      github: { permissions: { administration: "write", actions: "read", metadata: "read" } },
    });

    const failure = await failureOf(github.publish(aJob(), aCheckRun(), "new", NO_LIMIT));

    expect(failure).toBeInstanceOf(Refused);
    expect(failure).toMatchObject({
      status: 403,
      message: expect.stringMatching(
        /^github refused the call: POST \/repos\/\{owner\}\/\{repo\}\/check-runs, status 403, request ./,
      ),
    });
    expect(String(failure instanceof Error ? failure.cause : "")).toContain("Resource not accessible");
    expect(gh.checkRuns(REPO)).toEqual([]);
  });

  test("is made as the new installation once the App was installed anew", async () => {
    const { github, gh } = await startPort();
    await github.runners(REPO, NO_LIMIT);
    gh.uninstall(REPO);
    gh.addRepository("SpinW/other");
    const repo = gh.world.repos.get(REPO.toLowerCase());
    if (repo) install(gh.world, repo);

    await failureOf(github.runners(REPO, NO_LIMIT));

    expect(await github.runners(REPO, NO_LIMIT)).toEqual([]);
  });

  test("does not go back to the former installation, which jobs of that time still name", async () => {
    const { github, gh } = await startPort();
    const [former = 0] = gh.world.installations.keys();
    gh.uninstall(REPO);
    gh.addRepository("SpinW/other");
    const repo = gh.world.repos.get(REPO.toLowerCase());
    if (repo) install(gh.world, repo);
    const publish = () => github.publish(aJob({ installation: former }), aCheckRun(), "new", NO_LIMIT);
    await failureOf(publish());

    await publish();

    expect(gh.checkRuns(REPO)).toHaveLength(1);
  });

  test("to a repository that the App is not installed on is refused, and looked up anew each time", async () => {
    const { github, gh } = await startPort();
    gh.addRepository("SpinW/other", { installed: false });

    const failure = await failureOf(github.job("SpinW/other", 7, NO_LIMIT));

    expect(failure).toBeInstanceOf(Refused);
  });

  test("that writes keeps its distance from the one before; one that reads need not", async () => {
    const { github, clock } = await startPort();
    await github.runners(REPO, NO_LIMIT);
    const skippedMs = () => clock.now() - Date.now();

    await Promise.all([github.runners(REPO, NO_LIMIT), github.runners(REPO, NO_LIMIT)]);
    const afterReads = skippedMs();
    await Promise.all([1, 2, 3].map((id) => github.publish(aJob({ id }), aCheckRun(), "new", NO_LIMIT)));

    expect(afterReads).toBe(0);
    expect(skippedMs()).toBeGreaterThan(100);
  });

  test("that the table of routes does not have is not sent", async () => {
    const { probot, gh } = await startPort();
    const octokit = await probot.auth();

    await expect(octokit.rest.apps.listInstallationRequestsForAuthenticatedApp()).rejects.toThrow(
      "not in the table of routes: GET /app/installation-requests",
    );
    expect(gh.calls).toEqual([]);
  });
});

describe("a budget", () => {
  test("that runs low is kept for registrations", async () => {
    const { github, calls } = await startPort({ github: { hourlyLimit: 400 } });
    await github.runners(REPO, NO_LIMIT);

    const report = await failureOf(github.publish(aJob(), aCheckRun(), "new", NO_LIMIT));
    const registration = await github.register(aRepository(), "m", LABELS, NO_LIMIT);

    expect(report).toMatchObject({
      message: "the budget of calls to github is spent",
      retryAt: expect.any(Number),
    });
    expect(registration).toMatchObject({ registration: "jit" });
    expect(calls()).toEqual([`200 ${RUNNERS}`, `201 ${JIT}`]);
  });

  test("that is spent surfaces the hour's end, whether GitHub says so or we know it", async () => {
    const { gh, github, open } = await startPort();
    await github.installed(["SpinW", "octo"], NO_LIMIT);
    gh.addRepository("other/spinw");
    gh.world.hourlyLimit = 1;
    await github.runners("other/spinw", NO_LIMIT);

    const known = await failureOf(github.runners("other/spinw", NO_LIMIT));
    const told = await failureOf(open().github.runners("other/spinw", NO_LIMIT));

    const resetAt = Math.ceil((Date.now() + 3_600_000) / 1000) * 1000;
    for (const failure of [known, told]) {
      expect(failure).toBeInstanceOf(GitHubUnavailable);
      const retryAt = failure instanceof GitHubUnavailable ? (failure.retryAt ?? 0) : 0;
      expect(Math.abs(retryAt - resetAt)).toBeLessThan(30_000);
    }
  });
});

describe("the app", () => {
  test("knows the repositories it is installed on, but for suspended accounts", async () => {
    const { gh, github } = await startPort();
    gh.addRepository("SpinW/second");
    gh.addRepository("other/third");
    gh.addRepository("other/not-installed", { installed: false });
    gh.addRepository("asleep/fourth");
    gh.suspend("asleep/fourth", true);

    const names = await github.installed(["SpinW", "other", "asleep"], NO_LIMIT);

    expect(names).toEqual([REPO, "SpinW/second", "other/third"]);
  });

  test("needs five calls for a job that goes well, once it has its token", async () => {
    const { github, calls } = await startPort();
    const job = aJob();

    const check = await github.publish(job, aCheckRun(), "new", NO_LIMIT);
    await github.publish(job, aCheckRun({ digest: "booting/0" }), check, NO_LIMIT);
    await github.register(aRepository(), "m", LABELS, NO_LIMIT);
    await github.publish(job, aCheckRun({ status: "in_progress" }), check, NO_LIMIT);
    await github.publish(job, aCheckRun({ status: "completed", conclusion: "success" }), check, NO_LIMIT);

    expect(calls()).toHaveLength(5);
  });

  test("fetches one token for many calls, and no id that a webhook told it", async () => {
    const { gh, github } = await startPort();
    const [installation = 0] = gh.world.installations.keys();

    await Promise.all(
      [1, 2, 3].map((id) => github.publish(aJob({ id, installation }), aCheckRun(), "new", NO_LIMIT)),
    );

    const others = gh.calls
      .filter(({ operation }) => operation !== "checks/create")
      .map(({ operation }) => operation);
    expect(others).toEqual(["apps/create-installation-access-token"]);
  });

  test("says what to do about a private key that is none", () => {
    const { log } = keptLog();

    const open = () => githubPort({ appId: 1, privateKey: "-----BEGIN", log, clock: hastyClock() });

    expect(open).toThrow(SetupError);
    expect(open).toThrow("private key cannot be read");
  });

  test("says nothing of its key and tokens in the log, whatever goes wrong", async () => {
    const { gh, github, logged } = await startPort();
    gh.faults.answers.push({ operation: "apps/create-installation-access-token", status: 401 });

    const failure = await failureOf(github.runners(REPO, NO_LIMIT));

    expect(failure).toBeInstanceOf(NoToken);
    expect(logged()).not.toMatch(/eyJ|ghs_|PRIVATE KEY/);
    expect(JSON.stringify(failure)).not.toMatch(/eyJ|ghs_|PRIVATE KEY/);
  });
});

describe("the pages of a server", () => {
  test.for([
    ["https://api.github.com", "https://github.com"],
    ["https://git.example.org/api/v3", "https://git.example.org"],
  ] as const)("whose API is %s are at %s", ([api, pages]) => {
    expect(webUrlOf(api)).toBe(pages);
  });
});
