import { describe, expect, test } from "vitest";
import { apply } from "../../src/core/apply.ts";
import { LONG_BOOT_MS, MEANT_MS } from "../../src/core/patience.ts";
import { plan } from "../../src/core/plan.ts";
import type { Job, Machine } from "../../src/core/types.ts";
import {
  ago,
  aJob,
  anImage,
  aRepository,
  aWorld,
  booting,
  M1,
  NOW,
  ready,
  seconds,
  toldOf,
  type WorldParts,
} from "../support/build.ts";

const boots = new Map([["plain", seconds(40)]]);
const titleOn = (machine: Machine, job: Partial<Job> = {}) =>
  toldOf(aJob(job), { is: "booting", machine }, { boots }).title;

/** Digests of the check runs that are to be written. */
const written = (parts: WorldParts): string[] =>
  plan(aWorld(parts)).effects.flatMap((effect) => (effect.do === "publish" ? [effect.digest] : []));

describe("the title of a job whose machine boots", () => {
  test("says how long it has booted, and how long its image usually does", () => {
    expect(titleOn(booting({ startedAt: ago(seconds(18)) }))).toBe("Booting plain, 0:18 of about 0:40");
    expect(titleOn(booting({ startedAt: ago(seconds(95)) }))).toBe("Booting plain, 1:35 of about 0:40");
  });

  test("says nothing of what is usual where nobody knows", () => {
    expect(titleOn(booting({ image: "new", startedAt: ago(seconds(18)) }))).toBe("Booting new, 0:18");
    expect(titleOn(booting({ image: "new", startedAt: NOW }))).toBe("Booting new");
  });

  test("says which try it is", () => {
    const machine = booting({ startedAt: ago(seconds(18)) });

    expect(titleOn(machine, { tries: 2 })).toBe("Booting plain, 0:18 of about 0:40, try 3");
  });

  test("does not speak of booting when the machine has booted", () => {
    expect(titleOn(ready())).toBe("Starting on plain");
  });

  test("comes with the time at which the machine should be ready, which does not grow old", () => {
    const said = (startedAt: number) =>
      toldOf(aJob(), { is: "booting", machine: booting({ startedAt }) }, { boots }).summary;

    expect(said(ago(seconds(18)))).toContain("so it should be ready at about 12:00:22 (UTC).");
    expect(said(ago(seconds(95)))).toContain("so this one is late.");
  });
});

describe("a boot that is long", () => {
  const machines = [booting({ startedAt: ago(LONG_BOOT_MS) })];
  const withDigest = (digest: string) => ({ jobs: [aJob({ check: { id: 9, digest } })], machines });

  test("is told of once more, and no more often", () => {
    expect(written(withDigest("booting/0"))).toEqual(["booting/0/late"]);
    expect(written(withDigest("booting/0/late"))).toEqual([]);
  });

  test("is told of when its time has come, by a pass of its own", () => {
    const parts = { jobs: [aJob({ check: { id: 9, digest: "booting/0" } })] };
    const young = [booting({ startedAt: ago(LONG_BOOT_MS - 1) })];

    expect(written({ ...parts, machines: young })).toEqual([]);
    expect(plan(aWorld({ ...parts, machines: young })).wakeAt).toBe(NOW + 1);
  });

  test("is not told of when the job's place in the queue was: a job has four writes", () => {
    const world = aWorld({ jobs: [aJob({ check: { id: 9, digest: "waiting/0" } })], machines });
    const digests: string[] = [];
    for (let pass = 0; pass < 3; pass += 1) {
      for (const effect of plan(world).effects) {
        if (effect.do !== "publish") continue;
        digests.push(effect.digest);
        apply(world.state, { kind: "check-published", at: NOW, job: 1, check: 9, digest: effect.digest });
      }
    }

    expect(digests).toEqual(["booting/0/after"]);
  });

  test("is over when the machine has booted", () => {
    const machine = ready({ startedAt: ago(LONG_BOOT_MS) });

    expect(written({ ...withDigest("booting/0"), machines: [machine] })).toEqual([]);
  });
});

describe("a job whose labels no image has", () => {
  const images = [anImage(), anImage({ name: "gpu", labels: ["self-hosted", "linux", "our-gpu"] })];
  const catalogue = { images, repositories: [aRepository({ images: ["plain", "gpu"] })] };
  const told = (labels: string[], changes: Partial<Job> = {}) =>
    written({ jobs: [aJob({ labels, readyAt: ago(MEANT_MS), ...changes })], catalogue });

  test.each<[string, string[]]>([
    ["one that is nearly ours", ["self-hosted", "our-plane"]],
    ["one of ours and a stranger's", ["our-plain", "huge"]],
    ["one of ours each of two images", ["our-plain", "our-gpu"]],
    ["a general one that is not there and one that is nearly ours", ["windows", "our-plane"]],
  ])("is told so when it has waited a little, if it asks for %s", (_, labels) => {
    expect(told(labels)).toEqual(["unserved"]);
    expect(told(labels, { readyAt: ago(MEANT_MS - 1) })).toEqual([]);
  });

  test.each<[string, string[]]>([
    ["GitHub's own machines", ["ubuntu-latest"]],
    ["GitHub's own machines, although a label is ours", ["ubuntu-24.04", "our-plain"]],
    ["another system's machines", ["self-hosted", "rocket"]],
    ["general labels only", ["self-hosted", "linux"]],
  ])("is none of our affairs, if it asks for %s", (_, labels) => {
    expect(told(labels)).toEqual([]);
  });

  test("is left alone when another system's runner has taken it", () => {
    expect(told(["our-plane"], { status: "running", ranOn: "theirs" })).toEqual([]);
  });

  test.each<[string[], string]>([
    [["self-hosted", "our-plane"], "No image has the label our-plane; nearest: our-plain"],
    [["windows", "our-plane"], "No image has the label our-plane; nearest: our-plain"],
    [["our-plain", "huge"], "No image has the label huge"],
    [["our-plain", "our-gpu"], "No one image has all of its labels"],
  ])("that asks for %j has the title “%s”", (labels, title) => {
    const world = aWorld({ catalogue });

    expect(toldOf(aJob({ labels }), { is: "unserved" }, world).title).toBe(title);
  });
});

test("a machine that was never looked at is not said to boot for long", () => {
  expect(titleOn(booting({ name: M1, startedAt: undefined }))).toBe("Booting plain, 0:00 of about 0:40");
});
