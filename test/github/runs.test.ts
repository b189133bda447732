import { describe, expect, test } from "vitest";
import { LABELS, NO_LIMIT, REPO, startPort } from "./support.ts";

const jobs = ["first", "second"].map((name) => ({ name, labels: LABELS, script: "true" }));

describe("a run that is looked up", () => {
  test("tells which event started it and from which repository its commit comes, in one call", async () => {
    const { gh, github, calls } = await startPort();
    const headRepository = "stranger/spinw";
    const { runId } = gh.queueRun(REPO, { event: "pull_request", headRepository, jobs });

    const run = await github.run(REPO, runId, NO_LIMIT);

    expect(run).toEqual({
      id: runId,
      attempt: 1,
      repo: REPO,
      head: headRepository,
      event: "pull_request",
      isPublic: true,
    });
    expect(calls()).toEqual(["200 actions/get-workflow-run"]);
  });

  test("has no head if the fork was deleted", async () => {
    const { gh, github } = await startPort();
    const { runId } = gh.queueRun(REPO, { event: "pull_request", headRepository: null, jobs });

    expect(await github.run(REPO, runId, NO_LIMIT)).toMatchObject({ repo: REPO, head: undefined });
  });

  test("comes from its own repository if it is no fork's, and says that that one is private", async () => {
    const { gh, github } = await startPort();
    gh.addRepository("SpinW/private", { private: true });
    const { runId } = gh.queueRun("SpinW/private", { jobs });

    const run = await github.run("SpinW/private", runId, NO_LIMIT);

    expect(run).toMatchObject({ head: "SpinW/private", event: "push", isPublic: false });
  });

  test("is told at its newest attempt", async () => {
    const { gh, github } = await startPort();
    const order = gh.queueRun(REPO, { jobs });
    gh.cancelRun(order.runId);
    gh.rerunJob(order.jobs[0] ?? 0);

    expect(await github.run(REPO, order.runId, NO_LIMIT)).toMatchObject({ attempt: 2 });
  });

  test("is gone when GitHub has no such run", async () => {
    const { github } = await startPort();

    expect(await github.run(REPO, 12345, NO_LIMIT)).toBe("gone");
  });
});

describe("a run that is to be run again", () => {
  test("gets its jobs anew if it was cancelled", async () => {
    const { gh, github } = await startPort();
    const { runId } = gh.queueRun(REPO, { jobs });
    gh.cancelRun(runId);

    expect(await github.rerunRun(REPO, runId, NO_LIMIT)).toBe("queued");

    const open = await github.openJobs(REPO, NO_LIMIT);
    expect(open.map(({ name, attempt }) => [name, attempt])).toEqual([
      ["first", 2],
      ["second", 2],
    ]);
  });

  test("is refused by GitHub as long as it goes on, or if there is none", async () => {
    const { gh, github } = await startPort();
    const { runId } = gh.queueRun(REPO, { jobs });

    expect(await github.rerunRun(REPO, runId, NO_LIMIT)).toBe("refused");
    expect(await github.rerunRun(REPO, 12345, NO_LIMIT)).toBe("refused");
  });
});
