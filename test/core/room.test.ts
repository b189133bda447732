import { describe, expect, test } from "vitest";
import { poolKey } from "../../src/core/facts.ts";
import { DEFAULT_PATIENCE, PROBE_AFTER } from "../../src/core/patience.ts";
import { plan } from "../../src/core/plan.ts";
import type { Host, Image, Job } from "../../src/core/types.ts";
import {
  ago,
  aHost,
  aJob,
  aMachine,
  anImage,
  aRepository,
  aStreak,
  aWorld,
  booting,
  configured,
  doneIn,
  M1,
  M2,
  M3,
  minutes,
  NOW,
  REPO,
  runnerSeen,
  seconds,
  someJobs,
  VM_UP,
  vmMissing,
  type WorldParts,
} from "../support/build.ts";

const { backoffMs, backoffMaxMs } = DEFAULT_PATIENCE;
const OTHER = "octo/horace";

const orders = (parts: WorldParts) =>
  plan(aWorld(parts)).facts.flatMap((fact) => (fact.kind === "machine-created" ? [fact] : []));
const ordered = (parts: WorldParts) => orders(parts).length;
const hosts = (parts: WorldParts) => orders(parts).map(({ host }) => host);
const repos = (parts: WorldParts) => orders(parts).map(({ repo }) => repo);

/** Two hosts, of which the image prefers the first. */
const two = (first: Partial<Host> = {}, second: Partial<Host> = {}, image: Partial<Image> = {}) => ({
  hosts: [aHost({ ...second, name: "lab2" }), aHost({ ...first, name: "lab1" })],
  images: [anImage({ hosts: ["lab1", "lab2"], ...image })],
});

describe("a machine's host", () => {
  test("is the first of the image's that has room, in the image's order", () => {
    expect(hosts({ jobs: someJobs(4), catalogue: two({ machines: 1 }, { machines: 2 }) })).toEqual([
      "lab1",
      "lab2",
      "lab2",
    ]);
  });

  test("is none that the image may not use", () => {
    expect(hosts({ jobs: someJobs(1), catalogue: two({ machines: 0 }, {}, { hosts: ["lab1"] }) })).toEqual(
      [],
    );
  });

  test("has as many machines as it may, of all images and repositories", () => {
    const machines = [booting({ repo: OTHER, image: "other", host: "lab2" })];

    expect(hosts({ jobs: someJobs(4), machines, catalogue: two({ machines: 0 }, { machines: 3 }) })).toEqual([
      "lab2",
      "lab2",
    ]);
  });

  test.each([
    ["cpus", { cpus: 7 }, { cpus: 2 }],
    ["memory", { memoryMiB: 7000 }, { memoryMiB: 2048 }],
  ])("is not asked for more %s than it has", (_, host, image) => {
    expect(ordered({ jobs: someJobs(9), catalogue: two(host, { machines: 0 }, image) })).toBe(3);
  });

  test("lends its cpus and memory also to the last bit", () => {
    const catalogue = two({ cpus: 6, memoryMiB: 3072 }, { machines: 0 }, { cpus: 2, memoryMiB: 1024 });

    expect(ordered({ jobs: someJobs(9), catalogue })).toBe(3);
  });

  test("counts the size of every image on it, and places of images that left the catalogue", () => {
    const catalogue = {
      hosts: [aHost({ cpus: 8, machines: 3 })],
      images: [anImage({ cpus: 2 }), anImage({ name: "big", labels: ["our-big"], cpus: 5 })],
    };
    const big = booting({ image: "big" });

    expect(ordered({ jobs: someJobs(9), machines: [big], catalogue })).toBe(1);
    expect(ordered({ jobs: someJobs(9), machines: [booting({ image: "gone" })], catalogue })).toBe(2);
  });

  test("is none that is being emptied, nor one that cannot be reached", () => {
    expect(hosts({ jobs: someJobs(1), catalogue: two(), drained: ["lab1"] })).toEqual(["lab2"]);
    expect(hosts({ jobs: someJobs(1), catalogue: two(), reachable: ["lab2"] })).toEqual(["lab2"]);
    expect(hosts({ jobs: someJobs(1), catalogue: two(), drained: ["lab1"], reachable: ["lab1"] })).toEqual(
      [],
    );
  });
});

