import { describe, expect, test } from "vitest";
import { DEFAULT_PATIENCE, LATE_EVENT_MS } from "../../src/core/patience.ts";
import { plan } from "../../src/core/plan.ts";
import type { Machine } from "../../src/core/types.ts";
import {
  ASKING,
  ago,
  aHost,
  aJob,
  aMachine,
  anImage,
  aRepository,
  aWorld,
  booting,
  configured,
  doneIn,
  ended,
  M1,
  M2,
  M3,
  minutes,
  NOW,
  REPO,
  ready,
  runnerSeen,
  seconds,
  someJobs,
  VM_UP,
  type WorldParts,
  working,
} from "../support/build.ts";

const { settleMs } = DEFAULT_PATIENCE;

/** The machines that a pass orders. */
const orders = (parts: WorldParts) =>
  plan(aWorld(parts)).facts.flatMap((fact) =>
    fact.kind === "machine-created"
      ? [{ repo: fact.repo, image: fact.image, host: fact.host, forJob: fact.forJob }]
      : [],
  );
const ordered = (parts: WorldParts) => orders(parts).length;

/** Names of the machines that a pass retires, and why. */
const retirements = (parts: WorldParts) =>
  plan(aWorld(parts)).facts.flatMap((fact) =>
    fact.kind === "machine-retired" ? [`${fact.machine} ${fact.why}`] : [],
  );

const registrations = (parts: WorldParts) => doneIn(parts).filter((step) => step.startsWith("configure"));

const running = (ranOn: string, id = 9) => aJob({ id, status: "running", startedAt: NOW, ranOn });

describe("a pool", () => {
  test("orders one machine for each job that waits, the oldest first", () => {
    const jobs = someJobs(3);

    expect(orders({ jobs: jobs.toReversed() })).toEqual(
      [1, 2, 3].map((forJob) => ({ repo: REPO, image: "plain", host: "lab1", forJob })),
    );
  });

  test("counts the machines that are on their way, whichever job they were made for", () => {
    expect(ordered({ jobs: someJobs(3), machines: [aMachine({ forJob: 99 })] })).toBe(2);
    expect(ordered({ jobs: someJobs(3), machines: [booting()] })).toBe(2);
    expect(ordered({ jobs: someJobs(3), machines: [ready()], seen: { [M1]: ASKING } })).toBe(2);
    expect(ordered({ jobs: someJobs(3), machines: [configured()], seen: { [M1]: VM_UP } })).toBe(2);
  });

  test("does not count machines that have a job, or leave", () => {
    const machines = [
      configured(),
      working({ name: M2, workingAt: ago(LATE_EVENT_MS) }),
      booting({ name: M3, retired: { at: NOW, why: "surplus" } }),
    ];
    const seen = { [M1]: { ...VM_UP, ...runnerSeen("busy") }, [M2]: VM_UP, [M3]: VM_UP };

    expect(ordered({ jobs: someJobs(3), machines, seen })).toBe(3);
    expect(ordered({ jobs: [...someJobs(3), running(M1)], machines: [configured()] })).toBe(3);
  });

  test("is not made up for while its failure is not written down: its pool may have to wait", () => {
    const late = [booting({ startedAt: ago(minutes(6)) })];

    expect(ordered({ jobs: someJobs(1), machines: late, seen: { [M1]: VM_UP } })).toBe(0);
    expect(ordered({ jobs: someJobs(2), machines: late, seen: { [M1]: VM_UP } })).toBe(1);
  });

  test("does not push a good one out: it counts no longer than until its failure is written down", () => {
    const machines = [
      booting({ startedAt: ago(minutes(6)) }),
      booting({ name: M2, startedAt: ago(minutes(1)) }),
    ];

    expect(retirements({ jobs: [aJob()], machines, seen: { [M1]: VM_UP, [M2]: VM_UP } })).toEqual([]);
  });

  test("does not count machines that die at work, which are made up for at once", () => {
    const machines = [working({ workingAt: ago(minutes(5)) })];

    expect(ordered({ jobs: someJobs(1), machines, seen: { [M1]: { vm: "off", vmAskedAt: NOW } } })).toBe(1);
  });

  test("makes another machine for a job whose machine another job took", () => {
    const jobs = [aJob({ id: 1 }), running(M1)];

    expect(orders({ jobs, machines: [configured({ forJob: 1 })] })).toMatchObject([{ forJob: 1 }]);
  });

  test("makes the next machine for a job that none on its way was made for", () => {
    expect(orders({ jobs: someJobs(2), machines: [booting({ forJob: 1 })] })).toMatchObject([{ forJob: 2 }]);
  });

  test("wants nothing for jobs that are held back, given up, done or not for us", () => {
    const jobs = [
      aJob({ id: 1, status: "waiting" }),
      aJob({ id: 2, gaveUpAt: NOW }),
      aJob({ id: 3, status: "done" }),
      aJob({ id: 4, labels: ["self-hosted"] }),
      aJob({ id: 5, labels: ["other"] }),
      aJob({ id: 6, repo: "octo/other" }),
    ];

    expect(ordered({ jobs })).toBe(0);
  });

  test("is the same for a repository whose name GitHub spells in another case", () => {
    const jobs = [aJob({ id: 1, repo: "Octo/SpinW" }), aJob({ id: 2 })];

    expect(orders({ jobs, machines: [booting()] })).toMatchObject([{ repo: REPO }]);
  });
});

