import { describe, expect, test } from "vitest";
import { explainJob, explainLimit, phaseOf } from "../../src/core/explain.ts";
import { LATE_EVENT_MS } from "../../src/core/patience.ts";
import { storiesOf } from "../../src/core/plan.ts";
import type { Job, Machine } from "../../src/core/types.ts";
import {
  ASKING,
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
  ended,
  M1,
  M2,
  M3,
  minutes,
  NOW,
  ready,
  seconds,
  someJobs,
  VM_UP,
  type WorldParts,
  working,
} from "../support/build.ts";

/** Where the jobs stand, one word or two each. */
function stories(parts: WorldParts): string[] {
  const world = aWorld(parts);
  const story = storiesOf(world);
  return Array.from(world.state.jobs.values(), (job) => {
    const told = story(job);
    if (told.is === "waiting") return `${told.place} ${told.blocked?.why ?? "next"}`;
    return [told.is, told.machine?.name].filter((word) => word !== undefined).join(" ");
  });
}

const why = (parts: WorldParts, id = 1): string => {
  const world = aWorld(parts);
  const job = world.state.jobs.get(id) ?? aJob();
  return explainJob(job, storiesOf(world)(job), world.catalogue, world.now).join(" ");
};

const full = { hosts: [aHost({ machines: 0 })] };

describe("a job's story", () => {
  test("tells the first jobs the machines that are furthest, and the others their place", () => {
    const machines = [
      aMachine({ name: M3, createdAt: ago(seconds(1)) }),
      booting({ name: M2 }),
      configured({ name: M1 }),
    ];

    expect(
      stories({ jobs: someJobs(5), machines, seen: { [M1]: VM_UP, [M2]: VM_UP }, catalogue: full }),
    ).toEqual([`booting ${M1}`, `booting ${M2}`, `booting ${M3}`, "1 hosts-full", "2 hosts-full"]);
  });

  test("does not say that a job waits whose machine its guest has begun", () => {
    const machines = [working({ workingAt: ago(LATE_EVENT_MS - 1) })];

    expect(stories({ jobs: someJobs(2), machines, seen: { [M1]: VM_UP }, catalogue: full })).toEqual([
      `booting ${M1}`,
      "1 hosts-full",
    ]);
  });

  test("counts places by age, not by the order of the events", () => {
    expect(stories({ jobs: someJobs(2).toReversed(), catalogue: full })).toEqual([
      "2 hosts-full",
      "1 hosts-full",
    ]);
  });

  test("knows the machine that runs a job, and the one that ran it", () => {
    const jobs = [
      aJob({ id: 1, status: "running", ranOn: M1 }),
      aJob({ id: 2, status: "done", ranOn: M2 }),
      aJob({ id: 3, status: "running", ranOn: "somebody-else" }),
    ];
    const machines = [working(), ended({ name: M2, retired: { at: NOW, why: "finished" } })];

    expect(stories({ jobs, machines })).toEqual([`running ${M1}`, `done ${M2}`, "running"]);
  });

  test("knows jobs that are held back and those that were given up", () => {
    expect(stories({ jobs: [aJob({ status: "waiting" }), aJob({ id: 2, gaveUpAt: NOW })] })).toEqual([
      "held",
      "given-up",
    ]);
  });

  test("does not say that a job was given up whose image has left the catalogue", () => {
    expect(stories({ jobs: someJobs(1), catalogue: { images: [] } })).toEqual(["unserved"]);
  });

  test("with room says that a machine is about to be ordered", () => {
    expect(stories({ jobs: someJobs(1) })).toEqual(["1 next"]);
  });
});

