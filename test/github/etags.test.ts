import { describe, expect, test } from "vitest";
import { type Answer, newMemory } from "../../src/github/etags.ts";
import { rateLimits } from "../rig/github/rest/rate.ts";
import type { EmulatedGitHub } from "../rig/github/server.ts";
import { LABELS, NO_LIMIT, REPO, startPort } from "./support.ts";

const RUNS = "actions/list-workflow-runs-for-repo";
const order = (name: string) => ({ name, labels: LABELS, script: "true" });

describe("a read that is made again and again", () => {
  test("costs nothing of the hour's budget as long as nothing changed, and answers the same", async () => {
    const { gh, github, calls } = await startPort();
    const { jobs } = gh.queueRun(REPO, { jobs: [order("one"), order("two")] });
    const first = await github.openJobs(REPO, NO_LIMIT);
    const used = usedOf(gh);
    const before = calls().length;

    const second = await github.openJobs(REPO, NO_LIMIT);

    expect(second).toEqual(first);
    expect(second.map(({ id }) => id)).toEqual(jobs);
    expect(new Set(calls().slice(before))).toEqual(
      new Set([`304 ${RUNS}`, "304 actions/list-jobs-for-workflow-run"]),
    );
    expect(usedOf(gh)).toBe(used);
  });

  test("tells what is new as soon as something is", async () => {
    const { gh, github } = await startPort();
    const first = gh.queueRun(REPO, { jobs: [order("one")] });
    await github.openJobs(REPO, NO_LIMIT);
    const second = gh.queueRun(REPO, { jobs: [order("two")] });
    gh.cancelRun(first.runId);

    const open = await github.openJobs(REPO, NO_LIMIT);

    expect(open.map(({ id }) => id)).toEqual(second.jobs);
  });

  test("is remembered for each repository and each page by itself", async () => {
    const { gh, github } = await startPort();
    gh.addRepository("SpinW/other");
    const [here, there] = [REPO, "SpinW/other"].map((repo) => gh.queueRun(repo, { jobs: [order("one")] }));
    for (const repo of [REPO, "SpinW/other"]) await github.openJobs(repo, NO_LIMIT);

    const jobs = [];
    for (const repo of [REPO, "SpinW/other"]) jobs.push(await github.openJobs(repo, NO_LIMIT));

    expect(jobs.map(([job]) => job?.id)).toEqual([here?.jobs[0], there?.jobs[0]]);
  });

  test("is not made by condition where the answer must be fresh to the last byte: a job that is looked up", async () => {
    const { gh, github, calls } = await startPort();
    const { jobs } = gh.queueRun(REPO, { jobs: [order("one")] });

    for (const _ of [1, 2]) await github.job(REPO, jobs[0] ?? 0, NO_LIMIT);

    expect(calls()).toEqual(Array(2).fill("200 actions/get-job-for-workflow-run"));
  });
});

describe("the memory of answers", () => {
  test("forgets the one that was not used for the longest time when it has too many", async () => {
    const { ask, full } = remembering({ answers: 2 });
    await ask("a");
    await ask("b");
    await ask("a");

    await ask("c");

    expect(await full("a")).toBe(false);
    expect(await full("b")).toBe(true);
  });

  test("forgets until what is left has room", async () => {
    const { ask, full } = remembering({ bytes: 250 });
    for (const key of ["a", "b", "c"]) await ask(key, "x".repeat(100));

    expect(await full("c")).toBe(false);
    expect(await full("a")).toBe(true);
  });

  test("keeps nothing of an answer that is too large by itself", async () => {
    const { ask, full } = remembering({ bytes: 250 });
    await ask("a", "x".repeat(300));

    expect(await full("a")).toBe(true);
  });

  test("keeps nothing of an answer without a mark", async () => {
    const memory = newMemory();
    await memory.ask("a", async () => ({ status: 200, url: "", headers: {}, data: 1 }));

    const marks: Record<string, string>[] = [];
    await memory.ask("a", async (mark) => {
      marks.push(mark);
      return { status: 200, url: "", headers: {}, data: 1 };
    });

    expect(marks).toEqual([{}]);
  });

  test("gives out what nobody who had it before could have changed", async () => {
    const { memory } = remembering({});
    const given = await memory.ask("a", server({ list: [1] }));
    (given.data as { list: number[] }).list.push(2);

    const again = await memory.ask("a", server({ list: [1] }));

    expect(again.data).toEqual({ list: [1] });
  });

  test("takes answers with numbers that are too large for one of JavaScript's", async () => {
    const { memory } = remembering({});
    await memory.ask("a", server({ number: 2n ** 62n }));

    const again = await memory.ask("a", server({ number: 2n ** 62n }));

    expect(again.data).toEqual({ number: 2 ** 62 });
  });

  test("lets failures through", async () => {
    const { memory, ask } = remembering({});
    await ask("a");

    const failed = memory.ask("a", () => Promise.reject(failure(502)));

    await expect(failed).rejects.toThrow("status 502");
  });
});

/** As Octokit throws it. */
const failure = (status: number): Error => Object.assign(new Error(`status ${status}`), { status });

/** A server whose answer never changes. */
const server =
  (data: unknown) =>
  async (mark: Record<string, string>): Promise<Answer> => {
    if (mark["if-none-match"] === 'W/"1"') throw failure(304);
    return { status: 200, url: "", headers: { etag: 'W/"1"' }, data };
  };

function remembering(limits: { answers?: number; bytes?: number }) {
  const memory = newMemory(limits);
  const ask = (key: string, data: unknown = key) => memory.ask(key, server(data));
  /** Whether the server had to give the whole answer. NB: then it is remembered. */
  const full = async (key: string) => {
    let isFull = true;
    await memory.ask(key, async (mark) => {
      isFull = mark["if-none-match"] === undefined;
      return { status: 200, url: "", headers: {}, data: undefined };
    });
    return isFull;
  };
  return { memory, ask, full };
}

/** Calls of the hour that the only installation has spent. */
function usedOf({ world }: EmulatedGitHub): number {
  const [installation = 0] = world.installations.keys();
  return rateLimits(world, installation).rate.used;
}