describe("a job that its guest has begun and GitHub has not told of", () => {
  test("still counts as waiting, so its machine counts too", () => {
    expect(ordered({ jobs: someJobs(1), machines: [working()], seen: { [M1]: VM_UP } })).toBe(0);
    expect(ordered({ jobs: someJobs(2), machines: [working()], seen: { [M1]: VM_UP } })).toBe(1);
    expect(
      ordered({
        jobs: someJobs(1),
        machines: [working()],
        seen: { [M1]: { ...VM_UP, ...runnerSeen("busy") } },
      }),
    ).toBe(0);
  });

  test("counts no more when it was told of, also once its story is closed", () => {
    const machines = [ended({ job: 9 })];

    expect(ordered({ jobs: someJobs(1), machines, seen: { [M1]: VM_UP } })).toBe(1);
  });

  test("counts so also when it was so short that it has ended", () => {
    expect(ordered({ jobs: someJobs(1), machines: [ended()], seen: { [M1]: VM_UP } })).toBe(0);
    expect(ordered({ jobs: someJobs(1), machines: [ended({ retired: { at: NOW, why: "finished" } })] })).toBe(
      0,
    );
  });

  test("does not cost a hot machine its registration", () => {
    const machines = [working(), ready({ name: M2 })];

    expect(registrations({ jobs: someJobs(1), machines, seen: { [M1]: VM_UP, [M2]: ASKING } })).toEqual([]);
  });

  test("is looked at again when the event is late", () => {
    const machine = (ms: number) => working({ workingAt: ago(ms) });
    const world = (ms: number) => ({ jobs: someJobs(1), machines: [machine(ms)], seen: { [M1]: VM_UP } });

    expect(plan(aWorld(world(LATE_EVENT_MS - 1000))).wakeAt).toBe(NOW + 1000);
    expect(ordered(world(LATE_EVENT_MS))).toBe(1);
  });

  test("counts no more once GitHub has told which job it is", () => {
    const parts = { jobs: [...someJobs(1), running(M1)], machines: [working()], seen: { [M1]: VM_UP } };

    expect(ordered(parts)).toBe(1);
  });

  test("counts no more once that job was told and closed, so the next one keeps its machine", () => {
    const machines = [ended({ job: 9 }), booting({ name: M2 })];
    const { facts } = plan(aWorld({ jobs: someJobs(1), machines, seen: { [M2]: VM_UP } }));

    expect(facts.filter((fact) => "machine" in fact && fact.machine === M2)).toMatchObject([
      { kind: "vm-up" },
    ]);
  });
});

