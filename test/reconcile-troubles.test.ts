import { afterEach, describe, expect, test } from "vitest";
import { DEFAULT_PATIENCE } from "../src/core/patience.ts";
import { GitHubUnavailable } from "../src/ports.ts";
import { memoryStore } from "../src/store/memory.ts";
import {
  aHost,
  aJobSeen,
  anImage,
  configured,
  M1,
  minutes,
  REPO,
  seconds,
  working,
} from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { fakeHost, type Rig, type RigParts, ringRig } from "./support/ring.ts";
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

const lastSaid = (rig: Rig) => [...rig.github.checks.values()][0]?.at(-1);

describe("a driver that refuses an order", () => {
  test("is asked for another machine, under another name, after a while", async () => {
    const rig = await running();
    rig.host.fails("start", new Error("no space left on lab1"));
    await tell(rig, jobSeen(rig));
    expect(rig.host.orders).toEqual([]);

    await pass(rig, 0.75 * DEFAULT_PATIENCE.backoffMs - 1);
    expect(rig.host.orders).toEqual([]);
    await pass(rig, 0.25 * DEFAULT_PATIENCE.backoffMs + 1);

    expect(rig.host.orders.map(({ name }) => name)).toEqual(["mayfly-lab-plain-aaaaaaab"]);
    expect(lastSaid(rig)).toMatchObject({ title: "Booting plain, try 2" });
  });

  test("three times makes the job end visibly, with the driver's words, and no more orders", async () => {
    const rig = await running();
    for (let index = 0; index < 9; index += 1) rig.host.fails("start", new Error("no space left on lab1"));
    await tell(rig, jobSeen(rig));
    await pass(rig, minutes(60));

    expect(lastSaid(rig)).toMatchObject({
      status: "completed",
      conclusion: "failure",
      title: "Given up: 3 machines failed before the job could begin (boot-failed)",
      summary: expect.stringContaining("no space left on lab1"),
    });
    expect(rig.store.state.machines.size).toBe(0);
    expect(rig.store.state.jobs.get(1)?.tries).toBe(3);
  });
});

describe("a VM that does not come", () => {
  test("is given its time to boot, without any bell, and then another is made", async () => {
    const rig = await running({ catalogue: { hosts: [aHost({ machines: 2 })] } });
    await tell(rig, jobSeen(rig));
    rig.host.vms.set(M1, "up");

    await pass(rig, anImage().limits.bootMs - 1);
    expect([...rig.host.vms.keys()]).toEqual([M1]);
    await pass(rig, seconds(30));

    expect([...rig.host.vms.keys()]).toEqual(["mayfly-lab-plain-aaaaaaab"]);
    expect(rig.evidence.get(M1)).toEqual({ "console.log": `the console of ${M1}` });
  });
});

describe("a registration", () => {
  test("whose name is taken is made once the old runner is removed", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));
    rig.github.runners.set(7, { id: 7, name: M1, state: "offline" });

    const { claim } = await guestAsks(rig);
    await pass(rig, minutes(1));

    expect(await claim).toMatchObject({ registration: "jit", jit: `configuration of ${M1}` });
    expect([...rig.github.runners.keys()]).toEqual([101]);
  });

  test("that came too late for its guest is withdrawn, and made anew for its next claim", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));
    const goOn = rig.github.waits("register");
    await guestAsks(rig);
    rig.guests.hangUp(M1);
    goOn();
    await settled();
    expect(rig.github.runners.size).toBe(0);

    const { claim } = await guestAsks(rig);
    await pass(rig, seconds(10));

    expect(await claim).toMatchObject({ runnerId: 102 });
  });

  test("is asked for once at a time, however often the bell rings meanwhile", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));
    rig.github.waits("register");
    await guestAsks(rig);

    for (let index = 0; index < 5; index += 1) await tell(rig);

    expect(rig.github.calls("register")).toBe(1);
  });
});

