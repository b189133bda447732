import { describe, expect, test } from "vitest";
import { apply } from "../../src/core/apply.ts";
import { DEFAULT_PATIENCE, LAST_WRITE_MS, LATE_EVENT_MS, UNTOLD_MS } from "../../src/core/patience.ts";
import { plan } from "../../src/core/plan.ts";
import type { Machine } from "../../src/core/types.ts";
import type { World } from "../../src/core/world.ts";
import {
  adopted,
  ago,
  aHost,
  aJob,
  aMachine,
  aRepository,
  aWorld,
  booting,
  configured,
  doneIn,
  effectsIn,
  ended,
  M1,
  minutes,
  NOW,
  REPO,
  runnerMissing,
  runnerSeen,
  seconds,
  VM_UP,
  vmMissing,
  type WorldParts,
  working,
} from "../support/build.ts";

const OTHER = "octo/horace";

const facts = (parts: WorldParts) => plan(aWorld(parts)).facts;
const kinds = (parts: WorldParts) => facts(parts).map(({ kind }) => kind);
const asked = (parts: WorldParts) => [...plan(aWorld(parts)).ask];
const published = (parts: WorldParts) =>
  plan(aWorld(parts)).effects.flatMap((effect) => (effect.do === "publish" ? [effect.digest] : []));

/** Plans until there is nothing more to write down, as the ring does. */
function settle(world: World) {
  for (let round = 0; round < 10; round += 1) {
    const planned = plan(world);
    if (planned.facts.length === 0) return planned;
    for (const fact of planned.facts) apply(world.state, fact);
  }
  throw new Error("the plan does not settle");
}

/** A job in each state, the least telling first. */
const inAllStates = () => [
  aJob({ id: 1, status: "waiting" }),
  aJob({ id: 2, queuedAt: ago(seconds(50)) }),
  aJob({ id: 3, queuedAt: ago(seconds(40)) }),
  aJob({ id: 4, status: "running", ranOn: "a runner of somebody else" }),
  aJob({ id: 5, gaveUpAt: NOW, tries: 3 }),
  aJob({
    id: 6,
    status: "done",
    conclusion: "success",
    doneAt: ago(minutes(1)),
    check: { id: 9, digest: "running" },
  }),
  aJob({ id: 7, status: "done", conclusion: "success", doneAt: ago(minutes(1)) }),
];

describe("check runs", () => {
  test("come after all else there is to do, and of them those first that are worth most", () => {
    const parts = {
      jobs: inAllStates(),
      machines: [aMachine()],
      catalogue: { hosts: [aHost({ machines: 1 })] },
    };

    const { effects } = plan(aWorld(parts));

    expect(effects.map((effect) => ("job" in effect ? `${effect.do} ${effect.job}` : effect.do))).toEqual([
      "start",
      "publish 5",
      "publish 6",
      "publish 7",
      "publish 4",
      "publish 2",
      "publish 1",
      "publish 3",
    ]);
  });
});