describe("room is taken", () => {
  const one = { hosts: [aHost({ machines: 1 })] };
  const blocked = (parts: WorldParts) => ordered({ jobs: someJobs(3), catalogue: one, ...parts }) === 0;

  test("by a retired machine until its VM is gone for certain", () => {
    const retired = { at: ago(seconds(5)), why: "surplus" } as const;
    const leaving = booting({ startedAt: ago(minutes(5)), retired });

    expect(blocked({ machines: [leaving], seen: { [M1]: VM_UP } })).toBe(true);
    expect(blocked({ machines: [leaving], seen: { [M1]: vmMissing(minutes(1)) } })).toBe(true);
    expect(blocked({ machines: [{ ...leaving, destroyedAt: ago(1) }] })).toBe(false);
    expect(blocked({ machines: [{ ...leaving, destroyedAt: ago(1) }], seen: { [M1]: VM_UP } })).toBe(true);
    expect(blocked({ machines: [aMachine({ retired })] })).toBe(false);
  });

  test("by a machine that works", () => {
    expect(blocked({ machines: [configured()], seen: { [M1]: { ...VM_UP, ...runnerSeen("busy") } } })).toBe(
      true,
    );
  });

  test("by a stranger, also before it has a row", () => {
    expect(blocked({ strangers: [{ name: M2, image: "plain", host: "lab1" }] })).toBe(true);
  });
});

describe("no more machines are made", () => {
  test("of an image than it allows, over all repositories", () => {
    const catalogue = {
      images: [anImage({ machines: 3 })],
      repositories: [aRepository(), aRepository({ name: OTHER })],
    };
    const jobs = [...someJobs(2), ...someJobs(2).map((job) => ({ ...job, id: job.id + 10, repo: OTHER }))];

    expect(ordered({ jobs, catalogue })).toBe(3);
    expect(ordered({ jobs, catalogue, machines: [booting({ retired: { at: NOW, why: "surplus" } })] })).toBe(
      2,
    );
  });

  test("for a repository than it may have, over all images", () => {
    const catalogue = {
      images: [anImage(), anImage({ name: "big", labels: ["our-big"] })],
      repositories: [aRepository({ images: ["plain", "big"], machines: 3 })],
    };
    const jobs = [
      ...someJobs(2),
      ...someJobs(2).map((job) => ({ ...job, id: job.id + 10, labels: ["our-big"] })),
    ];

    expect(ordered({ jobs, catalogue })).toBe(3);
    expect(
      ordered({
        jobs,
        catalogue,
        machines: [booting({ image: "big", retired: { at: NOW, why: "surplus" } })],
      }),
    ).toBe(2);
  });
});