describe("a step that fails", () => {
  test("rests, twice as long each time up to a minute, and is tried again", async () => {
    const rig = await running({ machines: [configured({ retired: { at: 0, why: "operator" } })] });
    rig.host.vms.set(M1, "up");
    for (let index = 0; index < 7; index += 1) rig.host.fails("destroy", new Error("the volume is in use"));
    let tries = 0;
    const { destroy } = rig.host.driver;
    rig.host.driver.destroy = (...parts) => {
      tries += 1;
      return destroy(...parts);
    };

    await pass(rig, seconds(2));
    const after = [tries];
    for (const wait of [2, 4, 8, 16, 32, 60, 60]) {
      await pass(rig, seconds(wait) - 1);
      after.push(tries);
      await pass(rig, 1);
      after.push(tries);
    }

    expect(after).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8]);
    expect(rig.host.vms.size).toBe(0);
  });

  test("because GitHub asks for patience is not tried before the time that GitHub named", async () => {
    const rig = await running();
    const retryAt = rig.clock.now() + minutes(4);
    rig.github.fails("publish", new GitHubUnavailable("rate limit", { retryAt }));
    await tell(rig, jobSeen(rig));

    await pass(rig, minutes(4) - 1);
    expect(rig.github.calls("publish")).toBe(1);
    await pass(rig, 1);

    expect(rig.github.checks.size).toBe(1);
  });

  test("because GitHub limits us does not keep a VM from being destroyed", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));
    const retryAt = rig.clock.now() + minutes(30);
    rig.github.fails("register", new GitHubUnavailable("limited", { retryAt }));
    await guestAsks(rig);

    await tell(rig, jobSeen(rig, { status: "done", conclusion: "cancelled", doneAt: rig.clock.now() }));
    await pass(rig, seconds(5));

    expect(rig.host.vms.size).toBe(0);
  });

  test("for one job or machine does not hold up the others", async () => {
    const rig = await running();
    rig.host.waits("start");
    await tell(rig, jobSeen(rig), jobSeen(rig, { id: 2, queuedAt: rig.clock.now() + 1 }));

    expect([...rig.host.vms.keys()]).toEqual(["mayfly-lab-plain-aaaaaaab"]);
  });
});

describe("a host that cannot be asked", () => {
  test("makes what it holds unknown, and nothing there is given up or destroyed", async () => {
    const hosts = { lab1: fakeHost(), lab2: fakeHost() };
    const rig = await running({
      hosts,
      catalogue: {
        hosts: [aHost(), aHost({ name: "lab2" })],
        images: [anImage({ hosts: ["lab1", "lab2"] })],
      },
    });
    await tell(rig, jobSeen(rig));
    hosts.lab1.vms.set(M1, "up");
    await pass(rig, seconds(2));
    for (let index = 0; index < 500; index += 1) hosts.lab1.fails("list", new Error("no route to lab1"));
    hosts.lab1.vms.clear();

    await pass(rig, minutes(4));
    expect(rig.machine(M1)?.retired).toBeUndefined();

    await tell(rig, jobSeen(rig, { id: 2 }));
    expect(hosts.lab2.orders).toHaveLength(1);
  });
});

