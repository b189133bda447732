import { describe, expect, test } from "vitest";
import { plan, storiesOf } from "../../src/core/plan.ts";
import { blockedWords } from "../../src/core/words.ts";
import {
  ago,
  aHost,
  aJob,
  aMachine,
  anImage,
  aRepository,
  aWorld,
  booting,
  M1,
  NOW,
  seconds,
  someJobs,
  type WorldParts,
} from "../support/build.ts";

/** What a cloud says of its room counts beside what the catalogue says. */

const hosts = (parts: WorldParts): string[] =>
  plan(aWorld(parts)).facts.flatMap((fact) => (fact.kind === "machine-created" ? [fact.host] : []));

/** What the job is told that has no machine on its way. */
function waitsFor(parts: WorldParts): string {
  const world = aWorld(parts);
  const story = storiesOf(world)(aJob({ id: 1 }));
  return story.is === "waiting" && story.blocked ? blockedWords(story.blocked, world.now) : story.is;
}

const both = {
  hosts: [aHost({ name: "lab1", machines: 1 }), aHost({ name: "stfc", machines: 9 })],
  images: [anImage({ hosts: ["stfc", "lab1"], cpus: 2, memoryMiB: 1024 })],
};
const refusal = (at: number, until: number) => ({ at, until, text: "Quota exceeded for cores" });

describe("a host that says how much it has room for", () => {
  test("gets no more machines than that, and the next host of the image gets the rest", () => {
    const hostRoom = { stfc: { capacity: { machines: 2 } } };

    expect(hosts({ jobs: someJobs(4), catalogue: both, hostRoom })).toEqual(["stfc", "stfc", "lab1"]);
  });

  test("is full when its CPUs or its memory are, whatever the catalogue allows", () => {
    const of = (capacity: { cpus?: number; memoryMiB?: number }) =>
      hosts({ jobs: someJobs(4), catalogue: both, hostRoom: { stfc: { capacity } } });

    expect(of({ cpus: 3 })).toEqual(["stfc", "lab1"]);
    expect(of({ memoryMiB: 1023 })).toEqual(["lab1"]);
    expect(of({})).toEqual(["stfc", "stfc", "stfc", "stfc"]);
  });

  test("counts what a machine really takes there, where a flavor is larger or smaller than the image asks for", () => {
    const only = { ...both, images: [anImage({ hosts: ["stfc"], cpus: 2 })] };
    const of = (cpus: number) => {
      const capacity = { cpus: 20, sizes: { plain: { cpus, memoryMiB: 1024 } } };
      return hosts({ jobs: someJobs(9), catalogue: only, hostRoom: { stfc: { capacity } } }).length;
    };

    expect(of(8)).toBe(2);
    expect(of(1)).toBe(9);
  });

  test("counts the machines that it has already", () => {
    const machines = [booting({ host: "stfc" })];
    const hostRoom = { stfc: { capacity: { machines: 1 } } };

    expect(hosts({ jobs: someJobs(2), machines, catalogue: both, hostRoom })).toEqual(["lab1"]);
  });

  test("is told apart from one that the operator's own limit fills", () => {
    const only = { ...both, images: [anImage({ hosts: ["stfc"] })] };
    const full = { stfc: { capacity: { machines: 0 } } };

    expect(waitsFor({ jobs: someJobs(1), catalogue: only, hostRoom: full })).toBe("stfc is full by quota");
    const small = { ...only, hosts: [aHost({ name: "stfc", machines: 0 })] };
    expect(waitsFor({ jobs: someJobs(1), catalogue: small, hostRoom: full })).toBe("stfc is full");
  });
});