describe("a plan", () => {
  test("of a world at rest is empty", () => {
    expect(plan(aWorld())).toMatchObject({ facts: [], effects: [], ask: new Set(), wakeAt: undefined });
  });

  test("changes nothing, and is the same each time", () => {
    const parts = {
      jobs: [aJob(), aJob({ id: 2 }), aJob({ id: 3, status: "running", ranOn: M1 } as const)],
      machines: [working()],
      seen: { [M1]: VM_UP },
      strangers: [{ name: "mayfly-lab-plain-zzzzzzzz", image: "plain", host: "lab1" }],
    };
    const world = aWorld(parts);
    const before = structuredClone(world.state);

    const first = plan(world);

    expect(world.state).toEqual(before);
    expect(JSON.stringify(plan(aWorld(parts)))).toBe(JSON.stringify(first));
  });

  test("makes a machine for a job, and then orders its VM", () => {
    const world = aWorld({ jobs: [aJob()] });

    const { effects } = settle(world);

    expect([...world.state.machines.values()]).toMatchObject([
      { repo: REPO, host: "lab1", forJob: 1, createdAt: NOW },
    ]);
    expect(effects).toContainEqual({ do: "start", machine: "mayfly-lab-plain-new1" });
  });

  test("notes when a VM was first seen up, once", () => {
    const seen = { [M1]: VM_UP };

    expect(facts({ jobs: [aJob()], machines: [booting()], seen })).toEqual([
      { kind: "vm-up", at: NOW, machine: M1 },
    ]);
    expect(kinds({ jobs: [aJob()], machines: [booting({ upAt: ago(1) })], seen })).toEqual([]);
    expect(
      kinds({ jobs: [aJob()], machines: [booting()], seen: { [M1]: { ...VM_UP, vm: "building" } } }),
    ).toEqual([]);
  });

  test("wakes for the nearest of all deadlines", () => {
    const { bootMs } = aWorld().catalogue.images[0]?.limits ?? { bootMs: 0 };
    const parts = {
      jobs: [aJob(), aJob({ id: 2 })],
      machines: [booting({ startedAt: ago(bootMs - 2000) }), booting({ name: "mayfly-lab-plain-bbbbbbbb" })],
    };

    expect(plan(aWorld(parts)).wakeAt).toBe(NOW + 2000);
  });
});