describe("repositories share what there is", () => {
  const both = (changes: Partial<Host> = {}) => ({
    hosts: [aHost(changes)],
    repositories: [aRepository(), aRepository({ name: OTHER })],
  });
  const theirs = (count: number): Job[] =>
    someJobs(count).map((job) => ({ ...job, id: job.id + 10, repo: OTHER, queuedAt: ago(seconds(1)) }));

  test("one machine at a time, so that a late one is not starved by an early one with many jobs", () => {
    expect(repos({ jobs: [...someJobs(9), ...theirs(2)], catalogue: both({ machines: 4 }) })).toEqual([
      REPO,
      OTHER,
      REPO,
      OTHER,
    ]);
  });

  test("and the one that has fewer machines already goes first", () => {
    const machines = [configured(), configured({ name: M2 })];
    const seen = { [M1]: runnerSeen("busy"), [M2]: runnerSeen("busy") };

    expect(
      repos({ jobs: [...someJobs(3), ...theirs(3)], machines, seen, catalogue: both({ machines: 6 }) }),
    ).toEqual([OTHER, OTHER, REPO, OTHER]);
  });

  test("and of two that have the same number the one with the oldest job goes first", () => {
    const late = someJobs(1, { queuedAt: ago(seconds(5)) });
    const early = theirs(1).map((job) => ({ ...job, queuedAt: ago(seconds(6)) }));

    expect(repos({ jobs: [...late, ...early], catalogue: both({ machines: 1 }) })).toEqual([OTHER]);
  });

  test("and each gets machines of all the images that its jobs want", () => {
    const catalogue = {
      images: [anImage(), anImage({ name: "big", labels: ["our-big"] })],
      repositories: [aRepository({ images: ["plain", "big"] })],
    };
    const jobs = [aJob(), ...someJobs(2).map((job) => ({ ...job, id: job.id + 10, labels: ["our-big"] }))];

    expect(orders({ jobs, catalogue }).map(({ image }) => image)).toEqual(["big", "big", "plain"]);
  });

  test("and what one may not use the other gets", () => {
    const catalogue = {
      ...both({ machines: 4 }),
      repositories: [aRepository({ machines: 1 }), aRepository({ name: OTHER })],
    };

    expect(repos({ jobs: [...someJobs(9), ...theirs(9)], catalogue })).toEqual([REPO, OTHER, OTHER, OTHER]);
  });

  test("and jobs go before machines that are only kept hot", () => {
    const catalogue = {
      ...both({ machines: 2 }),
      repositories: [aRepository(), aRepository({ name: OTHER, hot: { plain: 1 } })],
    };
    const machines = [configured()];

    expect(repos({ jobs: someJobs(1), machines, seen: { [M1]: runnerSeen("busy") }, catalogue })).toEqual([
      REPO,
    ]);
  });
});

describe("hot machines", () => {
  const catalogue = { repositories: [aRepository({ hot: { plain: 2 } })] };

  test("are kept on their way without any job, and are made for none", () => {
    expect(orders({ catalogue })).toMatchObject([{ forJob: undefined }, { forJob: undefined }]);
    expect(ordered({ catalogue, machines: [booting()] })).toBe(1);
    expect(ordered({ catalogue, machines: [booting(), booting({ name: M2 })] })).toBe(0);
  });

  test("are made up for when jobs take them", () => {
    expect(ordered({ catalogue, jobs: someJobs(2), machines: [booting(), booting({ name: M2 })] })).toBe(2);
  });

  test("of an image that is not in the catalogue are not made", () => {
    expect(ordered({ catalogue: { repositories: [aRepository({ hot: { gone: 2 } })] } })).toBe(0);
  });
});

