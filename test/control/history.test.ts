import { describe, expect, test } from "vitest";
import type { History, Report } from "../../src/control/history.ts";
import type { Fact } from "../../src/core/facts.ts";
import type { JobSeen } from "../../src/core/types.ts";
import { ago, hours, M1, M2, minutes, NOW, REPO, seconds } from "../support/build.ts";
import { created, failed, seen } from "../support/facts.ts";
import { controllerIn, newFolder } from "./controller.ts";

const closed = (job: number, at = NOW): Fact => ({ kind: "job-closed", at, job });

/** A job that waited for 20 s, ran for 3 minutes on a machine, and is closed. */
function ran(id: number, at = NOW, changes: Partial<JobSeen> = {}): Fact[] {
  const queuedAt = at - minutes(4);
  const startedAt = queuedAt + seconds(20);
  const done = { status: "done", conclusion: "success", doneAt: startedAt + minutes(3), ranOn: M1 } as const;
  return [
    seen(id, { queuedAt, ...changes }),
    seen(id, { ...done, queuedAt, startedAt, ...changes }, at),
    closed(id, at),
  ];
}

async function ask<T>(route: string, ...facts: Fact[]): Promise<T> {
  const controller = await controllerIn(newFolder(), { facts });
  return (await controller.ask(route)) as T;
}

const history = (query: string, ...facts: Fact[]) => ask<History>(`/history?${query}`, ...facts);
const report = (month: string, ...facts: Fact[]) => ask<Report>(`/report?month=${month}`, ...facts);

describe("the history", () => {
  test("tells of each job that is over when, where and how long", async () => {
    const { jobs, hasMore } = await history("since=0&limit=9", ...ran(1));

    expect(hasMore).toBe(false);
    expect(jobs).toEqual([
      {
        id: 1,
        repo: REPO,
        name: "test",
        workflow: "CI",
        url: "https://github.com/octo/spinw/actions/runs/100/job/1",
        image: "plain",
        queuedAt: ago(minutes(4)),
        waitedMs: seconds(20),
        ranMs: minutes(3),
        conclusion: "success",
        gaveUp: false,
        machine: M1,
        doneAt: ago(seconds(40)),
      },
    ]);
  });

  test("tells of a job that was given up, and the machine that failed last", async () => {
    const { jobs } = await history(
      "since=0&limit=9",
      seen(1),
      created(M2, 1),
      failed(M2),
      { kind: "job-given-up", at: NOW, job: 1, cause: "" },
      seen(1, { status: "done", conclusion: "cancelled", doneAt: NOW }),
      closed(1),
    );

    expect(jobs).toMatchObject([{ gaveUp: true, conclusion: "cancelled", machine: M2, image: "plain" }]);
    expect(jobs[0]).not.toHaveProperty("waitedMs");
  });

  test("is the newest first, as many as are wanted, and says that there are more", async () => {
    const facts = [1, 2, 3].flatMap((id) => ran(id, NOW + id));

    const answer = await history("since=0&limit=2", ...facts);

    expect(answer.jobs.map(({ id }) => id)).toEqual([3, 2]);
    expect(answer.hasMore).toBe(true);
  });

  test("is that of ours also behind a thousand jobs of others", async () => {
    const others = Array.from({ length: 1200 }, (_, index) =>
      ran(index + 10, NOW + index, { ranOn: "GitHub Actions 7", labels: ["ubuntu-latest"] }),
    );

    const { jobs } = await history("since=0&limit=9", ...ran(1, NOW - 1), ...others.flat());

    expect(jobs.map(({ id }) => id)).toEqual([1]);
  });

  test("is that of a time and a repository, when that is asked for", async () => {
    const facts = [...ran(1, NOW - hours(2)), ...ran(2), ...ran(3, NOW, { repo: "octo/other" })];

    const { jobs } = await history(`since=${NOW - hours(1)}&limit=9&repo=octo/spinw`, ...facts);

    expect(jobs.map(({ id }) => id)).toEqual([2]);
  });

  test.each(["limit=9", "since=0", "since=0&limit=0", "since=x&limit=9"])(
    "is not told for %j",
    async (query) => {
      await expect(history(query)).rejects.toThrow("has another form than it should");
    },
  );
});

describe("the report of a month", () => {
  const destroyed = (machine: string, at: number): Fact[] => [
    { kind: "machine-retired", at, machine, why: "finished" },
    { kind: "vm-destroyed", at, machine },
  ];
  const started: Fact = { kind: "machine-started", at: ago(hours(2)), machine: M1, tokenHash: "" };

  test("counts jobs and machines, those that are over and those that are not", async () => {
    const over: Fact = { kind: "machine-forgotten", at: NOW, machine: M1 };
    const facts: Fact[] = [
      ...[created(M1, 1, ago(hours(2))), started, ...ran(1), ...destroyed(M1, NOW), over],
      ...[created(M2), { ...started, machine: M2, at: ago(minutes(30)) }],
      ...[seen(2), seen(2, { status: "done", ranOn: M2, doneAt: NOW, startedAt: NOW })],
    ];

    const answer = await report("2026-11", ...facts);

    expect(answer).toMatchObject({
      month: "2026-11",
      from: Date.parse("2026-11-01T00:00:00Z"),
      to: Date.parse("2026-12-01T00:00:00Z"),
      usage: [{ repo: REPO, jobs: 2, vmHours: 2.5, queueP50Seconds: 10, queueP95Seconds: 20 }],
    });
  });

  test("is not whole as long as it lasts, nor when its beginning is not known any more", async () => {
    expect((await report("2026-11")).isWhole).toBe(false);
    expect((await report("2026-10")).isWhole).toBe(true);
    expect((await report("2026-08")).isWhole).toBe(false);
  });

  test.each(["2026-13", "2026-1", "November", ""])("is not told for %j", async (month) => {
    await expect(report(month)).rejects.toThrow("A month is written as 2026-11.");
  });
});
