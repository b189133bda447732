import { afterEach, describe, expect, test } from "vitest";
import { aRepository, M1, minutes, REPO, seconds } from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { type Rig, type RigParts, ringRig } from "./support/ring.ts";
import { guestAsks, jobSeen, jobStarts, pass, runnerEnds, tell } from "./support/ringing.ts";

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

/** The ring, running, with every host asked once. */
async function running(parts: RigParts = {}): Promise<Rig> {
  const rig = ringRig(parts);
  void rig.reconciler.run(stop.signal);
  await settled();
  return rig;
}

const digests = (rig: Rig) => [...rig.github.checks.values()].map((said) => said.map(({ digest }) => digest));

function expectNothingLeft(rig: Rig): void {
  expect(rig.host.vms).toEqual(new Map());
  expect(rig.github.runners).toEqual(new Map());
  expect(rig.store.state.machines).toEqual(new Map());
  expect(rig.store.state.jobs).toEqual(new Map());
}

describe("a job that goes well", () => {
  test("gets a VM, a registration and a check run, and leaves nothing", async () => {
    const rig = await running();

    await tell(rig, jobSeen(rig));
    expect(rig.host.vms).toEqual(new Map([[M1, "building"]]));
    expect(rig.github.runners.size).toBe(0);

    await pass(rig, seconds(20));
    const { claim } = await guestAsks(rig);
    expect(await claim).toMatchObject({ registration: "jit" });
    expect([...rig.github.runners.values()]).toMatchObject([{ name: M1 }]);

    await jobStarts(rig);
    await pass(rig, minutes(2));
    expect(rig.host.vms).toEqual(new Map([[M1, "up"]]));

    await runnerEnds(rig);
    await tell(
      rig,
      jobSeen(rig, { status: "done", conclusion: "success", ranOn: M1, doneAt: rig.clock.now() }),
    );
    await pass(rig, seconds(20));

    expectNothingLeft(rig);
    expect(digests(rig)).toEqual([["booting/0", "running", "done/success"]]);
  });

  test("costs GitHub six calls: one registration, one list at the end, and the check runs", async () => {
    const rig = await running();
    const before = rig.github.calls("runners");

    await tell(rig, jobSeen(rig));
    await guestAsks(rig);
    await jobStarts(rig);
    rig.github.runners.clear();
    await tell(
      rig,
      jobSeen(rig, { status: "done", conclusion: "success", ranOn: M1, doneAt: rig.clock.now() }),
    );
    await pass(rig, minutes(1));

    expectNothingLeft(rig);
    expect(rig.github.calls("register")).toBe(1);
    expect(rig.github.calls("publish")).toBe(3);
    expect(rig.github.calls("runners") - before).toBe(1);
    expect(rig.github.calls("job") + rig.github.calls("remove")).toBe(0);
  });

  test("on a hot machine is served at once, and the machine is made up for", async () => {
    const rig = await running({ catalogue: { repositories: [aRepository({ hot: { plain: 1 } })] } });
    const { claim } = await guestAsks(rig);
    await pass(rig, minutes(30));
    expect(rig.github.runners.size).toBe(0);

    await tell(rig, jobSeen(rig));

    expect(await claim).toMatchObject({ registration: "jit" });
    expect(rig.host.vms.size).toBe(2);
  });
});

describe("a job that is cancelled", () => {
  test("while its VM boots costs no registration", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));

    await tell(rig, jobSeen(rig, { status: "done", conclusion: "cancelled", doneAt: rig.clock.now() }));
    await pass(rig, seconds(5));

    expectNothingLeft(rig);
    expect(rig.github.calls("register")).toBe(0);
    expect(digests(rig)).toEqual([["booting/0", "done/cancelled"]]);
  });

  test("when its runner is idle has that removed at GitHub before its VM is destroyed", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));
    await guestAsks(rig);
    for (const runner of rig.github.runners.values()) runner.state = "idle";
    await pass(rig, seconds(20));

    const destroyed = rig.host.waits("destroy");
    await tell(rig, jobSeen(rig, { status: "done", conclusion: "cancelled", doneAt: rig.clock.now() }));
    await pass(rig, minutes(1));
    expect(rig.github.runners.size).toBe(0);
    expect(rig.host.vms.size).toBe(1);

    destroyed();
    await pass(rig, minutes(1));
    expectNothingLeft(rig);
  });

  test("whose runner another job has taken leaves that alone: GitHub's refusal is the lock", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));
    await guestAsks(rig);
    for (const runner of rig.github.runners.values()) runner.state = "idle";
    await pass(rig, seconds(20));
    for (const runner of rig.github.runners.values()) runner.state = "busy";

    await tell(rig, jobSeen(rig, { status: "done", conclusion: "cancelled", doneAt: rig.clock.now() }));
    await pass(rig, minutes(10));

    expect(rig.github.calls("remove")).toBeGreaterThan(0);
    expect(rig.host.vms).toEqual(new Map([[M1, "up"]]));
    expect(rig.machine(M1)?.retired).toBeUndefined();
  });
});

describe("what was left behind", () => {
  test("by a lost store is adopted and tidied: a VM, a runner, and a VM with a runner", async () => {
    const [M2, M3] = ["mayfly-lab-plain-bbbbbbbb", "mayfly-lab-gone-cccccccc"];
    const rig = ringRig();
    rig.host.vms.set(M1, "up").set(M2, "off").set("web-server", "up");
    rig.github.runners
      .set(7, { id: 7, name: M1, state: "idle" })
      .set(8, { id: 8, name: M3, state: "offline" });
    rig.github.runners.set(9, { id: 9, name: "somebody", state: "idle" });

    void rig.reconciler.run(stop.signal);
    await pass(rig, minutes(5));

    expect([...rig.host.vms.keys()]).toEqual(["web-server"]);
    expect([...rig.github.runners.values()]).toMatchObject([{ name: "somebody" }]);
    expect(rig.store.state.machines.size).toBe(0);
  });

  test("with a job in it may work to its end", async () => {
    const rig = ringRig();
    rig.host.vms.set(M1, "up");
    rig.github.runners.set(7, { id: 7, name: M1, state: "busy", repo: REPO });

    void rig.reconciler.run(stop.signal);
    await pass(rig, minutes(50));
    expect(rig.host.vms.size).toBe(1);

    rig.github.runners.clear();
    await pass(rig, minutes(2));
    expect(rig.host.vms.size).toBe(0);
    expect(rig.store.state.machines.size).toBe(0);
  });
});