describe("a registration", () => {
  const asking = (...machines: Machine[]) => ({
    machines,
    seen: Object.fromEntries(machines.map(({ name }) => [name, ASKING])),
  });

  test("is handed to the guest that asks longest", () => {
    const parts = asking(
      ready({ name: M1, askedAt: ago(seconds(5)) }),
      ready({ name: M2, askedAt: ago(seconds(9)) }),
      ready({ name: M3, askedAt: ago(seconds(7)) }),
    );

    expect(registrations({ jobs: someJobs(2), ...parts })).toEqual([`configure ${M2}`, `configure ${M3}`]);
  });

  test("is not handed out without a job that waits", () => {
    expect(registrations({ jobs: [], ...asking(ready()) })).toEqual([]);
    expect(
      registrations({ jobs: [], ...asking(configured(), ready({ name: M2 }), ready({ name: M3 })) }),
    ).toEqual([]);
  });

  test("is not handed out for a job that another runner is there for already", () => {
    const parts = asking(configured(), ready({ name: M2 }));

    expect(registrations({ jobs: someJobs(1), ...parts })).toEqual([]);
    expect(registrations({ jobs: someJobs(2), ...parts })).toEqual([`configure ${M2}`]);
  });

  test("is not handed to a guest that is not asking just now", () => {
    expect(registrations({ jobs: someJobs(1), machines: [ready()], seen: { [M1]: VM_UP } })).toEqual([]);
  });

  test("is not handed to a guest whose old runner is still listed: that is removed first", () => {
    const parts = { jobs: someJobs(1), machines: [ready()] };

    expect(doneIn({ ...parts, seen: { [M1]: { ...ASKING, ...runnerSeen("offline") } } })).toEqual([
      `deregister ${M1}`,
    ]);
  });

  test("is handed out although GitHub was asked, and lists no such runner", () => {
    const none = {
      ...ASKING,
      runner: "none",
      runnerAskedAt: NOW,
      runnerMissingSince: ago(minutes(1)),
    } as const;

    expect(registrations({ jobs: someJobs(1), machines: [ready()], seen: { [M1]: none } })).toEqual([
      `configure ${M1}`,
    ]);
  });
});