describe("a job", () => {
  test("that no image fits gets nothing, also no check run, and is closed when it is done", () => {
    const foreign = aJob({ labels: ["ubuntu-latest"] });

    expect(plan(aWorld({ jobs: [foreign] }))).toMatchObject({ facts: [], effects: [] });
    expect(facts({ jobs: [{ ...foreign, status: "done" }] })).toEqual([
      { kind: "job-closed", at: NOW, job: 1 },
    ]);
  });

  test("is given up after as many tries as patience has, once", () => {
    const tries = DEFAULT_PATIENCE.tries;

    expect(kinds({ jobs: [aJob({ tries: tries - 1 })] })).toEqual(["machine-created"]);
    expect(facts({ jobs: [aJob({ tries })] })).toContainEqual(
      expect.objectContaining({
        kind: "job-given-up",
        at: NOW,
        job: 1,
        cause: expect.stringContaining("3 machines failed"),
      }),
    );
    expect(kinds({ jobs: [aJob({ tries, gaveUpAt: ago(1) })] })).toEqual([]);
    expect(kinds({ jobs: [aJob({ tries, status: "running" })] })).toEqual([]);
  });

  test("that was given up gets no further machine, and says so", () => {
    const world = aWorld({ jobs: [aJob({ tries: DEFAULT_PATIENCE.tries })] });
    apply(world.state, { kind: "job-given-up", at: NOW, job: 1, cause: "no machine came up" });

    const planned = settle(world);

    expect(world.state.machines.size).toBe(0);
    expect(planned.effects).toMatchObject([{ do: "publish", digest: "given-up" }]);
  });

  test("is closed only after its last check run was published", () => {
    const done = aJob({ status: "done", conclusion: "success", doneAt: NOW });

    expect(kinds({ jobs: [done] })).toEqual([]);
    expect(published({ jobs: [done] })).toEqual(["done/success"]);
    expect(kinds({ jobs: [{ ...done, check: { id: 9, digest: "running" } }] })).toEqual([]);
    expect(kinds({ jobs: [{ ...done, check: { id: 9, digest: "done/success" } }] })).toEqual(["job-closed"]);
  });

  test("that has a check run is told to its end, although its image left the catalogue", () => {
    const done = aJob({
      labels: ["gone"],
      status: "done",
      conclusion: "success",
      check: { id: 9, digest: "running" },
    });

    expect(published({ jobs: [done] })).toEqual(["done/success"]);
  });

  test("is published only when there is something new", () => {
    const jobs = (digest: string) => [aJob({ status: "running", ranOn: M1, check: { id: 9, digest } })];

    const machines = [working()];

    expect(published({ jobs: jobs("booting/0"), machines })).toEqual(["running"]);
    expect(published({ jobs: jobs("running"), machines })).toEqual([]);
  });

  test("has its last words held back a little for its VM's end", () => {
    const job = (doneAt: number) =>
      aJob({ status: "done", conclusion: "success", ranOn: M1, doneAt, check: { id: 9, digest: "running" } });
    const parts = (doneAt: number, destroyedAt?: number) => ({
      jobs: [job(doneAt)],
      machines: [ended({ retired: { at: doneAt, why: "finished" }, destroyedAt })],
      seen: { [M1]: { vm: "none", vmAskedAt: NOW, ...runnerMissing(0) } as const },
    });

    expect(published(parts(ago(LAST_WRITE_MS - 2000)))).toEqual([]);
    expect(plan(aWorld(parts(ago(LAST_WRITE_MS - 2000)))).wakeAt).toBe(NOW + 2000);
    expect(published(parts(ago(LAST_WRITE_MS)))).toEqual(["done/success"]);
    expect(published(parts(ago(1000), ago(500)))).toEqual(["done/success"]);
  });

  test("whose end was never told is looked up when its machine is over", () => {
    const running = aJob({ status: "running", ranOn: M1, check: { id: 9, digest: "running" } });
    const parts = (ms: number) => ({
      jobs: [running],
      machines: [ended({ retired: { at: ago(ms), why: "finished" }, destroyedAt: ago(1) })],
    });

    expect(doneIn(parts(LATE_EVENT_MS))).toContain("look-up 1");
    expect(doneIn(parts(LATE_EVENT_MS - 1000))).not.toContain("look-up 1");
    expect(plan(aWorld(parts(LATE_EVENT_MS - 1000))).wakeAt).toBe(NOW + 1000);
    expect(doneIn({ jobs: [running], machines: [working()] })).toEqual([]);
    expect(doneIn({ ...parts(LATE_EVENT_MS), jobs: [{ ...running, status: "done" }] })).not.toContain(
      "look-up 1",
    );
  });

  test("that seems to wait is looked up, when a machine of its pool had a job that nobody told of", () => {
    const parts = (ms: number, told: Partial<Machine> = {}) => ({
      jobs: [aJob({ id: 1 }), aJob({ id: 2, queuedAt: ago(1) })],
      machines: [working({ workingAt: ago(ms), ...told })],
    });

    expect(doneIn(parts(LATE_EVENT_MS))).toEqual(expect.arrayContaining(["look-up 1", "look-up 2"]));
    expect(doneIn(parts(LATE_EVENT_MS - 1000))).not.toContain("look-up 1");
    expect(doneIn(parts(LATE_EVENT_MS, { job: 3 }))).not.toContain("look-up 1");
  });

  test("keeps the row of a machine that had it until GitHub has told of it, for a minute at most", () => {
    const parts = (ms: number) => ({
      machines: [
        ended({ retired: { at: ago(ms), why: "finished" }, endedAt: ago(ms), destroyedAt: ago(ms - 1) }),
      ],
      seen: { [M1]: { vm: "none", vmAskedAt: NOW, ...runnerMissing(0) } as const },
    });

    expect(kinds(parts(UNTOLD_MS - 1000))).not.toContain("machine-forgotten");
    expect(kinds(parts(UNTOLD_MS))).toContain("machine-forgotten");
  });

  test("that runs on a machine of ours without a row is looked up, and its check run left as it is", () => {
    const running = (ms: number, ranOn: string) => [aJob({ status: "running", startedAt: ago(ms), ranOn })];

    expect(doneIn({ jobs: running(LATE_EVENT_MS, M1) })).toEqual(["look-up 1"]);
    expect(doneIn({ jobs: running(LATE_EVENT_MS - 1000, M1) })).toEqual([]);
    expect(published({ jobs: running(LATE_EVENT_MS, M1) })).toEqual([]);
    expect(doneIn({ jobs: running(LATE_EVENT_MS, "somebody-else") })).toEqual([]);
    expect(published({ jobs: running(LATE_EVENT_MS, "somebody-else") })).toEqual(["running"]);
  });

  test("that is none of ours is looked up too, if it got one of our machines", () => {
    const jobs = [aJob({ status: "running", ranOn: M1, labels: ["self-hosted"] })];
    const machines = [ended({ retired: { at: ago(minutes(1)), why: "finished" }, destroyedAt: ago(1) })];

    expect(doneIn({ jobs, machines })).toContain("look-up 1");
  });

  test("that runs in a machine keeps it at work although the guest said nothing", () => {
    const jobs = [aJob({ status: "running", ranOn: M1, check: { id: 9, digest: "running" } })];

    expect(doneIn({ jobs, machines: [configured({ configuredAt: ago(minutes(30)) })] })).toEqual([]);
  });
});

