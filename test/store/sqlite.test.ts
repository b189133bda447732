import { statSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fact, State } from "../../src/core/facts.ts";
import { openDatabase } from "../../src/store/database.ts";
import { aJobSeen, hours, M1, M2, NOW, REPO } from "../support/build.ts";
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
import { describeStore } from "./contract.ts";
import { storeFolder } from "./folder.ts";

describeStore("SQLite", () => storeFolder().open());

describe("a store that is opened again", () => {
  test("has the state that it had, but for the streaks of failures", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(anyFact(), { maxLength: 6 }), { maxLength: 8 }), async (groups) => {
        const { open } = storeFolder();
        const first = await open();
        await Promise.all(groups.map((facts) => first.record(facts)));
        await first.close();

        const second = await open();

        expect(second.state).toEqual({ ...first.state, streaks: new Map() });
      }),
      { numRuns: 40 },
    );
  });

  test("knows of each job which of its machines failed", async () => {
    const { open } = storeFolder();
    const first = await open();
    await first.record([seen(1), seen(2), created(M1, 1), failed(M1)]);
    await first.close();

    const second = await open();

    expect(second.state.jobs.get(1)).toMatchObject({ tries: 1, failure: { machine: M1 } });
    expect(second.state.jobs.get(2)).toMatchObject({ tries: 0 });
  });

  test("has nothing of its own that lies ahead, also if the clock was stepped back meanwhile", async () => {
    const { open } = storeFolder();
    const first = await open();
    await first.record([
      seen(1),
      created(M1, 1),
      { kind: "machine-started", at: NOW + 1, machine: M1, tokenHash: "0".repeat(64) },
      { kind: "guest-stage", at: NOW + 2, machine: M1, stage: "booted", text: "" },
      { kind: "machine-retired", at: NOW + 3, machine: M1, why: "surplus" },
      { kind: "job-given-up", at: NOW + 4, job: 1, cause: "" },
      { kind: "github-limited", at: NOW, installation: 7, until: NOW + hours(1) },
      approvedRun(7),
      savedSettings({ machines: 1 }),
      { kind: "settings-file", at: NOW, repo: REPO, sha: "a1", settings: {} },
    ]);
    await first.close();
    const stepped = NOW - hours(24 * 400);

    const { state } = await open({ now: () => stepped });

    expect(state.machines.get(M1)).toMatchObject({
      createdAt: stepped,
      startedAt: stepped,
      stage: { at: stepped },
      retired: { at: stepped, why: "surplus" },
    });
    expect(state.jobs.get(1)).toMatchObject({
      queuedAt: aJobSeen().queuedAt,
      readyAt: stepped,
      gaveUpAt: stepped,
    });
    expect(state.limited.get(7)).toEqual({ at: stepped, until: stepped + hours(1) });
    expect(state.settings.get(REPO)).toMatchObject({ page: { at: stepped }, file: { at: stepped } });
    expect(state.runs.get("7/1")).toMatchObject({ at: stepped, approved: { at: stepped, by: "mona" } });
  });

  test("knows its webhooks, and which of them were read", async () => {
    const { open } = storeFolder();
    const first = await open();
    for (const id of ["a", "b"]) await first.keep(delivery(id));
    await first.markRead("a");
    await first.close();

    const second = await open();

    expect(await second.keep(delivery("a"))).toBe("known");
    expect(await second.unread()).toEqual([delivery("b")]);
  });

  test("remembers for a week which jobs are closed, so that a late webhook opens none", async () => {
    const { open } = storeFolder();
    const first = await open();
    await first.record([seen(1), { kind: "job-closed", at: NOW - hours(7 * 24 - 1), job: 1 }]);
    await first.record([seen(2), { kind: "job-closed", at: NOW - hours(7 * 24 + 1), job: 2 }]);
    await first.prune({ facts: NOW, rows: NOW });
    await first.close();

    const second = await open();

    expect([...second.state.closed]).toEqual([1]);
    expect(first.state.closed).toEqual(second.state.closed);
  });

  test("remembers for a week what it learnt of a run, and as long as a job of it is open", async () => {
    const { open } = storeFolder();
    const first = await open();
    const old = NOW - hours(7 * 24 + 1);
    await first.record([seenRun(7, old), seenRun(8, old), approvedRun(9, NOW - hours(7 * 24 - 1))]);
    await first.record([seen(1, { runId: 8 })]);
    await first.prune({ facts: NOW, rows: NOW });
    await first.close();

    const second = await open();

    expect([...second.state.runs.keys()]).toEqual(["8/1", "9/1"]);
    expect(first.state.runs).toEqual(second.state.runs);
  });
});

