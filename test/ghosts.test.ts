import { afterEach, describe, expect, test } from "vitest";
import type { Fact } from "../src/core/facts.ts";
import { DISORDER_MS, LATE_EVENT_MS } from "../src/core/patience.ts";
import { aJobSeen, M1, M2, minutes, seconds } from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { type Rig, ringRig } from "./support/ring.ts";
import { guestAsks, jobSeen, jobStarts, pass, runnerEnds, tell } from "./support/ringing.ts";

/**
 * Stolen runners, ghosts and events in no order: what the field's trackers are full of. See: github-aws-runners 4391,
 * CloudSnorkel/cdk-github-runners 974, actions/runner 4617, actions-runner-controller 4315, runs-on/runs-on 539.
 */

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

/** A running ring, and a job that waits in it. */
async function waiting(): Promise<Rig> {
  const rig = ringRig();
  void rig.reconciler.run(stop.signal);
  await settled();
  await tell(rig, jobSeen(rig));
  return rig;
}

/** The same, and the machine was handed its registration; GitHub says that its runner is idle. */
async function registered(): Promise<Rig> {
  const rig = await waiting();
  await guestAsks(rig);
  setRunner(rig, "idle");
  await pass(rig, seconds(30));
  return rig;
}

function setRunner(rig: Rig, state: "idle" | "busy" | "offline", name = M1): void {
  for (const runner of rig.github.runners.values()) if (runner.name === name) runner.state = state;
}

const ended = (rig: Rig, exitCode: number, machine = M1): Fact => ({
  kind: "guest-ended",
  at: rig.clock.now(),
  machine,
  outcome: { exitCode, ranJob: false, text: "" },
});
const lastSaid = (rig: Rig) => [...rig.github.checks.values()][0]?.at(-1);
const ordered = (rig: Rig) => rig.host.orders.map(({ name }) => name);
const NEXT = "mayfly-lab-plain-aaaaaaab";

describe("a machine whose runner took another job than the one it was made for", () => {
  test("is made up for at once, and serves that job to its end", async () => {
    const rig = await waiting();
    await guestAsks(rig);

    await tell(rig, jobSeen(rig, { id: 2, status: "running", startedAt: rig.clock.now(), ranOn: M1 }));

    expect(ordered(rig)).toEqual([M1, NEXT]);
    expect(rig.store.state.machines.get(NEXT)?.forJob).toBe(1);
    expect(rig.machine(M1)?.retired).toBeUndefined();
  });

  test("is no try of the job that it was made for, when it then fails", async () => {
    const rig = await waiting();
    await guestAsks(rig);
    const running = aJobSeen({ id: 2, status: "running", startedAt: rig.clock.now(), ranOn: M1 });
    rig.github.jobs.set(2, running).set(1, aJobSeen());
    await tell(rig, { kind: "job-seen", at: rig.clock.now(), job: running });

    rig.host.vms.set(M1, "off");
    await pass(rig, seconds(10));

    expect(rig.store.state.jobs.get(1)?.tries).toBe(0);
    expect(rig.store.state.jobs.get(2)?.failure).toMatchObject({ machine: M1, why: "vm-died" });
  });
});

describe("a ghost: a runner that GitHub has forgotten while its guest still listens", () => {
  test("is noticed after a while, ended, and made up for", async () => {
    const rig = await registered();

    rig.github.runners.clear();
    await pass(rig, minutes(4));

    expect(rig.host.vms.has(M1)).toBe(false);
    expect(ordered(rig)).toEqual([M1, NEXT]);
  });
});

describe("a runner that is listed although its VM is gone", () => {
  test("is removed at GitHub, and another takes its place", async () => {
    const rig = await registered();
    setRunner(rig, "offline");
    rig.host.vms.delete(M1);

    await pass(rig, minutes(5));

    expect([...rig.github.runners.values()].map(({ name }) => name)).not.toContain(M1);
    expect(ordered(rig)).toEqual([M1, NEXT]);
  });
});

describe("a runner that lost its job", () => {
  test("because it did not take it in time serves on, and what was ordered meanwhile is freed", async () => {
    const rig = await registered();
    setRunner(rig, "busy");
    await pass(rig, seconds(60));
    setRunner(rig, "idle");
    await pass(rig, seconds(60));

    expect(rig.machine(M1)?.retired).toBeUndefined();
    expect([...rig.host.vms.keys()]).toEqual([M1]);
  });

  test("and ended without any has its machine made up for", async () => {
    const rig = await registered();
    rig.github.runners.clear();

    await tell(rig, ended(rig, 0));
    await pass(rig, minutes(1));

    expect(ordered(rig)).toEqual([M1, NEXT]);
    expect(rig.store.state.jobs.get(1)?.failure?.why).toBe("no-job");
  });

  test("and that GitHub never gives one is released in the end", async () => {
    const rig = await registered();

    await pass(rig, minutes(11));

    expect(ordered(rig)).toEqual([M1, NEXT]);
    expect(rig.host.vms.has(M1)).toBe(false);
  });
});

