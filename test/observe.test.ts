import { describe, expect, test } from "vitest";
import type { Machine } from "../src/core/types.ts";
import { GitHubUnavailable } from "../src/ports.ts";
import {
  adopted,
  aRepository,
  booting,
  configured,
  M1,
  M2,
  minutes,
  REPO,
  seconds,
} from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { look, type Rig, ringRig } from "./support/ring.ts";

const OTHER = "octo/horace";

const vmOf = (rig: Rig, machine: Machine = booting()) => rig.observer.seen(machine, rig.store.state).vm;
const runnerOf = (rig: Rig, machine: Machine = configured()) =>
  rig.observer.seen(machine, rig.store.state).runner;

describe("what was not asked", () => {
  test("is unknown", () => {
    const rig = ringRig();

    expect(rig.observer.seen(booting(), rig.store.state)).toMatchObject({
      vm: "unknown",
      runner: "unknown",
      polling: false,
    });
    expect(rig.observer.seen(booting(), rig.store.state).vmAskedAt).toBeUndefined();
  });

  test("of a host or repository that left the catalogue stays unknown", async () => {
    const rig = ringRig();
    await look(rig);

    expect(vmOf(rig, booting({ host: "lab9" }))).toBe("unknown");
    expect(runnerOf(rig, configured({ repo: OTHER }))).toBe("unknown");
  });
});

describe("a host's list", () => {
  test("tells the state of each VM, in the driver's words if it is broken", async () => {
    const rig = ringRig();
    rig.host.vms.set(M1, "broken").set(M2, "up");

    await look(rig);

    expect(rig.observer.seen(booting(), rig.store.state)).toMatchObject({
      vm: "broken",
      vmText: "no space left",
    });
    expect(vmOf(rig, booting({ name: M2 }))).toBe("up");
    expect(vmOf(rig, booting({ name: "mayfly-lab-plain-zzzzzzzz" }))).toBe("none");
  });

  test("counts since the first list that lacks a VM, until one has it again", async () => {
    const rig = ringRig({ machines: [booting()] });
    rig.host.vms.set(M1, "up");
    await look(rig);
    expect(rig.observer.seen(booting(), rig.store.state).vmMissingSince).toBeUndefined();

    rig.host.vms.delete(M1);
    await rig.clock.advance(seconds(2));
    const firstMissing = rig.clock.now();
    await look(rig);
    await rig.clock.advance(seconds(2));
    await look(rig);
    expect(rig.observer.seen(booting(), rig.store.state)).toMatchObject({
      vm: "none",
      vmMissingSince: firstMissing,
      vmAskedAt: rig.clock.now(),
    });

    rig.host.vms.set(M1, "up");
    await rig.clock.advance(seconds(2));
    await look(rig);
    expect(rig.observer.seen(booting(), rig.store.state).vmMissingSince).toBeUndefined();
  });

  test("that was never had counts since the first list of the process", async () => {
    const rig = ringRig({ machines: [booting()] });
    const firstAsked = rig.clock.now();
    await look(rig);
    await rig.clock.advance(seconds(2));
    await look(rig);

    expect(rig.observer.seen(booting(), rig.store.state)).toMatchObject({
      vm: "none",
      vmMissingSince: firstAsked,
    });
  });

  test("has the time at which it was asked for, not answered: a VM may come in between", async () => {
    const rig = ringRig();
    const goOn = rig.host.waits("list");
    const askedAt = rig.clock.now();
    const looked = look(rig);
    await settled();
    await rig.clock.advance(seconds(9));
    goOn();
    await looked;
    await settled();

    expect(rig.observer.seen(booting(), rig.store.state).vmAskedAt).toBe(askedAt);
  });

  test("that fails makes its VMs unknown, until one succeeds again", async () => {
    const rig = ringRig({ machines: [booting()] });
    rig.host.vms.set(M1, "up");
    await look(rig);
    rig.host.fails("list", new Error("no route to lab1"));
    await rig.clock.advance(seconds(2));
    const { hostsIn } = await look(rig);

    expect(vmOf(rig)).toBe("unknown");
    expect(hostsIn).toBe(seconds(10));
    await rig.clock.advance(seconds(10));
    await look(rig);
    expect(vmOf(rig)).toBe("up");
  });

  test("that does not come is a failure after half a minute", async () => {
    const rig = ringRig({ machines: [booting()] });
    rig.host.vms.set(M1, "up");
    await look(rig);
    rig.host.waits("list");
    await rig.clock.advance(seconds(2));
    await look(rig);

    await rig.clock.advance(seconds(29));
    expect(vmOf(rig)).toBe("up");
    await rig.clock.advance(seconds(1));
    expect(vmOf(rig)).toBe("unknown");
  });

  test("is asked for often while a machine is on the host, and seldom else; never twice at a time", async () => {
    const rig = ringRig();
    expect((await look(rig)).hostsIn).toBe(minutes(1));

    rig.store.state.machines.set(M1, booting());
    await rig.clock.advance(seconds(2));
    rig.host.waits("list");
    rig.observer.askHosts(rig.store.state);
    rig.observer.askHosts(rig.store.state);
    await rig.clock.advance(seconds(20));
    expect(rig.observer.askHosts(rig.store.state)).toBe(Number.POSITIVE_INFINITY);
    expect(rig.host.asked()).toBe(2);
  });

  test("rings, whether it comes or fails", async () => {
    const rig = ringRig();
    rig.host.fails("list", new Error("no route to lab1"));
    rig.observer.askHosts(rig.store.state);
    await settled();
    expect(rig.rings()).toBe(1);

    await rig.clock.advance(seconds(10));
    rig.observer.askHosts(rig.store.state);
    await settled();
    expect(rig.rings()).toBe(2);
  });
});

