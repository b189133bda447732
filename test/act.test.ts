import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Effect } from "../src/core/world.ts";
import { GitHubUnavailable, type Store } from "../src/ports.ts";
import { memoryStore } from "../src/store/memory.ts";
import {
  aJobSeen,
  aMachine,
  aRepository,
  aRunSeen,
  configured,
  M1,
  minutes,
  NOW,
  REPO,
  ready,
} from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { type Rig, ringRig } from "./support/ring.ts";

const on = (what: "start" | "configure" | "deregister" | "release" | "destroy", machine = M1): Effect => ({
  do: what,
  machine,
});
/** GitHub lists a runner of the name, and the observer has seen it. */
async function listed(rig: Rig, name: string, state: "offline" | "idle" | "busy", id = 7): Promise<void> {
  rig.github.runners.set(id, { id, name, state });
  rig.observer.askRunners([REPO]);
  await settled();
}

describe("to start a machine", () => {
  test("orders its VM with a seed, of whose token only the hash is kept", async () => {
    const rig = ringRig({ machines: [aMachine()] });

    await rig.act(on("start"));

    const [order] = rig.host.orders;
    expect(order).toMatchObject({
      name: M1,
      image: { name: "plain" },
      host: { name: "lab1" },
      seed: { machine: M1, url: "https://guests.invalid", ca: "PEM" },
    });
    const token = order?.seed.token ?? "";
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(rig.machine(M1)).toMatchObject({
      startedAt: rig.clock.now(),
      tokenHash: createHash("sha256").update(token).digest("hex"),
    });
    expect(JSON.stringify(await rig.store.history({ machine: M1 }))).not.toContain(token);
  });

  test("lets it live for its boot, its job, and half an hour", async () => {
    const rig = ringRig({ machines: [aMachine()] });

    await rig.act(on("start"));

    expect(rig.host.orders[0]?.seed.lifeSeconds).toBe((5 + 60 + 30) * 60);
  });

  test("is written down before its driver is told, so that it is never told twice", async () => {
    const rig = ringRig({ machines: [aMachine()] });
    rig.host.waits("start");

    void rig.act(on("start"));
    await settled();

    expect(rig.machine(M1)?.startedAt).toBeDefined();
    expect(rig.host.orders).toEqual([]);
  });

  test("that its driver refuses is a failure, with the driver's words", async () => {
    const rig = ringRig({ machines: [aMachine({ forJob: 1 })] });
    await rig.store.record([{ kind: "job-seen", at: NOW, job: aJobSeen() }]);
    rig.host.fails("start", new Error("no space left on lab1"));

    await expect(rig.act(on("start"))).resolves.toBe("done");

    expect(rig.machine(M1)?.retired?.why).toBe("boot-failed");
    expect(rig.store.state.jobs.get(1)).toMatchObject({
      tries: 1,
      failure: { why: "boot-failed", text: "no space left on lab1", tail: `the console of ${M1}` },
    });
  });

  test("that its driver does not answer is a failure after two minutes", async () => {
    const rig = ringRig({ machines: [aMachine()] });
    rig.host.waits("start");
    const acted = rig.act(on("start"));

    await settled();
    await rig.clock.advance(minutes(2));

    await expect(acted).resolves.toBe("done");
    expect(rig.machine(M1)?.retired?.why).toBe("boot-failed");
  });

  test.each([
    ["host", { host: "lab9" }],
    ["image", { image: "gone" }],
  ])("whose %s left the catalogue is a failure, and no order", async (_, changes) => {
    const rig = ringRig({ machines: [aMachine(changes)] });

    await rig.act(on("start"));

    expect(rig.machine(M1)?.retired?.why).toBe("boot-failed");
    expect(rig.host.orders).toEqual([]);
  });
});