describe("a job that waits for an environment", () => {
  test("comes as queued, waiting and queued, and gets one machine", async () => {
    const rig = await waiting();

    await tell(rig, jobSeen(rig, { status: "waiting" }));
    await tell(rig, jobSeen(rig));
    await pass(rig, minutes(1));

    expect(rig.host.vms.size).toBe(1);
  });

  test("costs no machine while it is held back", async () => {
    const rig = await waiting();
    rig.github.jobs.set(1, aJobSeen({ status: "waiting" }));

    await tell(rig, jobSeen(rig, { status: "waiting" }));
    await pass(rig, minutes(1));

    expect(rig.host.vms.size).toBe(0);
  });

  test("and whose events came in another order is looked up, and not left held back", async () => {
    const rig = await waiting();
    rig.github.jobs.set(1, aJobSeen({ status: "queued" }));

    await tell(rig, jobSeen(rig, { status: "waiting" }));
    expect(rig.machine(M1)?.retired?.why).toBe("surplus");
    await pass(rig, LATE_EVENT_MS);

    expect(rig.store.state.jobs.get(1)?.status).toBe("queued");
    expect(rig.host.vms.size).toBe(1);
  });

  test("and is really held back is not asked about for days", async () => {
    const rig = await waiting();
    rig.github.jobs.set(1, aJobSeen({ status: "waiting" }));
    await tell(rig, jobSeen(rig, { status: "waiting" }));
    await pass(rig, DISORDER_MS);
    const asked = rig.github.calls("job");

    await pass(rig, minutes(120));

    expect(asked).toBeGreaterThan(0);
    expect(rig.github.calls("job")).toBe(asked);
  });
});

describe("a run whose failed jobs are run again", () => {
  test("tells once more of the jobs that went well, which costs nothing and hides no new one", async () => {
    const rig = await waiting();
    await guestAsks(rig);
    await jobStarts(rig);
    await runnerEnds(rig);
    const done = { status: "done" as const, conclusion: "success", ranOn: M1, doneAt: rig.clock.now() };
    await tell(rig, jobSeen(rig, done));
    await pass(rig, minutes(1));

    await tell(rig, jobSeen(rig, { ...done, attempt: 2 }), jobSeen(rig, { id: 2, attempt: 2 }));
    await tell(rig, jobSeen(rig, { ...done, attempt: 2 }));

    expect([...rig.store.state.jobs.keys()]).toEqual([2]);
    expect(ordered(rig)).toEqual([M1, NEXT]);
  });
});

describe("a job that is cancelled without ever having been in progress", () => {
  test.each([
    ["its VM boots", waiting],
    ["its runner is registered", registered],
  ])("frees its machine within 5 s while %s", async (_, begun) => {
    const rig = await begun();

    await tell(rig, jobSeen(rig, { status: "done", conclusion: "cancelled", doneAt: rig.clock.now() }));
    await pass(rig, seconds(5));

    expect(rig.host.vms.size).toBe(0);
    expect(rig.github.runners.size).toBe(0);
  });
});

describe("a runner whose version GitHub refuses", () => {
  test("ends its job red at the first machine, with the cause: another would be as old", async () => {
    const rig = await waiting();
    await guestAsks(rig);

    await tell(rig, ended(rig, 7));
    await pass(rig, minutes(30));

    expect(ordered(rig)).toEqual([M1]);
    expect(lastSaid(rig)).toMatchObject({
      conclusion: "failure",
      title: expect.stringContaining("GitHub refuses the runner of the image plain"),
    });
  });

  test("does not have its pool make machines for other jobs at full speed", async () => {
    const rig = await waiting();
    for (let id = 2; id <= 5; id += 1) await tell(rig, jobSeen(rig, { id, runId: id }));
    const age = async () => {
      for (const name of [...rig.host.vms.keys()]) {
        if (rig.machine(name)?.endedAt !== undefined) continue;
        await guestAsks(rig, name);
        await tell(rig, ended(rig, 7, name));
      }
    };
    await age();
    const burnt = rig.host.orders.length;

    for (let minute = 0; minute < 20; minute += 1) {
      await age();
      await pass(rig, minutes(1));
    }

    expect(burnt).toBe(5);
    expect(rig.host.orders.length - burnt).toBeLessThanOrEqual(4);
  });
});

test("a VM of ours that nobody remembers is ended, and one of another's is not", async () => {
  const rig = ringRig();
  rig.host.vms.set(M2, "up");
  rig.host.vms.set("mayfly-lab2-plain-aaaaaaaa", "up");
  rig.host.vms.set("somebody", "up");
  void rig.reconciler.run(stop.signal);

  await pass(rig, minutes(2));

  expect([...rig.host.vms.keys()]).toEqual(["mayfly-lab2-plain-aaaaaaaa", "somebody"]);
});
