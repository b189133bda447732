import { describe, expect, test } from "vitest";
import { createCheckRun } from "../rig/github/checks.ts";
import type { EmulatedGitHub } from "../rig/github/server.ts";
import { hours } from "../support/build.ts";
import { aCheckRun, aJob, LABELS, NO_LIMIT, REPO, startPort } from "./support.ts";

const order = (name: string) => ({ name, labels: LABELS, script: "true" });
const since = () => Date.now() - hours(24);

/** A run with jobs, and a check run of ours for each. */
async function startWithChecks(names: string[]) {
  const started = await startPort();
  const { gh, github } = started;
  const { jobs, headSha, runId } = gh.queueRun(REPO, { jobs: names.map(order) });
  const checks: number[] = [];
  for (const [index, id] of jobs.entries()) {
    const content = aCheckRun({ name: `Mayfly: ${names[index]}` });
    checks.push(await github.publish(aJob({ id, headSha }), content, "new", NO_LIMIT));
  }
  return { ...started, jobs, headSha, runId, checks };
}

describe("check runs that are open", () => {
  test("are found with the jobs that they are about, also several of one name", async () => {
    const { github, jobs, checks } = await startWithChecks(["test", "test", "lint"]);

    const open = await github.openChecks(REPO, since(), NO_LIMIT);

    expect(open).toEqual(checks.map((id, index) => ({ id, job: jobs[index] })));
  });

  test("are found though their run is over", async () => {
    const { gh, github, runId, checks } = await startWithChecks(["test"]);
    gh.cancelRun(runId);

    expect(await github.openChecks(REPO, since(), NO_LIMIT)).toMatchObject([{ id: checks[0] }]);
  });

  test("are not those that are completed", async () => {
    const { github, jobs, headSha, checks } = await startWithChecks(["test", "lint"]);
    const end = aCheckRun({ status: "completed", conclusion: "success" });
    await github.publish(aJob({ id: jobs[0] ?? 0, headSha }), end, checks[0] ?? 0, NO_LIMIT);

    expect(await github.openChecks(REPO, since(), NO_LIMIT)).toMatchObject([{ id: checks[1] }]);
  });

  test("are not those of GitHub Actions on the same commit, nor ours about something else", async () => {
    const { gh, github, headSha, checks } = await startWithChecks(["test"]);
    foreignCheck(gh, headSha);

    expect((await github.openChecks(REPO, since(), NO_LIMIT)).map(({ id }) => id)).toEqual(checks);
  });

  test("are looked for on the commits of the time asked for only", async () => {
    const { gh, github, runId } = await startWithChecks(["test"]);
    const run = gh.world.runs.get(runId);
    if (run) run.createdAt -= hours(25);

    expect(await github.openChecks(REPO, since(), NO_LIMIT)).toEqual([]);
  });
});

describe("a check run that is closed", () => {
  const words = { title: "Over", summary: "Nobody knows how." };

  test("is completed as neutral, and says why", async () => {
    const { gh, github, checks } = await startWithChecks(["test"]);

    await github.closeCheck(REPO, checks[0] ?? 0, words, NO_LIMIT);

    expect(gh.checkRuns(REPO)).toMatchObject([
      { id: checks[0], status: "completed", conclusion: "neutral", output: words },
    ]);
  });

  test("need not be there any more", async () => {
    const { gh, github, checks } = await startWithChecks(["test"]);
    gh.world.checkRuns.clear();

    await expect(github.closeCheck(REPO, checks[0] ?? 0, words, NO_LIMIT)).resolves.toBeUndefined();
  });
});

/** One that bears no job's id. */
function foreignCheck({ world }: EmulatedGitHub, headSha: string): void {
  const repo = world.repos.get(REPO.toLowerCase());
  if (repo) createCheckRun(world, repo, { name: "coverage", headSha, externalId: "coverage of it all" });
}