describe("what is kept for longer than its facts", () => {
  const old = NOW - hours(24 * 20);
  const closed = (job: number): Fact => ({ kind: "job-closed", at: old, job });
  const before = { facts: NOW - hours(24 * 14), rows: NOW - hours(24 * 100) };

  test("are jobs of ours only: others' go with the facts", async () => {
    const store = await storeFolder().open();
    const check: Fact = { kind: "check-published", at: old, job: 2, check: 9, digest: "done/success" };
    await store.record([seen(1), seen(2), check, seen(3), created(M1, 3), failed(M1), seen(4), created(M2)]);
    await store.record([seen(4, { status: "done", ranOn: M2 })]);
    await store.record([closed(1), closed(2), closed(3), closed(4)]);

    await store.prune(before);

    expect((await store.closedJobs({ since: 0, most: 9 })).map(({ id }) => id)).toEqual([4, 3, 2]);
  });

  test("has no logs in it", async () => {
    const store = await storeFolder().open();
    const failure = {
      machine: M1,
      image: "plain",
      at: old,
      why: "lost",
      text: "gone",
      tail: "last words",
    } as const;
    await store.record([seen(1), created(M1, 1), { kind: "guest-log", at: old, machine: M1, text: "log" }]);
    await store.record([{ kind: "machine-retired", at: old, machine: M1, why: "lost", failure }]);
    await store.record([closed(1), { kind: "machine-forgotten", at: old, machine: M1 }]);

    await store.prune(before);
    const [job] = await store.closedJobs({ since: 0, most: 1 });
    const [machine] = await store.pastMachines({ since: 0, most: 1 });

    expect(job?.failure).toEqual({ machine: M1, image: "plain", at: old, why: "lost", text: "gone" });
    expect(machine).toMatchObject({ name: M1, retired: { why: "lost" } });
    expect(machine).not.toHaveProperty("guestLog");
  });
});

describe("a write that fails", () => {
  test("changes nothing, and takes none of its group with it", async () => {
    const { open } = storeFolder();
    const store = await open();
    const impossible = created(M1, undefined, Number.NaN);

    const [bad, good, kept] = await Promise.allSettled([
      store.record([impossible]),
      store.record([created(M2)]),
      store.keep(delivery("a")),
    ]);

    expect(bad).toMatchObject({
      status: "rejected",
      reason: { message: expect.stringContaining("NOT NULL") },
    });
    expect(good.status).toBe("fulfilled");
    expect(kept).toMatchObject({ value: "new" });
    expect([...store.state.machines.keys()]).toEqual([M2]);
  });
});

describe("those who watch a store", () => {
  test("are told of each fact once it is durable, with the state before it", async () => {
    const told: string[] = [];
    const { open } = storeFolder();
    const onFact = ({ kind }: Fact, { jobs, machines }: State) =>
      void told.push(`${kind}: ${jobs.size} jobs, ${machines.size} machines`);
    const store = await open({ onFact });

    const recording = store.record([seen(1), created(M1, 1)]);
    const before = [...told];
    await recording;

    expect(before).toEqual([]);
    expect(told).toEqual(["job-seen: 0 jobs, 0 machines", "machine-created: 1 jobs, 0 machines"]);
  });

  test("are told of each transaction, and of one that failed nothing but that", async () => {
    const commits: string[] = [];
    const facts: Fact[] = [];
    const { open } = storeFolder();
    const store = await open({
      onFact: (fact) => void facts.push(fact),
      onCommit: (_, failure) => void commits.push(failure instanceof Error ? "failed" : "committed"),
    });

    await store.record([created(M1, undefined, Number.NaN)]).catch(() => {});
    await store.record([created(M2)]);

    expect(commits).toEqual(["failed", "committed"]);
    expect(facts).toEqual([created(M2)]);
  });
});

describe("the history", () => {
  test("does not grow with what is known already", async () => {
    const { open } = storeFolder();
    const store = await open();
    const facts = [seen(1), created(M1, 1), failed(M1), drained("lab1", true)];

    for (let time = 0; time < 3; time += 1) await store.record(facts);

    expect(await store.history({ job: 1 })).toHaveLength(2);
    expect(await store.history({ machine: M1 })).toHaveLength(2);
  });
});

describe("the files", () => {
  test("can be read by their owner only", async () => {
    const { options, open } = storeFolder();
    const store = await open();
    await store.keep(delivery("a"));

    const modes = ["", "-wal", "-shm", ".lock"].map((ending) => statSync(options.file + ending).mode & 0o777);

    expect(modes).toEqual([0o600, 0o600, 0o600, 0o600]);
  });

  test("are synced at every commit, since a power cut must not take back an answer", () => {
    const { options } = storeFolder();

    const database = openDatabase(options.file);
    const [mode, sync] = ["journal_mode", "synchronous"].map((key) => database.pragma(key, { simple: true }));
    database.close();

    // 2 is FULL. See: sqlite.org/pragma.html#pragma_synchronous
    expect([mode, sync]).toEqual(["wal", 2]);
  });

  test("grow by what one fact changes, not by all that is open", async () => {
    const { options, open } = storeFolder();
    const store = await open();
    await store.record(Array.from({ length: 10_000 }, (_, id) => seen(id + 1)));
    await checkpoint(options.file);
    const before = statSync(`${options.file}-wal`).size;

    await store.record([{ kind: "job-given-up", at: NOW, job: 5000, cause: "" }]);

    expect(statSync(`${options.file}-wal`).size - before).toBeLessThan(100_000);
  });
});

