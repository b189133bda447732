import { describe, expect, test } from "vitest";
import { apply } from "../../src/core/apply.ts";
import type { CloudImageSeen } from "../../src/core/clouds.ts";
import { emptyState, type Fact, type State } from "../../src/core/facts.ts";
import { plan } from "../../src/core/plan.ts";
import { type Trial, trialKey } from "../../src/core/trials.ts";
import type { Machine } from "../../src/core/types.ts";
import { blockedWords } from "../../src/core/words.ts";
import {
  ago,
  aHost,
  aJob,
  anImage,
  aWorld,
  booting,
  effectsIn,
  M1,
  M2,
  minutes,
  NOW,
  REPO,
  ready,
  someJobs,
  type WorldParts,
  working,
} from "../support/build.ts";

const seen = (
  standing: CloudImageSeen["standing"],
  changes: Partial<CloudImageSeen> = {},
): CloudImageSeen => ({
  family: "plain",
  id: standing,
  name: `plain-${standing}`,
  standing,
  builtAt: ago(minutes(60)),
  ...changes,
});
const BOTH = [seen("current"), seen("candidate")];
const onCloud = (canary = { share: 100, boots: 3, failures: 2 }) => ({
  hosts: [aHost({ name: "stfc", driver: "openstack" })],
  images: [anImage({ hosts: ["stfc"], cloudImage: { family: "plain", canary } })],
});

type TrialParts = WorldParts & { trial?: Trial; canary?: { share: number; boots: number; failures: number } };

function worldOf({ trial, canary, ...parts }: TrialParts) {
  const world = aWorld({ catalogue: onCloud(canary), cloudImages: { stfc: BOTH }, ...parts });
  if (trial) world.state.trials.set(trialKey("stfc", "candidate"), trial);
  return world;
}

/** Of each machine that is ordered: which candidate is tried on it, if one is. */
const ordered = (parts: TrialParts) =>
  plan(worldOf(parts)).facts.flatMap((fact) => (fact.kind === "machine-created" ? [fact.trial] : []));
const verdicts = (parts: TrialParts) => effectsIn(plan(worldOf(parts)));

describe("a candidate", () => {
  test("is tried on as many machines as have to boot well, and no more at a time", () => {
    expect(ordered({ jobs: someJobs(5) })).toEqual([
      "candidate",
      "candidate",
      "candidate",
      undefined,
      undefined,
    ]);
    expect(ordered({ jobs: someJobs(5), trial: { good: 2, failed: 0 } })).toEqual(["candidate", ...Array(4)]);
  });

  test("counts machines that are on their way already", () => {
    const machines = [
      booting({ host: "stfc", trial: "candidate" }),
      booting({ name: M2, host: "stfc", trial: "candidate" }),
    ];

    expect(ordered({ jobs: someJobs(5), machines })).toEqual(["candidate", undefined, undefined]);
  });

  test("is tried on its share of the machines", () => {
    const names = Array.from(
      { length: 1000 },
      (_, index) => `mayfly-lab-plain-${index.toString(36).padStart(8, "a")}`,
    );
    const world = worldOf({ jobs: someJobs(1000), canary: { share: 20, boots: 1000, failures: 1 } });
    world.catalogue.hosts.map((host) => Object.assign(host, { machines: 1000 }));
    world.catalogue.images.map((image) => Object.assign(image, { machines: 1000 }));
    world.catalogue.repositories.map((repository) => Object.assign(repository, { machines: 1000 }));
    const made = [...names];
    const facts = plan({ ...world, newName: () => made.pop() ?? "" }).facts;
    const tried = facts.filter((fact) => fact.kind === "machine-created" && fact.trial === "candidate");

    expect(tried.length).toBeGreaterThan(150);
    expect(tried.length).toBeLessThan(250);
  });

  test("is not tried where nobody wants that, where there is no current one, nor when its time is over", () => {
    expect(ordered({ jobs: someJobs(1), canary: { share: 0, boots: 3, failures: 2 } })).toEqual([undefined]);
    expect(ordered({ jobs: someJobs(1), cloudImages: { stfc: [seen("candidate")] } })).toEqual([undefined]);
    const ended = [seen("current"), seen("candidate", { expiresAt: NOW })];
    expect(ordered({ jobs: someJobs(1), cloudImages: { stfc: ended } })).toEqual([undefined]);
    const other = [seen("current"), seen("candidate", { family: "other" })];
    expect(ordered({ jobs: someJobs(1), cloudImages: { stfc: other } })).toEqual([undefined]);
  });

  test("is not tried on a job that lost a machine already", () => {
    const jobs = [aJob({ failed: [{ machine: M1, at: ago(minutes(1)), why: "boot-failed" }] })];

    expect(ordered({ jobs })).toEqual([undefined]);
  });

  test("of several is the newest that is tried", () => {
    const newer = seen("candidate", { id: "newer", builtAt: ago(minutes(1)) });

    expect(ordered({ jobs: someJobs(1), cloudImages: { stfc: [...BOTH, newer] } })).toEqual(["newer"]);
  });

  test("is promoted when enough have booted well, and turned back when enough have failed", () => {
    expect(verdicts({ trial: { good: 2, failed: 1 } })).toEqual([]);
    expect(verdicts({ trial: { good: 3, failed: 1 } })).toEqual(["promoted candidate on stfc"]);
    expect(verdicts({ trial: { good: 3, failed: 2 } })).toEqual(["turned-back candidate on stfc"]);
  });

  test("is judged once", () => {
    const trial = { good: 3, failed: 0, verdict: "promoted" } as const;

    expect(verdicts({ trial })).toEqual([]);
    expect(ordered({ jobs: someJobs(1), trial })).toEqual([undefined]);
  });
});