describe("to configure a guest", () => {
  test("registers a runner with the image's labels, writes that down, and answers the claim", async () => {
    const rig = ringRig({ machines: [ready()] });
    const claim = rig.guests.claim(M1);

    await expect(rig.act(on("configure"))).resolves.toBe("done");

    expect(await claim).toEqual({ registration: "jit", runnerId: 101, jit: `configuration of ${M1}` });
    expect(rig.machine(M1)).toMatchObject({ configuredAt: rig.clock.now(), runnerId: 101 });
    expect([...rig.github.runners.values()]).toMatchObject([{ name: M1 }]);
  });

  test("removes the seed from where its VM can still read it, before there is a job in it", async () => {
    const rig = ringRig({ machines: [ready()] });
    let hasAnswer = false;
    void rig.guests.claim(M1).then(() => {
      hasAnswer = true;
    });
    const dropped: [string, boolean][] = [];
    rig.host.driver.dropSeed = async (name) => void dropped.push([name, hasAnswer]);

    await rig.act(on("configure"));

    expect(dropped).toEqual([[M1, false]]);
  });

  test("goes on without that, if its driver cannot do it or does not answer", async () => {
    const rig = ringRig({ machines: [ready()] });
    const claim = rig.guests.claim(M1);
    rig.host.driver.dropSeed = () => new Promise(() => undefined);

    const acted = rig.act(on("configure"));
    await rig.clock.awaited();
    await rig.clock.advance(60_000);

    expect(await acted).toBe("done");
    expect(await claim).toMatchObject({ registration: "jit" });
  });

  test("never writes the configuration down", async () => {
    const rig = ringRig({ machines: [ready()] });
    void rig.guests.claim(M1);

    await rig.act(on("configure"));

    expect(JSON.stringify(await rig.store.history({ machine: M1 }))).not.toContain("configuration of");
  });

  test("hands out a token where the repository wants that", async () => {
    const rig = ringRig({
      machines: [ready()],
      catalogue: { repositories: [aRepository({ registration: "token" })] },
    });
    const claim = rig.guests.claim(M1);

    await rig.act(on("configure"));

    expect(await claim).toMatchObject({
      registration: "token",
      name: M1,
      labels: ["self-hosted", "our-plain"],
    });
    expect(rig.machine(M1)).toMatchObject({ configuredAt: rig.clock.now(), runnerId: undefined });
  });

  test("registers a runner with the labels that the repository's admins gave to the image, too", async () => {
    const rig = ringRig({
      machines: [ready()],
      catalogue: { repositories: [aRepository({ registration: "token" })] },
    });
    const settings = { images: { plain: { labels: ["fast"] } } };
    await rig.store.record([
      { kind: "settings-saved", at: NOW, repo: REPO, settings, version: 1, by: "mona" },
    ]);
    const claim = rig.guests.claim(M1);

    await rig.act(on("configure"));

    expect(await claim).toMatchObject({ labels: ["self-hosted", "our-plain", "fast"] });
  });

  test("registers nothing for a guest that does not ask just now", async () => {
    const rig = ringRig({ machines: [ready()] });

    await expect(rig.act(on("configure"))).resolves.toBe("not-yet");

    expect(rig.github.runners.size).toBe(0);
  });

  test.each([
    ["repository", { repo: "octo/gone" }],
    ["image", { image: "gone" }],
  ])("registers nothing for a machine whose %s left the catalogue", async (_, changes) => {
    const rig = ringRig({ machines: [ready(changes)] });
    void rig.guests.claim(M1);

    await expect(rig.act(on("configure"))).resolves.toBe("not-yet");

    expect(rig.github.runners.size).toBe(0);
  });

  test("takes the registration back if the guest hung up meanwhile", async () => {
    const rig = ringRig({ machines: [ready()] });
    void rig.guests.claim(M1);
    const goOn = rig.github.waits("register");
    const acted = rig.act(on("configure"));
    await settled();

    rig.guests.hangUp(M1);
    goOn();

    await expect(acted).resolves.toBe("not-yet");
    expect(rig.github.runners.size).toBe(0);
    expect(rig.machine(M1)?.configuredAt).toBeUndefined();
  });

  test("takes the registration back if the machine was retired meanwhile", async () => {
    const rig = ringRig({ machines: [ready()] });
    void rig.guests.claim(M1);
    const goOn = rig.github.waits("register");
    const acted = rig.act(on("configure"));
    await settled();

    await rig.store.record([{ kind: "machine-retired", at: NOW, machine: M1, why: "drained" }]);
    goOn();

    await expect(acted).resolves.toBe("not-yet");
    expect(rig.github.runners.size).toBe(0);
    expect(rig.machine(M1)?.configuredAt).toBeUndefined();
  });

  test("is written down before the answer is given: none is handed out twice", async () => {
    const store = slowStore();
    const rig = ringRig({ machines: [ready()], store });
    let isAnswered = false;
    void rig.guests.claim(M1).then(() => {
      isAnswered = true;
    });
    const goOn = store.hold();

    const acted = rig.act(on("configure"));
    await settled();
    expect(isAnswered).toBe(false);

    goOn();
    await acted;
    await settled();
    expect(isAnswered).toBe(true);
  });

  test("counts as handed out if the guest hung up while that was written down", async () => {
    const store = slowStore();
    const rig = ringRig({ machines: [ready()], store });
    void rig.guests.claim(M1);
    const goOn = store.hold();
    const acted = rig.act(on("configure"));
    await settled();

    rig.guests.hangUp(M1);
    goOn();

    await expect(acted).resolves.toBe("done");
    expect(rig.machine(M1)?.configuredAt).toBeDefined();
  });

  test("looks for the runner that has the name already, so that it can be removed first", async () => {
    const rig = ringRig({ machines: [ready()] });
    rig.github.runners.set(7, { id: 7, name: M1, state: "offline" });
    void rig.guests.claim(M1);

    await expect(rig.act(on("configure"))).resolves.toBe("not-yet");
    await settled();

    expect(rig.observer.runnerOf(M1)).toEqual({ repo: REPO, id: 7 });
    await expect(rig.act(on("deregister"))).resolves.toBe("done");
    await expect(rig.act(on("configure"))).resolves.toBe("done");
  });

  test("fails when GitHub does not answer, and leaves the guest asking", async () => {
    const rig = ringRig({ machines: [ready()] });
    void rig.guests.claim(M1);
    rig.github.fails("register", new GitHubUnavailable("502"));

    await expect(rig.act(on("configure"))).rejects.toThrow("502");

    expect(rig.guests.port.polling()).toEqual(new Set([M1]));
    expect(rig.machine(M1)?.configuredAt).toBeUndefined();
  });
});

