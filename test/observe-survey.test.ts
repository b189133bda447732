import { describe, expect, test } from "vitest";
import { aHost, aMachine, M1, M2, minutes, REPO } from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { fakeHost, look, type Rig, type RigParts, ringRig } from "./support/ring.ts";

const names = (rig: Rig) => rig.observer.strangers(rig.store.state).map(({ name }) => name);

describe("hosts that machines can be ordered on", () => {
  const two = (): RigParts & { hosts: Record<string, ReturnType<typeof fakeHost>> } => ({
    catalogue: { hosts: [aHost(), aHost({ name: "lab2" })] },
    hosts: { lab1: fakeHost(), lab2: fakeHost() },
  });

  test("are none until every host has told what it holds", async () => {
    const parts = two();
    const goOn = parts.hosts.lab2?.waits("list");
    const rig = ringRig(parts);
    await look(rig);
    expect(rig.observer.reachable()).toEqual(new Set());

    goOn?.();
    await settled();
    expect(rig.observer.reachable()).toEqual(new Set(["lab1", "lab2"]));
  });

  test("are those that answer, a minute after the start", async () => {
    const parts = two();
    parts.hosts.lab2?.fails("list", new Error("no route to lab2"));
    const rig = ringRig(parts);
    await look(rig);

    await rig.clock.advance(minutes(1) - 1);
    expect(rig.observer.reachable()).toEqual(new Set());
    await rig.clock.advance(1);
    expect(rig.observer.reachable()).toEqual(new Set(["lab1"]));
  });

  test("lack one that does not answer any more", async () => {
    const parts = two();
    const rig = ringRig(parts);
    await look(rig);
    parts.hosts.lab1?.fails("list", new Error("no route to lab1"));
    await rig.clock.advance(minutes(1));
    await look(rig);

    expect(rig.observer.reachable()).toEqual(new Set(["lab2"]));
  });
});

describe("a stranger", () => {
  test("is a VM or a runner that bears our name and has no row", async () => {
    const rig = ringRig({ machines: [aMachine()] });
    rig.host.vms.set(M1, "up").set(M2, "up").set("web-server", "up").set("mayfly-other-plain-aaaaaaaa", "up");
    rig.github.runners.set(7, { id: 7, name: "mayfly-lab-big-cccccccc", state: "offline" });
    rig.github.runners.set(8, { id: 8, name: "somebody", state: "idle" });

    await look(rig);

    expect(rig.observer.strangers(rig.store.state)).toEqual([
      { name: M2, image: "plain", host: "lab1" },
      { name: "mayfly-lab-big-cccccccc", image: "big", repo: REPO },
    ]);
  });

  test("that has a VM and a runner is one, with its host and its repository", async () => {
    const rig = ringRig();
    rig.host.vms.set(M1, "up");
    rig.github.runners.set(7, { id: 7, name: M1, state: "busy" });

    await look(rig);

    expect(rig.observer.strangers(rig.store.state)).toEqual([
      { name: M1, image: "plain", host: "lab1", repo: REPO },
    ]);
  });

  test("by its runner alone is none before the hosts have told what they hold", async () => {
    const rig = ringRig();
    rig.github.runners.set(7, { id: 7, name: M1, state: "busy" });
    rig.observer.askRunners([REPO]);
    await settled();
    expect(names(rig)).toEqual([]);

    await look(rig);
    expect(names(rig)).toEqual([M1]);
  });

  test("is not made of a machine that was just forgotten by a list of before", async () => {
    const rig = ringRig();
    const goOn = rig.host.waits("list");
    rig.host.vms.set(M1, "up");
    rig.observer.askHosts(rig.store.state);
    await settled();
    rig.observer.noteForgotten(M1);
    goOn();
    await settled();
    expect(names(rig)).toEqual([]);

    await rig.clock.advance(minutes(1));
    await look(rig);
    expect(names(rig)).toEqual([M1]);
  });

  test("is not made of a runner that GitHub has just removed", async () => {
    const rig = ringRig();
    rig.github.runners.set(7, { id: 7, name: M1, state: "offline" });
    await look(rig);

    rig.observer.noteRemoved(M1);

    expect(names(rig)).toEqual([]);
  });
});
