import { afterEach, expect } from "vitest";
import type { CheckRun } from "../../src/core/report.ts";
import type { JobSeen, Repository } from "../../src/core/types.ts";
import type { LimitParts } from "../../src/github/octokit.ts";
import { githubPort } from "../../src/github/port.ts";
import { type EmulatedGitHub, type GitHubOptions, startGitHub } from "../rig/github/server.ts";
import { hastyClock } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";

export const REPO = "SpinW/spinw";
export const LABELS = ["self-hosted", "spinw-windows"];
export const NO_LIMIT = new AbortController().signal;

const started: EmulatedGitHub[] = [];

afterEach(async () => {
  const violations = started.flatMap((gh) => gh.violations);
  await Promise.all(started.splice(0).map((gh) => gh.close()));
  expect(violations).toEqual([]);
});

/** An emulated GitHub with one repository, and the port to it. What does not fit GitHub's own description fails the test. */
export async function startPort(
  settings: {
    callMs?: number;
    publicUrl?: string;
    github?: GitHubOptions;
    onLimited?: LimitParts["onLimited"];
  } = {},
) {
  const gh = await startGitHub(settings.github);
  started.push(gh);
  gh.addRepository(REPO);
  const { log, text } = keptLog();
  const clock = hastyClock();
  /** As after a restart. */
  const open = (limitedUntil?: LimitParts["limitedUntil"]) =>
    githubPort({
      appId: gh.app.id,
      privateKey: gh.app.privateKey,
      apiUrl: gh.apiUrl,
      log,
      clock,
      callMs: settings.callMs,
      publicUrl: settings.publicUrl,
      onLimited: settings.onLimited,
      limitedUntil,
    });
  const { github, files, probot, standing } = open();
  /** Calls made so far, as `200 checks/create`; the fetching of tokens and ids left out. */
  const calls = () =>
    gh.calls
      .map(({ status, operation }) => `${status} ${operation}`)
      .filter((call) => !/apps\/(create-installation-access-token|get-repo-installation)/.test(call));
  return { gh, github, files, probot, standing, clock, calls, logged: text, open };
}

export const aRepository = (change: Partial<Repository> = {}): Repository => ({
  name: REPO,
  images: ["windows"],
  machines: 4,
  hot: {},
  registration: "jit",
  onGiveUp: "wait",
  ...change,
});

export const aJob = (change: Partial<JobSeen> = {}): JobSeen => ({
  id: 7,
  repo: REPO,
  installation: 0,
  runId: 70,
  attempt: 1,
  name: "test",
  workflow: "CI",
  labels: LABELS,
  headSha: "0123456789abcdef0123456789abcdef01234567",
  url: "",
  status: "queued",
  queuedAt: Date.parse("2026-11-23T12:00:00Z"),
  ...change,
});

export const aCheckRun = (change: Partial<CheckRun> = {}): CheckRun => ({
  digest: "waiting/0",
  name: "Mayfly: test",
  status: "queued",
  title: "Waiting",
  summary: "Nothing is wrong.",
  actions: [],
  ...change,
});