describe("an event that never comes", () => {
  test("of a job's end is made up for when its machine is over", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));
    await guestAsks(rig);
    await jobStarts(rig);
    rig.github.jobs.set(1, aJobSeen({ status: "done", conclusion: "success", ranOn: M1 }));

    await runnerEnds(rig);
    await pass(rig, minutes(1));

    expect(lastSaid(rig)).toMatchObject({ digest: "done/success" });
    expect(rig.store.state.jobs.size + rig.store.state.machines.size + rig.host.vms.size).toBe(0);
  });

  test("is asked for again and again, which does not hold up what the check run has to tell", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));
    await guestAsks(rig);
    await jobStarts(rig);
    rig.github.jobs.set(1, aJobSeen({ status: "running", ranOn: M1 }));
    await runnerEnds(rig);
    await pass(rig, minutes(10));
    expect(lastSaid(rig)).toMatchObject({ digest: "running" });

    await tell(
      rig,
      jobSeen(rig, { status: "done", conclusion: "failure", ranOn: M1, doneAt: rig.clock.now() }),
    );

    expect(lastSaid(rig)).toMatchObject({ digest: "done/failure" });
  });

  test("of a guest is made up for by its VM's end", async () => {
    const rig = await running({ machines: [working({ repo: REPO })] });
    rig.host.vms.set(M1, "off");

    await pass(rig, minutes(5));

    expect(rig.host.vms.size).toBe(0);
    expect(rig.store.state.machines.size).toBe(0);
  });
});

describe("the ring", () => {
  test("ends when a pass cannot be written down: nothing may be done that nobody remembers", async () => {
    const store = memoryStore();
    const rig = ringRig({ store });
    const ring = rig.reconciler.run(stop.signal);
    const ended = expect(ring).rejects.toThrow("disk full");
    await settled();
    await store.record([jobSeen(rig)]);

    store.record = () => Promise.reject(new Error("disk full"));
    rig.reconciler.ring();

    await ended;
    expect(rig.host.orders).toEqual([]);
  });

  test("makes one pass of a hundred bells", async () => {
    const rig = await running();
    let passes = 0;
    const { askHosts } = rig.observer;
    rig.observer.askHosts = (state) => {
      passes += 1;
      return askHosts(state);
    };

    for (let index = 0; index < 100; index += 1) rig.reconciler.ring();
    await settled();

    expect(passes).toBe(1);
  });

  test("does not miss a bell that rings during a pass, when nothing else will ring", async () => {
    const rig = await running();
    const { askRunners } = rig.observer;
    let isFirst = true;
    rig.observer.askRunners = (repos) => {
      if (isFirst) rig.store.state.jobs.set(1, { ...aJobSeen(), tries: 0 });
      if (isFirst) rig.reconciler.ring();
      isFirst = false;
      return askRunners(repos);
    };

    await tell(rig);

    expect(rig.host.orders).toHaveLength(1);
  });

  test("ends when it is told to, once the steps under way are done", async () => {
    const rig = ringRig();
    const ring = rig.reconciler.run(stop.signal);
    await settled();
    const goOn = rig.host.waits("start");
    await tell(rig, jobSeen(rig));
    let hasEnded = false;
    void ring.then(() => {
      hasEnded = true;
    });

    stop.abort();
    await settled();
    expect(hasEnded).toBe(false);

    goOn();
    await settled();
    expect(hasEnded).toBe(true);
    expect(rig.host.orders).toHaveLength(1);
  });

  test("begins nothing new after it was told to end", async () => {
    const rig = ringRig();
    const ring = rig.reconciler.run(stop.signal);
    await settled();
    stop.abort();

    await tell(rig, jobSeen(rig));
    await ring;

    expect(rig.host.orders).toEqual([]);
  });

  test("begins nothing that a pass has just decided when it was told to end", async () => {
    const store = memoryStore();
    const record = store.record;
    store.record = async (facts) => {
      if (facts.some(({ kind }) => kind === "machine-created")) stop.abort();
      await record(facts);
    };
    const rig = ringRig({ store });
    const ring = rig.reconciler.run(stop.signal);
    await settled();

    await tell(rig, jobSeen(rig));
    await ring;

    expect(store.state.machines.size).toBe(1);
    expect(rig.host.orders).toEqual([]);
  });

  test("shows the world as a pass sees it", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));

    const { state, now, reachable, catalogue } = rig.reconciler.world();

    expect(state).toBe(rig.store.state);
    expect(now).toBe(rig.clock.now());
    expect(reachable).toEqual(new Set(["lab1"]));
    expect(catalogue.controller).toBe("lab");
  });
});