describe("machines that no job needs", () => {
  const idleFor = (idleMs: number) => ({ images: [anImage({ limits: { ...anImage().limits, idleMs } })] });
  const OTHER = "octo/other";
  const idle = { ...anImage().limits, idleMs: minutes(60) };
  const spareImage = (changes = {}) => anImage({ limits: idle, ...changes });
  const big = anImage({ name: "big", labels: ["our-big"] });
  const spareRepository = (changes = {}) => aRepository({ images: ["plain", "big"], ...changes });
  const four = [
    ready({ name: M1, askedAt: ago(minutes(3)) }),
    ready({ name: M2, askedAt: ago(minutes(2)) }),
    booting({ name: M3, createdAt: ago(minutes(4)) }),
    booting({ name: "mayfly-lab-plain-dddddddd", createdAt: ago(minutes(1)) }),
  ];
  const seen = Object.fromEntries(four.map(({ name }) => [name, name < M3 ? ASKING : VM_UP]));

  test("are retired: the youngest that has not booted first, the one that is ready longest last", () => {
    const order = [0, 1, 2, 3].map((left) => retirements({ jobs: someJobs(left), machines: four, seen }));

    expect(order[3]).toEqual(["mayfly-lab-plain-dddddddd surplus"]);
    expect(order[2]?.slice(1)).toEqual([`${M3} surplus`]);
    expect(order[1]?.slice(2)).toEqual([`${M2} surplus`]);
    expect(order[0]?.slice(3)).toEqual([`${M1} surplus`]);
  });

  test("are kept for the image's idle time, counted from when they were ready", () => {
    const parts = { machines: [ready({ askedAt: ago(minutes(3)) })], seen: { [M1]: ASKING } };

    expect(retirements({ ...parts, catalogue: idleFor(minutes(4)) })).toEqual([]);
    expect(plan(aWorld({ ...parts, catalogue: idleFor(minutes(4)) })).wakeAt).toBe(NOW + minutes(1));
    expect(retirements({ ...parts, catalogue: idleFor(minutes(3)) })).toEqual([`${M1} surplus`]);
  });

  test.each([
    ["of another image on its host", { hosts: [aHost({ machines: 1 })] }, { labels: ["our-big"] }],
    [
      "of another image of its repository",
      { repositories: [spareRepository({ machines: 1 })] },
      { labels: ["our-big"] },
    ],
    ["of another repository with its image", { images: [spareImage({ machines: 1 }), big] }, { repo: OTHER }],
  ])("are not kept for that while a job waits for their place: one %s", (_, catalogue, job) => {
    const both = {
      images: [spareImage(), big],
      repositories: [spareRepository(), spareRepository({ name: OTHER })],
    };
    const parts = { machines: [ready()], seen: { [M1]: ASKING }, jobs: [aJob(job)] };

    expect(retirements({ ...parts, catalogue: { ...both, ...catalogue } })).toEqual([`${M1} surplus`]);
    expect(retirements({ ...parts, catalogue: both })).toEqual([]);
  });

  test("are kept if the host refuses the other image, since their place would be no help", () => {
    const catalogue = {
      hosts: [aHost({ machines: 1 })],
      images: [spareImage(), big],
      repositories: [spareRepository()],
    };
    const parts = {
      machines: [ready()],
      seen: { [M1]: ASKING },
      jobs: [aJob({ labels: ["our-big"] })],
      catalogue,
    };
    const refusal = { at: ago(1), until: NOW + minutes(1), text: "No current image" };
    const of = (image?: string) => ({ lab1: { refusals: [{ ...refusal, image }] } });

    expect(retirements({ ...parts, hostRoom: of(big.name) })).toEqual([]);
    expect(retirements({ ...parts, hostRoom: of() })).toEqual([`${M1} surplus`]);
  });

  test("are not all given away for one job", () => {
    const names = ["a", "b", "c", "d"].map((letter) => `mayfly-lab-plain-aaaaaaa${letter}`);
    const machines = names.map((name) => ready({ name }));
    const seen = Object.fromEntries(names.map((name) => [name, ASKING]));
    const catalogue = {
      hosts: [aHost({ machines: 4 })],
      images: [spareImage(), big],
      repositories: [spareRepository()],
    };
    const leaving = machines.with(0, ready({ name: names[0] ?? "", retired: { at: NOW, why: "surplus" } }));

    expect(retirements({ jobs: [aJob({ labels: ["our-big"] })], machines, seen, catalogue })).toHaveLength(1);
    expect(
      retirements({ jobs: [aJob({ labels: ["our-big"] })], machines: leaving, seen, catalogue }),
    ).toEqual([]);
  });

  test("that have not booted yet are not kept at all", () => {
    const parts = { machines: [booting()], seen: { [M1]: VM_UP } };

    expect(retirements({ ...parts, catalogue: idleFor(minutes(4)) })).toEqual([`${M1} surplus`]);
  });

  test("are released at GitHub first, and at once, if they were handed a registration", () => {
    const machines = [configured({ configuredAt: ago(seconds(1)) })];

    expect(doneIn({ machines, seen: { [M1]: VM_UP } })).toEqual([`release ${M1}`]);
    expect(retirements({ machines, seen: { [M1]: VM_UP } })).toEqual([]);
  });

  test("are released in an order: those whose runner is known to be idle first", () => {
    const machines = [configured(), configured({ name: M2, runnerId: 8 })];
    const seen = { [M1]: { ...VM_UP, ...runnerSeen("offline") }, [M2]: { ...VM_UP, ...runnerSeen("idle") } };

    expect(doneIn({ jobs: someJobs(1), machines, seen })).toEqual([`release ${M2}`]);
  });

  test("are not released while a job waits for them", () => {
    const machines = [configured({ configuredAt: ago(settleMs) })];

    expect(
      doneIn({ jobs: someJobs(1), machines, seen: { [M1]: { ...VM_UP, ...runnerSeen("idle") } } }),
    ).toEqual([]);
  });

  test("are not released while a job runs in them, by GitHub's word or their guest's", () => {
    const machines = [configured({ configuredAt: ago(minutes(1)) })];

    expect(doneIn({ machines, seen: { [M1]: { ...VM_UP, ...runnerSeen("busy") } } })).toEqual([]);
    expect(
      doneIn({
        machines: [working({ configuredAt: ago(minutes(1)) })],
        seen: { [M1]: { ...VM_UP, ...runnerSeen("idle") } },
      }),
    ).toEqual([]);
  });

  test("do not include a hot machine, only because an idle runner is to be released", () => {
    const catalogue = { repositories: [aRepository({ hot: { plain: 1 } })] };
    const machines = [
      configured({ configuredAt: ago(minutes(1)) }),
      ready({ name: M2, askedAt: ago(minutes(5)) }),
    ];
    const both = { [M1]: { ...VM_UP, ...runnerSeen("idle") }, [M2]: ASKING };

    expect(retirements({ catalogue, machines, seen: both })).toEqual([]);
    expect(doneIn({ catalogue, machines, seen: both })).toEqual([`release ${M1}`]);
  });

  test("are those of an image or a repository that left the catalogue", () => {
    const machines = [
      ready({ image: "gone" }),
      booting({ name: M2, repo: "octo/gone" }),
      configured({ name: M3, image: "gone" }),
    ];
    const seen = { [M1]: ASKING, [M2]: VM_UP, [M3]: { ...VM_UP, ...runnerSeen("busy") } };

    expect(retirements({ machines, seen }).toSorted()).toEqual([`${M1} surplus`, `${M2} surplus`]);
  });
});
