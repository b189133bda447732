import { describe, expect, test } from "vitest";
import { installationClient, jitRunner } from "../support/github.ts";
import { LABELS, NO_LIMIT, REPO, startPort } from "./support.ts";

const order = (name: string) => ({ name, labels: LABELS, script: "true" });

/** A job that has ended, and its port. */
async function endedJob() {
  const parts = await startPort();
  const { jobs, runId } = parts.gh.queueRun(REPO, { jobs: [order("test")] });
  const runner = await jitRunner(await installationClient(parts.gh, REPO), REPO, {
    name: "r",
    labels: LABELS,
  });
  await runner.openSession();
  await runner.runOneJob("Failed");
  return { ...parts, id: jobs[0] ?? 0, runId };
}

describe("a run that is cancelled", () => {
  test("ends all of its jobs that wait", async () => {
    const { gh, github } = await startPort();
    const { runId } = gh.queueRun(REPO, { jobs: [order("one"), order("two")] });

    await github.cancelRun(REPO, runId, false, NO_LIMIT);

    expect(gh.jobs(REPO).map(({ conclusion }) => conclusion)).toEqual(["cancelled", "cancelled"]);
  });

  test("by force ends them, too", async () => {
    const { gh, github, calls } = await startPort();
    const { runId } = gh.queueRun(REPO, { jobs: [order("one")] });

    await github.cancelRun(REPO, runId, true, NO_LIMIT);

    expect(gh.jobs(REPO).map(({ conclusion }) => conclusion)).toEqual(["cancelled"]);
    expect(calls()).toEqual(["202 actions/force-cancel-workflow-run"]);
  });

  test("counts as cancelled when it is over, or when GitHub does not know it any more", async () => {
    const { github, runId } = await endedJob();

    await expect(github.cancelRun(REPO, runId, false, NO_LIMIT)).resolves.toBeUndefined();
    await expect(github.cancelRun(REPO, 12345, false, NO_LIMIT)).resolves.toBeUndefined();
  });
});

describe("a job that is run again", () => {
  test("is queued anew, under another id", async () => {
    const { gh, github, id } = await endedJob();

    expect(await github.rerunJob(REPO, id, NO_LIMIT)).toBe("queued");

    expect(gh.jobs(REPO).map(({ status, attempt }) => [status, attempt])).toEqual([
      ["completed", 1],
      ["queued", 2],
    ]);
  });

  test("is refused while its run goes on", async () => {
    const { gh, github } = await startPort();
    const { jobs } = gh.queueRun(REPO, { jobs: [order("test")] });

    expect(await github.rerunJob(REPO, jobs[0] ?? 0, NO_LIMIT)).toBe("refused");
  });
});

describe("a person", () => {
  test.for([
    ["admin", true, true],
    ["write", true, false],
    ["read", false, false],
  ] as const)(
    "with the right %s may write: %s, and administers: %s",
    async ([right, writes, administers]) => {
      const { gh, github } = await startPort();
      gh.addCollaborator(REPO, "mona", right);

      expect(await github.mayWrite(REPO, "mona", NO_LIMIT)).toBe(writes);
      expect(await github.administers(REPO, "mona", NO_LIMIT)).toBe(administers);
    },
  );

  test("whom the repository does not know may not", async () => {
    const { github } = await startPort();

    expect(await github.mayWrite(REPO, "nobody-in-particular", NO_LIMIT)).toBe(false);
    expect(await github.administers(REPO, "nobody-in-particular", NO_LIMIT)).toBe(false);
  });
});