describe("a burst of 1,000 webhooks", () => {
  test("is durable in well under a second", async () => {
    const { options, open } = storeFolder();
    const store = await open();
    const payload = JSON.stringify({ text: "x".repeat(15_000) });
    const startedAt = performance.now();

    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => store.keep({ ...delivery(`id-${index}`), payload })),
    );

    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(new Set(answers)).toEqual(new Set(["new"]));
    const reader = new Database(options.file, { readonly: true });
    expect(reader.prepare("select count(*) as kept from delivery").get()).toEqual({ kept: 1000 });
    reader.close();
  });
});

describe("a file that is no store", () => {
  test("is refused with what to do", async () => {
    const { options, open } = storeFolder();
    writeFileSync(options.file, "controller: lab\n".repeat(100));

    await expect(open()).rejects.toThrow(/is not a store of Mayfly, or it is damaged\. Move it away/);
  });

  test("is refused if it cannot even be made", async () => {
    const { options, open } = storeFolder();
    writeFileSync(`${options.file}-folder`, "");

    await expect(open({ file: `${options.file}-folder/x.sqlite` })).rejects.toThrow(/cannot be opened/);
  });
});

async function checkpoint(file: string): Promise<void> {
  const database = new Database(file);
  database.pragma("wal_checkpoint(TRUNCATE)");
  database.close();
}

/** Facts about three jobs, two machines and two hosts, in no order at all. */
function anyFact(): fc.Arbitrary<Fact> {
  const at = fc.integer({ min: NOW - hours(1), max: NOW });
  const job = fc.integer({ min: 1, max: 3 });
  const machine = fc.constantFrom(M1, M2);
  const status = fc.constantFrom("waiting", "queued", "running", "done");
  return fc.oneof(
    fc
      .record({ id: job, status, ranOn: fc.option(machine, { nil: undefined }) })
      .map((changes) => ({ kind: "job-seen" as const, at: NOW, job: aJobSeen(changes) })),
    fc.record({ kind: fc.constantFrom("run-cancelled", "job-admitted", "job-closed"), at, job }),
    fc.record({ kind: fc.constant("job-given-up"), at, job, cause: fc.string() }),
    fc.record({ kind: fc.constant("job-retried"), at, job, by: fc.string() }),
    fc.record({ kind: fc.constant("github-limited"), at, installation: fc.constantFrom(77, 78), until: at }),
    fc.tuple(fc.nat(2), at).map(([run, when]) => seenRun(run, when)),
    fc.tuple(fc.nat(2), at).map(([run, when]) => approvedRun(run, when)),
    fc.record({ kind: fc.constant("repository-access"), at, repo: fc.constant(REPO), granted: fc.boolean() }),
    fc.record({
      kind: fc.constant("orders-paused"),
      at,
      repo: fc.constantFrom(REPO, "*"),
      paused: fc.boolean(),
      by: fc.string(),
    }),
    at.map((when) => heldNext(when)),
    fc
      .record({ machines: fc.nat(3) })
      .chain((settings) => fc.nat(3).map((version) => savedSettings(settings, version))),
    fc
      .record({
        sha: fc.constantFrom("a", "b"),
        settings: fc.option(fc.record({ machines: fc.nat(3) }), { nil: undefined }),
      })
      .map((file) => ({ kind: "settings-file" as const, at: NOW, repo: REPO, ...file })),
    fc.record({ kind: fc.constant("machine-held"), at, machine, until: at, by: fc.string() }),
    fc.record({ kind: fc.constant("check-published"), at, job, check: fc.nat(9), digest: fc.string() }),
    fc
      .tuple(machine, fc.option(job, { nil: undefined }), fc.constantFrom(undefined, "new-one"))
      .map(([name, forJob, trial]) => ({ ...created(name, forJob), trial })),
    machine.map((name) => ({
      ...{ kind: "guest-asked" as const, at: NOW, machine: name, runnerVersion: "2.337.0" },
    })),
    fc.record({
      kind: fc.constant("trial-ended"),
      at,
      host: fc.constant("lab1"),
      family: fc.constant("plain"),
      cloudImage: fc.constant("new-one"),
      verdict: fc.constantFrom("promoted", "turned-back"),
    }),
    fc.record({
      kind: fc.constantFrom("vm-up", "guest-working", "vm-destroyed", "machine-forgotten"),
      at,
      machine,
    }),
    fc.record({ kind: fc.constant("machine-configured"), at, machine, runnerId: fc.nat(9) }),
    machine.map(failed),
    fc
      .tuple(fc.constantFrom("lab1", "lab2"), fc.boolean())
      .map(([host, isDrained]) => drained(host, isDrained)),
  );
}