describe("a repository's runners", () => {
  test("are listed with their state, and remembered as seen online", async () => {
    const rig = ringRig();
    rig.github.runners.set(7, { id: 7, name: M1, state: "idle" });
    const online = rig.clock.now();
    await look(rig);
    expect(rig.observer.seen(configured(), rig.store.state)).toMatchObject({
      runner: "idle",
      runnerId: 7,
      runnerOnlineAt: online,
      wasRunnerSeen: true,
    });

    rig.github.runners.set(7, { id: 7, name: M1, state: "offline" });
    await rig.clock.advance(seconds(5));
    await look(rig);
    expect(rig.observer.seen(configured(), rig.store.state)).toMatchObject({
      runner: "offline",
      runnerOnlineAt: online,
    });
  });

  test("are asked for in every repository at the start, whether or not a machine is there", async () => {
    const repositories = [aRepository(), aRepository({ name: "octo/quiet" })];
    const rig = ringRig({ catalogue: { repositories } });

    await look(rig, []);

    expect(rig.github.calls("runners")).toBe(2);
  });

  test("are asked for every five seconds while one is in doubt, and every ten minutes else", async () => {
    const rig = ringRig();

    expect((await look(rig)).runnersIn).toBe(seconds(5));
    expect((await look(rig, [])).runnersIn).toBe(minutes(10));
    expect(rig.github.calls("runners")).toBe(1);
  });

  test("are unknown while GitHub does not answer", async () => {
    const rig = ringRig();
    rig.github.runners.set(7, { id: 7, name: M1, state: "idle" });
    await look(rig);
    rig.github.fails("runners", new GitHubUnavailable("502"));
    await rig.clock.advance(seconds(5));
    await look(rig);

    expect(runnerOf(rig)).toBe("unknown");
  });

  test("lack one that GitHub itself removed, whatever a list of before says", async () => {
    const rig = ringRig();
    rig.github.runners.set(7, { id: 7, name: M1, state: "idle" });
    await look(rig);

    rig.observer.noteRemoved(M1);
    expect(rig.observer.seen(configured({ configuredAt: rig.clock.now() }), rig.store.state)).toMatchObject({
      runner: "none",
      isRunnerRemoved: true,
    });

    await rig.clock.advance(seconds(5));
    await look(rig);
    expect(runnerOf(rig)).toBe("idle");
  });

  test("have one again that was registered after an older one of its name was removed", async () => {
    const rig = ringRig();
    rig.github.runners.set(7, { id: 7, name: M1, state: "offline" });
    await look(rig);
    rig.observer.noteRemoved(M1);

    expect(runnerOf(rig, configured({ configuredAt: rig.clock.now() + 1 }))).toBe("offline");
  });

  test("are looked through in all repositories for a machine of which none is known", async () => {
    const rig = ringRig({ catalogue: { repositories: [aRepository(), aRepository({ name: OTHER })] } });
    const stranger = adopted({ repo: "" });
    rig.github.runners.set(7, { id: 7, name: M1, state: "busy", repo: OTHER });
    rig.github.fails("runners", new GitHubUnavailable("502"));
    await look(rig, [REPO, OTHER]);
    expect(runnerOf(rig, stranger)).toBe("busy");
    expect(rig.observer.runnerOf(M1)).toEqual({ repo: OTHER, id: 7 });

    rig.github.runners.clear();
    await rig.clock.advance(seconds(5));
    await look(rig, [OTHER]);
    expect(runnerOf(rig, stranger)).toBe("unknown");

    await rig.clock.advance(seconds(5));
    await look(rig, [REPO, OTHER]);
    expect(runnerOf(rig, stranger)).toBe("none");
  });
});

test("what the guests say is known at once", () => {
  const rig = ringRig();
  void rig.guests.claim(M1);
  rig.guests.heard.set(M1, 42);

  expect(rig.observer.seen(booting(), rig.store.state)).toMatchObject({ polling: true, heardAt: 42 });
  expect(rig.observer.seen(booting({ name: M2 }), rig.store.state)).toMatchObject({
    polling: false,
    heardAt: undefined,
  });
});