describe("how a candidate does", () => {
  const tried = (changes: Partial<Machine> = {}) => booting({ host: "stfc", trial: "candidate", ...changes });
  function stateAfter(machine: Machine, ...facts: Fact[]): State {
    const state = { ...emptyState(), machines: new Map([[machine.name, machine]]) };
    state.jobs.set(1, aJob());
    for (const fact of [...facts, ...facts]) apply(state, fact);
    return state;
  }
  const trialIn = ({ trials }: State) => trials.get(trialKey("stfc", "candidate"));
  const asks: Fact = { kind: "guest-asked", at: NOW, machine: M1, runnerVersion: "2.337.0" };
  const failure = { machine: M1, image: "plain", at: NOW, why: "boot-failed", text: "" } as const;
  const fails: Fact = { kind: "machine-retired", at: NOW, machine: M1, why: "boot-failed", failure };

  test("is better by each machine that asks for work, each once", () => {
    expect(trialIn(stateAfter(tried(), asks))).toEqual({ good: 1, failed: 0 });
  });

  test("is worse by each that fails, also after it had asked", () => {
    expect(trialIn(stateAfter(tried(), fails))).toEqual({ good: 0, failed: 1 });
    expect(trialIn(stateAfter(tried(), asks, fails))).toEqual({ good: 0, failed: 1 });
  });

  test("has nothing to do with a job that failed in it, nor with machines that are merely over", () => {
    expect(
      trialIn(stateAfter({ ...working(), host: "stfc", trial: "candidate", name: M1 }, fails)),
    ).toBeUndefined();
    const over: Fact = { kind: "machine-retired", at: NOW, machine: M1, why: "surplus" };
    expect(trialIn(stateAfter(tried(), over))).toBeUndefined();
  });

  test("has nothing to do with machines of the current one", () => {
    expect(stateAfter(booting({ host: "stfc" }), asks, fails).trials.size).toBe(0);
  });

  test("costs no job a try, and does not make its pool wait", () => {
    const state = stateAfter(tried({ forJob: 1 }), fails);

    expect(state.jobs.get(1)).toMatchObject({ tries: 0, failure: { machine: M1 } });
    expect(state.streaks.size).toBe(0);
  });

  test("ends with the first verdict", () => {
    const ended = (verdict: "promoted" | "turned-back"): Fact => ({
      ...{ kind: "trial-ended", at: NOW, host: "stfc", family: "plain", cloudImage: "candidate", verdict },
    });

    expect(trialIn(stateAfter(tried(), ended("turned-back"), ended("promoted")))?.verdict).toBe(
      "turned-back",
    );
  });
});

describe("an image that was put away", () => {
  test("is tried anew when somebody makes a candidate of it again", () => {
    const trial = { good: 0, failed: 2, verdict: "turned-back" } as const;
    const old = [seen("current"), seen("old", { id: "candidate" })];
    const { facts } = plan(worldOf({ trial, cloudImages: { stfc: old } }));
    expect(facts).toEqual([{ kind: "trial-forgotten", at: NOW, host: "stfc", cloudImage: "candidate" }]);

    const world = worldOf({ trial, jobs: someJobs(1) });
    for (const fact of facts) apply(world.state, fact);

    expect(plan(world).facts).toMatchObject([{ kind: "machine-created", trial: "candidate" }]);
  });
});

describe("a cloud image that has ended", () => {
  const cloudImages = { stfc: [seen("current", { expiresAt: NOW })] };

  test("makes no more machines, and its jobs are told why", () => {
    expect(ordered({ jobs: someJobs(1), cloudImages })).toEqual([]);
    expect(blockedWords({ why: "image-ended", hosts: ["stfc"] }, NOW)).toBe(
      "the image has ended on stfc: it may not be used any more",
    );
  });

  test("lets a candidate take its place at once, on all machines", () => {
    const both = [seen("current", { expiresAt: NOW }), seen("candidate", { expiresAt: NOW + minutes(1) })];
    const failed = [{ machine: M1, at: ago(minutes(1)), why: "boot-failed" as const }];
    const jobs = [aJob({ failed }), ...someJobs(7).slice(1)];
    const canary = { share: 1, boots: 3, failures: 2 };

    expect(ordered({ jobs, canary, cloudImages: { stfc: both } })).toEqual(Array(7).fill("candidate"));
    const trial = { good: 0, failed: 2, verdict: "turned-back" } as const;
    expect(ordered({ jobs, canary, trial, cloudImages: { stfc: both } })).toEqual([]);
  });

  test("leaves the job to the image's next host", () => {
    const catalogue = {
      hosts: [aHost({ name: "stfc", driver: "openstack" }), aHost({ name: "lab1" })],
      images: [anImage({ hosts: ["stfc", "lab1"], cloudImage: { family: "plain" } })],
    };
    const facts = plan(aWorld({ jobs: someJobs(1), catalogue, cloudImages })).facts;

    expect(facts).toMatchObject([{ kind: "machine-created", host: "lab1", repo: REPO }]);
  });

  test("does not end what was made from it", () => {
    expect(verdicts({ machines: [ready({ host: "stfc" })], jobs: [aJob()], cloudImages })).not.toContain(
      `destroy ${M1}`,
    );
  });
});