describe("a stranger", () => {
  const stranger = { name: M1, image: "plain" };

  test("is adopted from the host that has its VM", () => {
    expect(facts({ strangers: [{ ...stranger, host: "lab2" }] })).toEqual([
      { kind: "machine-adopted", at: NOW, machine: M1, image: "plain", repo: "", host: "lab2" },
    ]);
  });

  test("that is only a runner is looked for on the first host", () => {
    const catalogue = { hosts: [aHost({ name: "lab7" }), aHost()] };

    expect(facts({ strangers: [{ ...stranger, repo: REPO }], catalogue })).toMatchObject([
      { repo: REPO, host: "lab7" },
    ]);
  });

  test("whose job runs is left alone, and is asked about in every repository", () => {
    const parts = {
      machines: [adopted({ repo: "" })],
      seen: { [M1]: { ...VM_UP, ...runnerSeen("busy") } },
      catalogue: { repositories: [aRepository(), aRepository({ name: OTHER })] },
    };

    expect(doneIn(parts)).toEqual([]);
    expect(asked({ ...parts, seen: {} })).toEqual([REPO, OTHER]);
  });

  test("whose runner is idle is removed at GitHub first, and then destroyed", () => {
    const machines = [adopted()];

    expect(doneIn({ machines, seen: { [M1]: { ...VM_UP, ...runnerSeen("idle") } } })).toEqual([
      `deregister ${M1}`,
    ]);
    expect(doneIn({ machines, seen: { [M1]: { ...VM_UP, ...runnerMissing(minutes(1)) } } })).toEqual([
      `destroy ${M1}`,
    ]);
  });

  test("without a VM or runner is destroyed all the same, since something of it may be left, and then forgotten", () => {
    const gone = { ...vmMissing(minutes(1)), ...runnerMissing(minutes(1)) };

    expect(doneIn({ machines: [adopted()], seen: { [M1]: gone } })).toEqual([`destroy ${M1}`]);
    expect(kinds({ machines: [adopted({ destroyedAt: ago(1000) })], seen: { [M1]: gone } })).toEqual([
      "machine-forgotten",
    ]);
  });

  test("is not destroyed while GitHub or its host was not asked", () => {
    expect(doneIn({ machines: [adopted()], seen: { [M1]: VM_UP } })).toEqual([]);
    expect(doneIn({ machines: [adopted()], seen: { [M1]: runnerMissing(minutes(1)) } })).toEqual([]);
  });
});

test("a machine whose image left the catalogue is still worked to its end", () => {
  const job = aJob({ status: "running", ranOn: M1, labels: ["gone"] });
  const machines = [working({ image: "gone", workingAt: ago(minutes(60)) })];

  expect(effectsIn(plan(aWorld({ jobs: [job], machines, seen: { [M1]: VM_UP } })))).toEqual([]);
  expect(
    effectsIn(plan(aWorld({ jobs: [job], machines, seen: { [M1]: VM_UP }, now: NOW + minutes(300) }))),
  ).toEqual([`retire ${M1} job-limit`]);
});