describe("a pool whose machines fail", () => {
  const streak = (failures: number, sinceMs: number) => ({
    [poolKey({ repo: REPO, image: "plain" })]: aStreak({ failures, at: ago(sinceMs) }),
  });

  test.each([
    [1, backoffMs],
    [2, 2 * backoffMs],
    [4, 8 * backoffMs],
    [50, backoffMaxMs],
  ])(
    "waits after %d failures in a row for three quarters of %d ms at least, and for all of it at most",
    (failures, waitMs) => {
      const jobs = someJobs(1);

      expect(ordered({ jobs, streaks: streak(failures, 0.75 * waitMs - 1) })).toBe(0);
      expect(ordered({ jobs, streaks: streak(failures, waitMs) })).toBe(1);
    },
  );

  test("is looked at again at the end of its wait", () => {
    const world = aWorld({ jobs: [aJob()], streaks: streak(1, backoffMs - 3000) });

    const { wakeAt = 0 } = plan(world);

    expect(wakeAt).toBeGreaterThan(NOW + 3000 - 0.25 * backoffMs);
    expect(wakeAt).toBeLessThanOrEqual(NOW + 3000);
  });

  test("does not come back at the same moment as another that failed with it", () => {
    const catalogue = { repositories: [aRepository(), aRepository({ name: "octo/other" })] };
    const streaks = { [poolKey({ repo: "octo/other", image: "plain" })]: aStreak({ failures: 9 }) };
    const both = { ...streak(9, 0), ...streaks };
    const wakeAt = (repo: string) =>
      plan(aWorld({ jobs: [aJob({ repo })], catalogue, streaks: both })).wakeAt;

    expect(wakeAt(REPO)).not.toBe(wakeAt("octo/other"));
  });

  test("is not looked at again for that if it wants no machine", () => {
    expect(plan(aWorld({ streaks: streak(1, 0) })).wakeAt).toBeUndefined();
  });

  test("makes as many machines as before after few failures, and then one at a time as a probe", () => {
    const jobs = someJobs(5);

    expect(ordered({ jobs, streaks: streak(PROBE_AFTER - 1, backoffMaxMs) })).toBe(5);
    expect(ordered({ jobs, streaks: streak(PROBE_AFTER, backoffMaxMs) })).toBe(1);
    expect(ordered({ jobs, streaks: streak(PROBE_AFTER, backoffMaxMs), machines: [booting()] })).toBe(0);
    expect(ordered({ jobs, streaks: streak(PROBE_AFTER, backoffMaxMs), machines: [configured()] })).toBe(0);
  });

  test("is not probed again while the probe's failure is not written down", () => {
    const late = { machines: [booting({ startedAt: ago(minutes(6)) })], seen: { [M1]: VM_UP } };

    expect(ordered({ jobs: someJobs(2), ...late, streaks: streak(PROBE_AFTER, backoffMaxMs) })).toBe(0);
  });

  test("does not hold up the other pools", () => {
    const catalogue = { repositories: [aRepository(), aRepository({ name: OTHER })] };
    const jobs = [...someJobs(2), aJob({ id: 11, repo: OTHER })];

    expect(repos({ jobs, catalogue, streaks: streak(1, 0) })).toEqual([OTHER]);
  });
});

test("a host's places are never exceeded in one pass, however many pools want one", () => {
  const images = Array.from({ length: 5 }, (_, index) =>
    anImage({ name: `image${index}`, labels: [`our-${index}`] }),
  );
  const jobs = images.flatMap((image, index) =>
    someJobs(3).map((job) => ({ ...job, id: index * 10 + job.id, labels: [...image.labels] })),
  );
  const catalogue = {
    hosts: [aHost({ machines: 7 })],
    images,
    repositories: [aRepository({ images: images.map(({ name }) => name) })],
  };

  expect(ordered({ jobs, catalogue, machines: [aMachine({ name: M3 })] })).toBe(6);
});

describe("a pause", () => {
  const both = { repositories: [aRepository({ hot: { plain: 1 } }), aRepository({ name: OTHER })] };
  const jobs = [aJob(), aJob({ id: 2, repo: OTHER })];

  test("keeps a repository from more machines, hot ones too, and no other repository", () => {
    expect(repos({ jobs, catalogue: both, paused: [REPO] })).toEqual([OTHER]);
  });

  test("of everything keeps all from them", () => {
    expect(ordered({ jobs, catalogue: both, paused: ["*"] })).toBe(0);
  });

  test("touches nothing that is there", () => {
    const machines = [booting(), configured({ name: M2 })];
    const seen = { [M1]: VM_UP, [M2]: { ...VM_UP, ...runnerSeen("idle") } };
    const parts = { jobs: someJobs(3), machines, seen };

    expect(doneIn({ ...parts, paused: [REPO] })).toEqual(doneIn(parts));
    expect(ordered({ ...parts, paused: [REPO] })).toBe(0);
    expect(ordered(parts)).toBe(1);
  });
});
