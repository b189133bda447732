import { describe, expect, test } from "vitest";
import type { Fact } from "../../src/core/facts.ts";
import { type Measure, measurer } from "../../src/core/measure.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { aCatalogue, ago, M1, M2, NOW, seconds } from "../support/build.ts";
import { created, failed, seen } from "../support/facts.ts";

/** What these facts come to, one after the other, from an empty store. */
async function measured(...facts: Fact[]): Promise<Measure[]> {
  const measure = measurer(aCatalogue());
  const measures: Measure[] = [];
  const store = memoryStore((fact, before) => void measures.push(...measure(fact, before)));
  await store.record(facts);
  return measures;
}

const later = (count: number): number => NOW + seconds(count);
const started = (machine: string, at: number): Fact => ({
  kind: "machine-started",
  at,
  machine,
  tokenHash: "0",
});
const asked = (machine: string, at: number): Fact => ({
  kind: "guest-asked",
  at,
  machine,
  runnerVersion: "2.337.0",
});
const configured = (machine: string, at: number): Fact => ({ kind: "machine-configured", at, machine });
const running = { status: "running", startedAt: later(50), ranOn: M1 } as const;
const done = { ...running, status: "done", doneAt: later(170), conclusion: "success" } as const;
const image = "plain";

describe("what is measured", () => {
  test("of a job that goes well is each of its stages, once", async () => {
    const measures = await measured(
      seen(1, { queuedAt: ago(seconds(2)) }),
      created(M1, 1),
      started(M1, NOW),
      asked(M1, later(40)),
      configured(M1, later(41)),
      { kind: "guest-working", at: later(49), machine: M1 },
      seen(1, running, later(50)),
      seen(1, done, later(171)),
      { kind: "machine-retired", at: later(171), machine: M1, why: "finished" },
      { kind: "vm-destroyed", at: later(176), machine: M1 },
    );

    expect(measures).toEqual([
      { counted: "machine-created", labels: { image } },
      { stage: "queued-to-ordered", ms: seconds(2), labels: { image } },
      { stage: "ordered-to-booted", ms: seconds(40), labels: { image } },
      { stage: "booted-to-claimed", ms: seconds(1), labels: { image } },
      { stage: "claimed-to-working", ms: seconds(8), labels: { image } },
      { stage: "queued-to-running", ms: seconds(52), labels: { image } },
      { counted: "job-done", labels: { image, conclusion: "success" } },
      { stage: "job", ms: seconds(120), labels: { image, conclusion: "success" } },
      { stage: "destroy", ms: seconds(5), labels: { image } },
    ]);
  });

  test("does not grow when the same facts are told again", async () => {
    const facts = [
      seen(1),
      created(M1, 1),
      started(M1, NOW),
      asked(M1, later(40)),
      configured(M1, later(41)),
      { kind: "guest-working", at: later(49), machine: M1 },
      seen(1, running, later(50)),
      seen(1, done, later(171)),
      { kind: "check-published", at: later(172), job: 1, check: 9, digest: "done/success" },
      failed(M1),
      { kind: "vm-destroyed", at: later(176), machine: M1 },
    ] satisfies Fact[];

    const once = await measured(...facts);

    expect(once.length).toBeGreaterThan(facts.length - 2);
    expect(await measured(...facts, ...facts)).toEqual(once);
  });

  test("of a job whose start was never told is what its end tells of it", async () => {
    const measures = await measured(seen(1, { queuedAt: NOW }), created(M1, 1), seen(1, done, later(171)));

    expect(measures).toContainEqual({ stage: "queued-to-running", ms: seconds(50), labels: { image } });
    expect(measures).toContainEqual(expect.objectContaining({ stage: "job", ms: seconds(120) }));
  });

  test("of a job's wait begins when GitHub let it go", async () => {
    const measures = await measured(
      seen(1, { status: "waiting", queuedAt: ago(seconds(5000)) }),
      seen(1, { queuedAt: ago(seconds(5000)) }, NOW),
      created(M1, 1),
      started(M1, later(3)),
    );

    expect(measures).toContainEqual({ stage: "queued-to-ordered", ms: seconds(3), labels: { image } });
  });

  test("of a later try is not how long the job has waited: the first one took that time to fail", async () => {
    const measures = await measured(
      seen(1),
      created(M1, 1),
      failed(M1),
      created(M2, 1),
      started(M2, later(600)),
    );

    expect(measures).toEqual([
      { counted: "machine-created", labels: { image } },
      { counted: "machine-failed", labels: { image, why: "boot-timeout" } },
      { counted: "machine-created", labels: { image } },
    ]);
  });

  test("of a machine that is kept hot is not how long it waits for a job", async () => {
    const measures = await measured(
      created(M1),
      started(M1, NOW),
      asked(M1, later(40)),
      configured(M1, later(4000)),
    );

    expect(measures).toEqual([
      { counted: "machine-created", labels: { image } },
      { stage: "ordered-to-booted", ms: seconds(40), labels: { image } },
    ]);
  });

  test("is never less than no time, although GitHub's clock and ours differ", async () => {
    const measures = await measured(seen(1, { queuedAt: later(2) }), created(M1, 1), started(M1, NOW));

    expect(measures).toContainEqual({ stage: "queued-to-ordered", ms: 0, labels: { image } });
  });

  test("of a machine that nobody needed any more is no failure", async () => {
    const measures = await measured(created(M1), {
      kind: "machine-retired",
      at: NOW,
      machine: M1,
      why: "surplus",
    });

    expect(measures).toEqual([{ counted: "machine-created", labels: { image } }]);
  });

  test("of a job that is given up, and of what its check run says, is the number", async () => {
    const measures = await measured(
      seen(1),
      { kind: "check-published", at: NOW, job: 1, check: 9, digest: "waiting/0" },
      { kind: "check-published", at: NOW, job: 1, check: 9, digest: "waiting/1" },
      { kind: "job-given-up", at: NOW, job: 1, cause: "" },
    );

    expect(measures).toEqual([
      { counted: "check-run-written", labels: { stage: "waiting" } },
      { counted: "check-run-written", labels: { stage: "waiting" } },
      { counted: "job-given-up", labels: { image } },
    ]);
  });

  test("of other people's jobs is nothing", async () => {
    const foreign = { labels: ["ubuntu-latest"], ranOn: "GitHub Actions 7" };

    expect(await measured(seen(1, foreign), seen(1, { ...done, ...foreign }))).toEqual([]);
  });

  test("has no label that somebody outside could choose", async () => {
    const measures = await measured(
      { ...created(M1), kind: "machine-adopted", image: "of-a-runner-with-our-name" } as Fact,
      { kind: "vm-destroyed", at: later(1), machine: M1 },
      seen(2),
      seen(2, { ...done, ranOn: M1, conclusion: "a new word of GitHub's" }),
    );

    expect(new Set(measures.flatMap(({ labels }) => Object.values(labels)))).toEqual(new Set(["other"]));
  });
});
