import { setImmediate as turnOver } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Fact } from "../../src/core/facts.ts";
import type { Store } from "../../src/ports.ts";
import { hours, M1, M2, M3, minutes, NOW, REPO, seconds } from "../support/build.ts";
import {
  approvedRun,
  created,
  delivery,
  drained,
  failed,
  heldNext,
  savedSettings,
  seen,
  seenRun,
} from "../support/facts.ts";

/** What every store does, whatever it keeps its things in. `open` answers an empty one. */
export function describeStore(name: string, open: () => Promise<Store>): void {
  describe(`${name}, as a store`, () => {
    test("shows what was recorded as soon as it is durable", async () => {
      const store = await open();

      await store.record([seen(1), created(M1, 1)]);

      expect([...store.state.jobs.keys()]).toEqual([1]);
      expect(store.state.machines.get(M1)).toMatchObject({ name: M1, forJob: 1, createdAt: NOW });
    });

    test("keeps its state in one place, which readers may hold on to", async () => {
      const store = await open();
      const { jobs } = store.state;

      await store.record([seen(1)]);

      expect(jobs.has(1)).toBe(true);
    });

    test("is not changed by a fact that it has", async () => {
      const store = await open();
      const facts: Fact[] = [seen(1), created(M1, 1), { kind: "guest-working", at: NOW, machine: M1 }];
      await store.record(facts);
      const before = structuredClone(store.state);

      await store.record(facts);

      expect(store.state).toEqual(before);
    });

    test("never takes a job backwards, however late its webhooks come", async () => {
      const store = await open();
      await store.record([seen(1, { status: "running", ranOn: M1 })]);

      await store.record([seen(1, { status: "queued" })]);

      expect(store.state.jobs.get(1)).toMatchObject({ status: "running", ranOn: M1 });
    });

    test("does not open a closed job again", async () => {
      const store = await open();
      await store.record([seen(1), { kind: "job-closed", at: NOW, job: 1 }]);

      await store.record([seen(1, { status: "running" })]);

      expect(store.state.jobs.size).toBe(0);
      expect([...store.state.closed]).toEqual([1]);
    });

    test("folds each fact once, also those that can be counted", async () => {
      const store = await open();
      await store.record([seen(1), created(M1, 1), created(M2, 1)]);

      await Promise.all([store.record([failed(M1)]), store.record([failed(M2)])]);

      expect(store.state.streaks.get(`${REPO} plain`)?.failures).toBe(2);
      expect(store.state.jobs.get(1)?.tries).toBe(2);
    });

    test("takes concurrent calls in the order in which they were made", async () => {
      const store = await open();
      const stages = Array.from({ length: 50 }, (_, index) => `stage ${index}`);
      await store.record([created(M1)]);

      await Promise.all(
        stages.map((stage) => store.record([{ kind: "guest-stage", at: NOW, machine: M1, stage, text: "" }])),
      );

      const told = await store.history({ machine: M1 });
      expect(told.flatMap((fact) => (fact.kind === "guest-stage" ? fact.stage : []))).toEqual(stages);
      expect(store.state.machines.get(M1)?.stage?.name).toBe("stage 49");
    });

    test("tells the history of a job with the machines made for it, also after it was closed", async () => {
      const store = await open();
      const later: Fact = { kind: "job-closed", at: NOW + minutes(1), job: 1 };

      await store.record([seen(1), created(M1, 1), seen(2), later]);

      expect(await store.history({ job: 1 })).toEqual([seen(1), created(M1, 1), later]);
    });

    test("tells the history of a machine with the job that ran in it, oldest first", async () => {
      const store = await open();
      const ran = seen(2, { status: "running", ranOn: M1 }, NOW + seconds(5));
      const over: Fact = { kind: "machine-forgotten", at: NOW + seconds(9), machine: M1 };

      await store.record([created(M1, 1), created(M2), ran, over]);

      expect(await store.history({ machine: M1 })).toEqual([created(M1, 1), ran, over]);
    });

    test("finds a job and a machine, open or over", async () => {
      const store = await open();
      await store.record([seen(1), created(M1, 1), seen(2), created(M2, 2)]);
      await store.record([
        { kind: "job-closed", at: NOW, job: 2 },
        { kind: "machine-forgotten", at: NOW, machine: M2 },
      ]);

      expect((await store.findJob(1))?.id).toBe(1);
      expect((await store.findJob(2))?.id).toBe(2);
      expect((await store.findMachine(M1))?.forJob).toBe(1);
      expect((await store.findMachine(M2))?.forJob).toBe(2);
      expect(await store.findJob(404)).toBeUndefined();
      expect(await store.findMachine("nobody")).toBeUndefined();
    });

    test("tells what was over last, newest first, and what is about no one job or machine", async () => {
      const store = await open();
      await store.record([1, 2, 3, 4].map((id) => seen(id)));
      await store.record([created(M1), created(M2), drained("lab1", true), drained("lab1", false)]);
      const over = (job: number, at: number): Fact => ({ kind: "job-closed", at, job });
      await store.record([over(2, NOW + 1), over(1, NOW + 2), over(3, NOW + 3)]);
      await store.record([{ kind: "machine-forgotten", at: NOW, machine: M2 }]);

      const { jobs, machines, rest } = await store.lately(2);

      expect(jobs.map(({ id }) => id)).toEqual([3, 1]);
      expect(machines.map(({ name }) => name)).toEqual([M2]);
      expect(rest).toEqual([drained("lab1", false), drained("lab1", true)]);
    });

    test("does not tell of a job whose end was the first that was heard of it", async () => {
      const store = await open();

      await store.record([seen(1, { status: "done", conclusion: "success" })]);

      expect((await store.lately(9)).jobs).toEqual([]);
      expect(await store.findJob(1)).toBeUndefined();
    });

    test("has no history of what never was", async () => {
      const store = await open();

      expect(await store.history({ job: 404 })).toEqual([]);
    });

    test("remembers which hosts are drained", async () => {
      const store = await open();

      await store.record([drained("lab1", true), drained("lab2", true), drained("lab1", false)]);

      expect([...store.state.drained]).toEqual(["lab2"]);
    });

    test("remembers where runs come from and who let them run, whatever comes first, and tells it of their job", async () => {
      const store = await open();
      const facts = [approvedRun(7), seen(1, { runId: 7 }), seenRun(7, NOW + 1)];

      await store.record(facts);
      await store.record([approvedRun(7)]);

      expect(store.state.runs.get("7/1")).toMatchObject({
        seen: { id: 7, head: "stranger/spinw" },
        approved: { by: "mona" },
      });
      expect((await store.history({ job: 1 })).map(({ kind }) => kind)).toContain("run-approved");
    });

    test("notes of all jobs of a run that it was cancelled", async () => {
      const store = await open();
      await store.record([seen(1, { runId: 7 }), seen(2, { runId: 7 }), seen(3, { runId: 8 })]);

      await store.record([{ kind: "run-cancelled", at: NOW, job: 1 }]);

      const times = Array.from(store.state.jobs.values(), ({ runCancelledAt }) => runCancelledAt);
      expect(times).toEqual([NOW, NOW, undefined]);
    });

    test("remembers settings, and who changed them for ever, whatever is told twice", async () => {
      const store = await open();
      const saved = savedSettings({ machines: 1 });
      const file: Fact = {
        kind: "settings-file",
        at: NOW,
        repo: "Octo/SpinW",
        sha: "a1",
        settings: { machines: 2 },
      };

      await store.record([saved, file, saved]);
      await store.record([file, { ...file, sha: "b2", settings: undefined }]);
      await store.prune({ facts: NOW + hours(1), rows: NOW + hours(1) });

      expect(store.state.settings.get(REPO)).toEqual({
        page: { settings: { machines: 1 }, version: 1, at: NOW, by: "mona" },
      });
      const history = await store.settingsHistory("octo/SPINW", 9);
      expect(history.map((fact) => (fact.kind === "settings-file" ? fact.sha : fact.by))).toEqual([
        "b2",
        "a1",
        "mona",
      ]);
      expect(await store.settingsHistory(REPO, 1)).toHaveLength(1);
      expect(await store.settingsHistory("octo/other", 9)).toEqual([]);
    });

    test("remembers what is paused, and until when a machine is held", async () => {
      const store = await open();
      const paused = (repo: string, isPaused: boolean): Fact => ({
        kind: "orders-paused",
        at: NOW,
        repo,
        paused: isPaused,
        by: "mona",
      });

      await store.record([created(M1), paused(REPO, true), paused("*", true), paused("*", false)]);
      await store.record([{ kind: "machine-held", at: NOW, machine: M1, until: NOW + 9, by: "mona" }]);

      expect([...store.state.paused]).toEqual([REPO]);
      expect((await store.findMachine(M1))?.heldUntil).toBe(NOW + 9);
      expect((await store.lately(9)).rest).toHaveLength(3);
    });

    test("remembers which pool's next machine that fails is to be held, until one was", async () => {
      const store = await open();

      await store.record([heldNext(), created(M1), created(M2)]);
      const before = [...store.state.holds];
      await store.record([failed(M1), failed(M2)]);

      expect(before).toEqual([[`${REPO} plain`, { at: NOW, by: "mona" }]]);
      expect([...store.state.holds]).toEqual([[`${REPO} plain`, { at: NOW, by: "mona", usedBy: M1 }]]);
      expect(await store.history({ job: 1 })).toEqual([heldNext()]);
    });

    test("remembers how a candidate does, and what was decided about it", async () => {
      const store = await open();
      const tried = { ...created(M1), trial: "new-one" };
      const place = { host: "lab1", family: "plain", cloudImage: "new-one" };

      await store.record([tried, failed(M1)]);
      await store.record([{ kind: "trial-ended", at: NOW, ...place, verdict: "turned-back" }]);

      expect([...store.state.trials]).toEqual([
        ["lab1 new-one", { good: 0, failed: 1, verdict: "turned-back" }],
      ]);
      expect((await store.lately(9)).rest).toHaveLength(1);
    });

    test("knows a webhook that it has, whatever its second copy says", async () => {
      const store = await open();

      expect(await store.keep(delivery("a"))).toBe("new");
      expect(await store.keep({ ...delivery("a"), payload: "other" })).toBe("known");
      expect(await store.unread()).toEqual([delivery("a")]);
    });

    test("calls one of two copies new when they come at the same time", async () => {
      const store = await open();

      const answers = await Promise.all([1, 2, 3].map(() => store.keep(delivery("a"))));

      expect(answers).toEqual(["new", "known", "known"]);
    });

    test("tells which of some webhooks it has, read or not, also of very many", async () => {
      const store = await open();
      for (const id of ["a", "b", "c"]) await store.keep(delivery(id));
      await store.markRead("b");
      const others = Array.from({ length: 2_500 }, (_, index) => `other ${index}`);

      expect(await store.known(["a", ...others, "b"])).toEqual(new Set(["a", "b"]));
      expect(await store.known([])).toEqual(new Set());
    });

    test("knows how far the delivery log was read, once it was told", async () => {
      const store = await open();
      expect(await store.logPosition()).toBeUndefined();

      await store.moveLogPosition(NOW);
      await Promise.all([store.moveLogPosition(NOW + 1), store.moveLogPosition(NOW + 2)]);

      expect(await store.logPosition()).toBe(NOW + 2);
    });

    test("hands out some of the unread webhooks, without those that are not wanted", async () => {
      const store = await open();
      for (const id of ["c", "a", "b"]) await store.keep(delivery(id));

      const some = await store.unread({ except: ["c"], most: 1 });

      expect(some.map(({ id }) => id)).toEqual(["a"]);
    });

    test("hands out unread webhooks in the order in which they came, until they are read", async () => {
      const store = await open();
      for (const id of ["c", "a", "b"]) await store.keep(delivery(id));

      await store.markRead("a");
      await store.markRead("nobody's");

      expect((await store.unread()).map(({ id }) => id)).toEqual(["c", "b"]);
      expect(await store.keep(delivery("a"))).toBe("known");
    });

    test("keeps text of all kinds as it is", async () => {
      const store = await open();
      const odd = { ...delivery("odd"), payload: `{"name":"ä 日本 🜍 '; drop table delivery; -- \\u0000"}` };

      await store.keep(odd);

      expect(await store.unread()).toEqual([odd]);
    });

    test("forgets what is old, but the whole story of what is open", async () => {
      const store = await open();
      const old = NOW - minutes(60);
      await store.record([seen(1, {}, old), created(M1, 1, old), seen(2, {}, old), created(M2, 2, old)]);
      await store.record([
        { kind: "job-closed", at: old, job: 2 },
        { kind: "machine-forgotten", at: old, machine: M2 },
      ]);
      await store.keep({ ...delivery("old"), receivedAt: old });
      await store.keep({ ...delivery("young"), receivedAt: NOW });

      await store.prune({ facts: NOW - minutes(30), rows: NOW - minutes(30) });

      expect(await store.history({ job: 1 })).toHaveLength(2);
      expect(await store.history({ machine: M1 })).toHaveLength(1);
      expect(await store.history({ job: 2 })).toEqual([]);
      expect(await store.history({ machine: M2 })).toEqual([]);
      expect((await store.unread()).map(({ id }) => id)).toEqual(["young"]);
    });

    test("lists closed jobs as they were at their end, the newest first, a page at a time", async () => {
      const store = await open();
      await store.record([1, 2, 3, 4, 5].map((id) => seen(id)));
      await store.record([seen(3, { status: "done", conclusion: "success", ranOn: M1 })]);
      const at: Record<number, number> = { 1: NOW, 2: NOW, 3: NOW + 9, 4: NOW + 5 };
      await store.record([1, 2, 3, 4].map((job) => ({ kind: "job-closed", at: at[job] ?? 0, job })));

      const first = await store.closedJobs({ since: 0, most: 2 });
      const [, last] = first;
      const second = await store.closedJobs({ since: 0, before: last, most: 9 });

      expect(first).toMatchObject([
        { id: 3, closedAt: NOW + 9, conclusion: "success", ranOn: M1 },
        { id: 4, closedAt: NOW + 5 },
      ]);
      expect(second.map(({ id }) => id)).toEqual([2, 1]);
    });

    test("lists closed jobs of a time and a repository, however its name is written", async () => {
      const store = await open();
      const closed = (job: number, at: number): Fact => ({ kind: "job-closed", at, job });
      await store.record([seen(1), seen(2), seen(3, { repo: "octo/other" })]);
      await store.record([closed(1, NOW - 1), closed(2, NOW), closed(3, NOW)]);

      const found = await store.closedJobs({ since: NOW, repo: REPO.toUpperCase(), most: 9 });

      expect(found.map(({ id }) => id)).toEqual([2]);
    });

    test("lists machines that were forgotten, the oldest first, a page at a time", async () => {
      const store = await open();
      const over = (machine: string, at: number): Fact => ({ kind: "machine-forgotten", at, machine });
      await store.record([
        created(M1),
        created(M2),
        created(M3),
        { kind: "vm-up", at: NOW + 1, machine: M2 },
      ]);
      await store.record([over(M2, NOW + 5), over(M3, NOW + 5), over(M1, NOW)]);

      const first = await store.pastMachines({ since: NOW + 1, most: 1 });
      const second = await store.pastMachines({ since: NOW + 1, after: first[0], most: 9 });
      const all = await store.pastMachines({ since: 0, most: 9 });

      expect(first).toMatchObject([{ name: M2, upAt: NOW + 1, forgottenAt: NOW + 5 }]);
      expect(second.map(({ name }) => name)).toEqual([M3]);
      expect(all.map(({ name }) => name)).toEqual([M1, M2, M3]);
    });

    test("keeps closed jobs and machines for longer than their facts", async () => {
      const store = await open();
      const old = NOW - hours(24 * 20);
      const ran = { status: "done", ranOn: M1, conclusion: "success" } as const;
      await store.record([seen(1, {}, old), created(M1, 1, old), seen(1, ran, old)]);
      await store.record([
        { kind: "job-closed", at: old, job: 1 },
        { kind: "machine-forgotten", at: old, machine: M1 },
      ]);

      await store.prune({ facts: NOW - hours(24 * 14), rows: NOW - hours(24 * 100) });
      const kept = [
        await store.closedJobs({ since: 0, most: 9 }),
        await store.pastMachines({ since: 0, most: 9 }),
      ];
      await store.prune({ facts: NOW, rows: NOW - hours(24 * 19) });

      expect(kept).toMatchObject([[{ id: 1 }], [{ name: M1 }]]);
      expect(await store.history({ job: 1 })).toEqual([]);
      expect(await store.closedJobs({ since: 0, most: 9 })).toEqual([]);
      expect(await store.pastMachines({ since: 0, most: 9 })).toEqual([]);
    });

    test("ends calls under way before it closes", async () => {
      const store = await open();
      const calls = [store.keep(delivery("a")), store.record([seen(1)])];

      await store.close();

      await expect(Promise.all(calls)).resolves.toEqual(["new", undefined]);
      expect(store.state.jobs.has(1)).toBe(true);
    });

    test("does not make those who record nothing wait", async () => {
      const store = await open();

      await store.record([]);
      await turnOver();

      expect(store.state.jobs.size).toBe(0);
    });
  });
}