describe("to deregister or release a machine", () => {
  test("removes its runner, and believes GitHub's word without asking again", async () => {
    const rig = ringRig({ machines: [configured()] });
    await listed(rig, M1, "idle");

    await expect(rig.act(on("deregister"))).resolves.toBe("done");

    expect(rig.github.runners.size).toBe(0);
    expect(rig.observer.seen(configured(), rig.store.state)).toMatchObject({
      runner: "none",
      isRunnerRemoved: true,
    });
  });

  test("does nothing to a runner that has a job: GitHub's refusal is the lock", async () => {
    const rig = ringRig({ machines: [configured()] });
    await listed(rig, M1, "busy");

    await expect(rig.act(on("release"))).resolves.toBe("not-yet");

    expect(rig.machine(M1)?.retired).toBeUndefined();
    expect(rig.github.runners.size).toBe(1);
  });

  test("retires a machine as surplus once its runner is gone", async () => {
    const rig = ringRig({ machines: [configured()] });
    await listed(rig, M1, "idle");

    await rig.act(on("release"));

    expect(rig.machine(M1)?.retired?.why).toBe("surplus");
  });

  test("knows the runner by the number it was registered with, if no list has had it", async () => {
    const rig = ringRig({ machines: [configured({ runnerId: 7 })] });
    rig.github.runners.set(7, { id: 7, name: M1, state: "offline" });

    await expect(rig.act(on("deregister"))).resolves.toBe("done");

    expect(rig.github.runners.size).toBe(0);
  });

  test("is not misled by a list from before the registration, which has the runner of one whose answer was lost", async () => {
    const rig = ringRig({ machines: [configured({ runnerId: 8 })] });
    await listed(rig, M1, "offline", 7);
    rig.github.runners.delete(7);
    rig.github.runners.set(8, { id: 8, name: M1, state: "busy" });

    await expect(rig.act(on("release"))).resolves.toBe("not-yet");

    expect(rig.machine(M1)?.retired).toBeUndefined();
  });

  test("waits if no runner of the name is known", async () => {
    const rig = ringRig({ machines: [ready()] });

    await expect(rig.act(on("deregister"))).resolves.toBe("not-yet");
    expect(rig.github.calls("remove")).toBe(0);
  });
});

/** A store whose next write waits until it is told to go on. */
function slowStore(): Store & { hold: () => () => void } {
  const store = memoryStore();
  const { record } = store;
  let gate: Promise<void> | undefined;
  return Object.assign(store, {
    record: async (...parts: Parameters<typeof record>) => {
      await gate;
      gate = undefined;
      await record(...parts);
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  });
}

describe("to look up the run of a job", () => {
  const lookUp: Effect = { do: "look-up-run", job: 1 };

  test("writes down for the job's attempt what the newest one tells", async () => {
    const rig = ringRig();
    await rig.store.record([{ kind: "job-seen", at: NOW, job: aJobSeen({ id: 1, attempt: 2 }) }]);
    rig.github.runsSeen.set(100, aRunSeen({ attempt: 3 }));

    expect(await rig.act(lookUp)).toBe("done");

    expect([...rig.store.state.runs.keys()]).toEqual(["100/2"]);
    expect(await rig.store.history({ job: 1 })).toMatchObject([{ kind: "job-seen" }, { kind: "run-seen" }]);
  });

  test("decides nothing if GitHub does not know the run, or not yet", async () => {
    const rig = ringRig();
    await rig.store.record([{ kind: "job-seen", at: NOW, job: aJobSeen({ id: 1 }) }]);

    expect(await rig.act(lookUp)).toBe("not-yet");
    expect(rig.store.state.runs.size).toBe(0);
  });

  test("asks nothing if the job is closed by now", async () => {
    const rig = ringRig();

    expect(await rig.act(lookUp)).toBe("done");
    expect(rig.github.calls("run")).toBe(0);
  });
});