describe("why a job waits", () => {
  const places = [aHost(), aHost({ name: "lab2" })];
  const onBoth = { images: [anImage({ hosts: ["lab1", "lab2"] })], hosts: places };

  test.each<[string, WorldParts, string]>([
    ["a full host", { catalogue: full }, "It is 1st in the queue: lab1 is full."],
    [
      "full hosts",
      { catalogue: { ...onBoth, hosts: places.map((host) => ({ ...host, machines: 0 })) } },
      "It is 1st in the queue: lab1 and lab2 are full.",
    ],
    ["a drained host", { drained: ["lab1"] }, "It is 1st in the queue: lab1 is drained."],
    [
      "a repository that is paused",
      { paused: ["octo/spinw"] },
      "It is 1st in the queue: octo/spinw is paused.",
    ],
    ["a pause of everything", { paused: ["*"] }, "It is 1st in the queue: all orders are paused."],
    [
      "hosts that cannot be reached, without those that are drained",
      { catalogue: onBoth, drained: ["lab1"], reachable: [] },
      "It is 1st in the queue: lab2 cannot be reached.",
    ],
    [
      "the image's limit",
      { catalogue: { images: [anImage({ machines: 0 })] } },
      "It is 1st in the queue: the image's limit of 0 machines is reached.",
    ],
    [
      "the repository's limit",
      { catalogue: { repositories: [aRepository({ machines: 0 })] } },
      "It is 1st in the queue: the repository's limit of 0 machines is reached.",
    ],
    [
      "a machine that failed",
      { streaks: { "octo/spinw plain": aStreak({ failures: 1, at: ago(seconds(4.2)) }) } },
      "It is 1st in the queue: the last machine failed, next try in 6 s.",
    ],
    [
      "machines that failed",
      { streaks: { "octo/spinw plain": aStreak({ failures: 2, at: NOW }) } },
      "It is 1st in the queue: the last 2 machines failed, next try in 16 s.",
    ],
    ["nothing", {}, "A machine is about to be ordered."],
    [
      "a probe",
      {
        jobs: [aJob({ id: 2, queuedAt: ago(seconds(99)) }), aJob()],
        machines: [booting()],
        streaks: { "octo/spinw plain": aStreak({ failures: 3, at: ago(minutes(60)) }) },
      },
      "It is 1st in the queue: the last 3 machines failed, so one is tried at a time.",
    ],
  ])("is told for %s", (_, parts, sentence) => {
    const labels = "Its labels (self-hosted and our-plain) lead to the image plain.";

    expect(why({ jobs: [aJob()], ...parts })).toBe(`${labels} ${sentence}`);
  });

  test.each<[string, Job, string]>([
    [
      "held back",
      aJob({ status: "waiting" }),
      "GitHub holds the job back: its environment has to be approved first, or another run of its concurrency group has to end.",
    ],
    ["running", aJob({ status: "running", ranOn: M1 }), `It runs on ${M1}.`],
    [
      "running somewhere",
      aJob({ status: "running" }),
      "It runs on a runner whose name GitHub has not told yet.",
    ],
    ["done", aJob({ status: "done", conclusion: "success" }), "It is done: success."],
    [
      "given up",
      aJob({ gaveUpAt: NOW, gaveUpCause: "3 machines failed." }),
      "It was given up. 3 machines failed.",
    ],
  ])("is told for a job that is %s", (_, job, sentence) => {
    expect(why({ jobs: [job] })).toContain(sentence);
  });

  test("names the machine on its way, and how far it is", () => {
    const parts = { jobs: [aJob()], machines: [ready()], seen: { [M1]: ASKING } };

    expect(why(parts)).toContain(`Machine ${M1} is on its way (ready).`);
  });

  test("tells the last failure, in the driver's words", () => {
    const failure = {
      machine: M1,
      image: "plain",
      at: NOW,
      why: "boot-failed",
      text: "no space left",
    } as const;

    expect(why({ jobs: [aJob({ failure, tries: 1 })] })).toContain(
      `The last machine that failed was ${M1}. The VM could not be made. no space left`,
    );
  });

  test("begins with the labels when they lead nowhere", () => {
    const jobs = [aJob({ labels: ["our-plian"] })];

    expect(why({ jobs })).toBe("No image has the label our-plian; the nearest is our-plain.");
  });
});

test.each<[string, Machine]>([
  ["ordered", aMachine()],
  ["booting", booting()],
  ["ready", ready()],
  ["registered", configured()],
  ["working", working()],
  ["ended", ended()],
  ["leaving", ended({ retired: { at: ago(minutes(1)), why: "finished" } })],
  ["destroyed", ended({ retired: { at: ago(minutes(1)), why: "finished" }, destroyedAt: NOW })],
])("a machine's phase is %s", (phase, machine) => {
  expect(phaseOf(machine)).toBe(phase);
});

describe("a limit of GitHub's", () => {
  const limitedUntil = (until: number, parts: WorldParts): string[] => {
    const world = aWorld(parts);
    world.state.limited.set(aJob().installation, { at: ago(minutes(1)), until });
    const job = world.state.jobs.get(1) ?? aJob();
    return explainLimit(job, storiesOf(world)(job), world);
  };
  const soon = NOW + seconds(200);

  test.for<[string, WorldParts, string]>([
    [
      "waits for a machine",
      { jobs: [aJob()], catalogue: full },
      "machines boot meanwhile, and are registered then",
    ],
    [
      "has a machine that boots",
      { jobs: [aJob()], machines: [booting()] },
      "machines boot meanwhile, and are registered then",
    ],
    [
      "has a machine that is ready",
      { jobs: [aJob()], machines: [ready()], seen: { [M1]: ASKING } },
      "the machine is ready and waits for its registration",
    ],
    [
      "runs",
      { jobs: [aJob({ status: "running", ranOn: M1 })], machines: [working()] },
      "what its check run says may be late",
    ],
  ])("is told to who asks why a job that %s is not running", ([, parts, words]) => {
    expect(limitedUntil(soon, parts)).toEqual([
      `GitHub limits Mayfly's calls for this installation until 12:03:20 (UTC); ${words}.`,
    ]);
  });

  test("is not told when it is over, nor to those whom it is not about", () => {
    expect(limitedUntil(NOW, { jobs: [aJob()] })).toEqual([]);
    expect(limitedUntil(soon, { jobs: [aJob({ installation: 78 })] })).toEqual([]);
  });
});