describe("a host that refused an order", () => {
  const until = NOW + seconds(40);

  test("gets none until its time has come, and others do meanwhile", () => {
    const hostRoom = { stfc: { refusals: [refusal(ago(1), until)] } };

    expect(hosts({ jobs: someJobs(3), catalogue: both, hostRoom })).toEqual(["lab1"]);
  });

  test("is why the job waits, in the host's own words, and wakes the pass when its time has come", () => {
    const only = { ...both, images: [anImage({ hosts: ["stfc"] })] };
    const parts = {
      jobs: someJobs(1),
      catalogue: only,
      hostRoom: { stfc: { refusals: [refusal(ago(1), until)] } },
    };

    expect(waitsFor(parts)).toBe("stfc refuses (Quota exceeded for cores), next try in 40 s");
    expect(plan(aWorld(parts)).wakeAt).toBe(until);
  });

  test("wakes the pass also when the job's other hosts are merely full", () => {
    const machines = [booting({ host: "lab1" })];
    const hostRoom = { stfc: { refusals: [refusal(ago(1), until)] } };

    expect(plan(aWorld({ jobs: someJobs(3), machines, catalogue: both, hostRoom })).wakeAt).toBe(until);
  });

  test("gets one machine first when its time has come, not all", () => {
    const hostRoom = { stfc: { refusals: [refusal(ago(seconds(60)), ago(1))] } };

    expect(hosts({ jobs: someJobs(4), catalogue: both, hostRoom })).toEqual(["stfc", "lab1"]);
  });

  test("gets none of those that were wanted and are not ordered yet, and their jobs wait without a try", () => {
    const hostRoom = { stfc: { refusals: [refusal(ago(1), until)] } };
    const machines = [aMachine({ name: M1, host: "stfc", createdAt: ago(seconds(2)) })];
    const facts = plan(aWorld({ jobs: someJobs(1), machines, catalogue: both, hostRoom })).facts;

    expect(facts).toContainEqual({ kind: "machine-retired", at: NOW, machine: M1, why: "no-room" });
  });

  test("gets no second one while the first shows whether there is room", () => {
    const hostRoom = { stfc: { refusals: [refusal(ago(seconds(60)), ago(seconds(20)))] } };
    const probe = aMachine({
      name: M1,
      host: "stfc",
      createdAt: ago(seconds(5)),
      startedAt: ago(seconds(5)),
    });

    expect(hosts({ jobs: someJobs(4), machines: [probe], catalogue: both, hostRoom })).toEqual(["lab1"]);
  });
});

describe("a host that refused an image's machine, since it has not what that needs", () => {
  const until = NOW + seconds(40);
  const ofPlain = (at: number, untilAt: number) => ({ ...refusal(at, untilAt), image: "plain" });

  test("gets none of that image, and those of others", () => {
    const images = [
      anImage({ hosts: ["stfc"] }),
      anImage({ name: "other", hosts: ["stfc"], labels: ["other"] }),
    ];
    const jobs = [aJob({ id: 1 }), aJob({ id: 2, labels: ["other"] })];
    const hostRoom = { stfc: { refusals: [ofPlain(ago(1), until)] } };

    const repositories = [aRepository({ images: ["plain", "other"] })];
    const { facts } = plan(aWorld({ jobs, catalogue: { ...both, images, repositories }, hostRoom }));

    expect(facts.flatMap((fact) => (fact.kind === "machine-created" ? [fact.image] : []))).toEqual(["other"]);
  });

  test("is why the job waits, and wakes the pass when its time has come", () => {
    const catalogue = { ...both, images: [anImage({ hosts: ["stfc"] })] };
    const parts = {
      jobs: someJobs(1),
      catalogue,
      hostRoom: { stfc: { refusals: [ofPlain(ago(1), until)] } },
    };

    expect(waitsFor(parts)).toBe(
      "the image cannot be had on stfc (Quota exceeded for cores), next try in 40 s",
    );
    expect(plan(aWorld(parts)).wakeAt).toBe(until);
  });

  test("gets one machine of it first when its time has come, whatever others it made meanwhile", () => {
    const images = [anImage({ hosts: ["stfc"] })];
    const hostRoom = { stfc: { refusals: [ofPlain(ago(seconds(60)), ago(1))] } };
    const machines = [aMachine({ name: M1, host: "stfc", image: "other", createdAt: ago(seconds(5)) })];

    expect(hosts({ jobs: someJobs(4), machines, catalogue: { ...both, images }, hostRoom })).toEqual([
      "stfc",
    ]);
  });
});
