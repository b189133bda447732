import { describe, expect, test } from "vitest";
import { DROPPED_MS } from "../../src/core/patience.ts";
import { plan } from "../../src/core/plan.ts";
import {
  ASKING,
  adopted,
  ago,
  aJob,
  aRepository,
  aWorld,
  booting,
  configured,
  doneIn,
  ended,
  M1,
  minutes,
  NOW,
  REPO,
  ready,
  runnerSeen,
  VM_UP,
  type WorldParts,
  working,
} from "../support/build.ts";

const withoutAccess = [REPO];
const facts = (parts: WorldParts) => plan(aWorld({ withoutAccess, ...parts })).facts;
const retirements = (parts: WorldParts) =>
  facts(parts).flatMap((fact) => (fact.kind === "machine-retired" ? [fact.why] : []));

describe("a repository that has removed the App, or suspended it", () => {
  test("gets no machine, neither for a job nor to be kept hot", () => {
    const catalogue = { repositories: [aRepository({ hot: { plain: 2 } })] };

    expect(facts({ jobs: [aJob()], catalogue })).toEqual([]);
    expect(plan(aWorld({ jobs: [aJob()], catalogue })).facts.length).toBeGreaterThan(0);
  });

  test.each([
    ["boots", booting(), VM_UP],
    ["is ready", ready(), ASKING],
    ["was handed its registration", configured(), { ...VM_UP, ...runnerSeen("idle") }],
  ])("frees a machine that %s", (_, machine, seen) => {
    expect(retirements({ machines: [machine], seen: { [M1]: seen } })).toEqual(["uninstalled"]);
  });

  test.each([
    ["by its guest's word", working(), VM_UP, undefined],
    ["by GitHub's last list", configured(), { ...VM_UP, ...runnerSeen("busy") }, undefined],
    ["by GitHub's event", configured(), VM_UP, aJob({ status: "running", ranOn: M1 })],
  ])("lets a machine end that works %s", (_, machine, seen, job) => {
    const parts = { machines: [machine], seen: { [M1]: seen }, jobs: job ? [job] : [] };

    expect(retirements(parts)).toEqual([]);
    expect(doneIn({ withoutAccess, ...parts })).toEqual([]);
  });

  test.each([
    ["stays", working({ workingAt: ago(minutes(3)) })],
    ["is not destroyed", working({ workingAt: ago(minutes(3)), retired: { at: NOW, why: "runner-lost" } })],
  ])("does not believe an old list against its guest: a machine at work %s", (_, machine) => {
    const old = {
      runner: "offline" as const,
      runnerId: 7,
      runnerAskedAt: ago(minutes(3.5)),
      wasRunnerSeen: true,
    };

    expect(doneIn({ withoutAccess, machines: [machine], seen: { [M1]: { ...VM_UP, ...old } } })).toEqual([]);
  });

  test("has its freed machine destroyed without asking GitHub, which would not answer", () => {
    const machine = configured({ retired: { at: NOW, why: "uninstalled" } });

    expect(doneIn({ withoutAccess, machines: [machine], seen: { [M1]: VM_UP } })).toEqual([`destroy ${M1}`]);
    expect(plan(aWorld({ withoutAccess, machines: [machine] })).ask.size).toBe(0);
  });

  test("has a machine destroyed that was leaving already, and whose runner nobody can remove any more", () => {
    const machine = configured({ retired: { at: ago(1000), why: "guest-lost" } });
    const parts = { machines: [machine], seen: { [M1]: VM_UP } };

    expect(doneIn({ withoutAccess, ...parts })).toEqual([`destroy ${M1}`]);
    expect(doneIn(parts)).toEqual([]);
  });

  test("leaves no row behind once the VM is gone", () => {
    const gone = { retired: { at: ago(2000), why: "uninstalled" as const }, destroyedAt: ago(1000) };

    expect(facts({ machines: [configured(gone)] })).toMatchObject([{ kind: "machine-forgotten" }]);
    expect(plan(aWorld({ machines: [configured(gone)] })).facts).toEqual([]);
  });

  test("has its jobs closed: those that are done at once, one that ran with its machine, one that waits after a day", () => {
    const closed = (parts: WorldParts) => facts(parts).map(({ kind }) => kind);
    const running = aJob({ status: "running", ranOn: M1 });

    expect(closed({ jobs: [aJob({ status: "done" })] })).toEqual(["job-closed"]);
    expect(closed({ jobs: [running], machines: [working()], seen: { [M1]: VM_UP } })).toEqual([]);
    expect(
      closed({
        jobs: [running],
        machines: [ended({ destroyedAt: NOW, retired: { at: NOW, why: "finished" } })],
      }),
    ).toEqual(["job-closed"]);
    expect(closed({ jobs: [aJob({ readyAt: ago(DROPPED_MS) })] })).toEqual(["job-closed"]);
    expect(closed({ jobs: [aJob({ readyAt: ago(DROPPED_MS - 1) })] })).toEqual([]);
  });

  test("is told nothing and asked nothing", () => {
    const jobs = [
      aJob(),
      aJob({ id: 2, status: "running", ranOn: "mayfly-lab-plain-zzzzzzzz", startedAt: ago(99_999) }),
    ];

    expect(
      plan(aWorld({ withoutAccess, jobs })).effects.filter(({ do: step }) => step !== "destroy"),
    ).toEqual([]);
  });

  test("is meant however its name is spelt", () => {
    const spelt = { jobs: [aJob({ repo: "Octo/SpinW" })] };

    expect(facts(spelt)).toEqual([]);
  });

  test("does not keep another's adopted VM from its end", () => {
    const machine = adopted({ repo: "" });
    const catalogue = { repositories: [aRepository(), aRepository({ name: "octo/other" })] };
    const seen = {
      [M1]: { ...VM_UP, runner: "none" as const, runnerAskedAt: NOW, runnerMissingSince: ago(999_999) },
    };

    expect(doneIn({ withoutAccess, machines: [machine], catalogue, seen })).toEqual([`destroy ${M1}`]);
  });
});
