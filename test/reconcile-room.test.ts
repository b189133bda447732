import { afterEach, describe, expect, test } from "vitest";
import { NoRoom } from "../src/ports.ts";
import { aHost, anImage, aRepository, M1, minutes, seconds } from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { fakeHost, type Rig, type RigParts, ringRig } from "./support/ring.ts";
import { jobSeen, pass, tell } from "./support/ringing.ts";

/** A host that has no room makes jobs wait, and fails none. */

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

async function running(parts: RigParts = {}): Promise<Rig> {
  const rig = ringRig(parts);
  void rig.reconciler.run(stop.signal);
  await settled();
  return rig;
}

const M2 = "mayfly-lab-plain-aaaaaaab";
const ordered = (rig: Rig) => rig.host.orders.map(({ name }) => name);
const lastSaid = (rig: Rig) => [...rig.github.checks.values()][0]?.at(-1)?.title;

describe("an order that its host has no room for", () => {
  test("costs the job no try, leaves nothing, and is made anew when there may be room", async () => {
    const rig = await running();
    rig.host.fails("start", new NoRoom("Quota exceeded for cores"));
    await tell(rig, jobSeen(rig));
    expect(ordered(rig)).toEqual([]);
    expect(lastSaid(rig)).toContain("refuses (Quota exceeded for cores)");

    await pass(rig, seconds(15));

    expect(ordered(rig)).toEqual([M2]);
    expect(rig.store.state.jobs.get(1)).toMatchObject({ tries: 0 });
    expect(rig.store.state.jobs.get(1)?.failed).toBeUndefined();
    expect(rig.evidence.size).toBe(0);

    await pass(rig, minutes(2));
    expect(rig.machine(M1)).toBeUndefined();
  });

  test("is not made before the host's own time", async () => {
    const rig = await running();
    rig.host.fails("start", new NoRoom("too many requests", { retryAt: rig.clock.now() + minutes(3) }));
    await tell(rig, jobSeen(rig));

    await pass(rig, minutes(3) - 1);
    expect(ordered(rig)).toEqual([]);
    await pass(rig, 1);

    expect(ordered(rig)).toEqual([M2]);
  });

  test("is made at longer and longer intervals, never more than five minutes", async () => {
    const rig = await running();
    const times: number[] = [];
    for (let index = 0; index < 9; index += 1) rig.host.fails("start", new NoRoom("no valid host"));
    await tell(rig, jobSeen(rig));
    const begun = rig.clock.now();

    for (let left = minutes(30) / seconds(5); left > 0; left -= 1) {
      await pass(rig, seconds(5));
      if (rig.observer.hostRoom(rig.store.state).get("lab1")?.refusals?.[0]?.at === rig.clock.now())
        times.push((rig.clock.now() - begun) / 1000);
    }

    expect(times).toEqual([15, 45, 105, 225, 465, 765, 1065, 1365]);
    expect(ordered(rig)).toHaveLength(1);
  });

  test("together with others under way counts as one refusal", async () => {
    const rig = await running({ catalogue: { hosts: [aHost({ machines: 3 })] } });
    for (let index = 0; index < 3; index += 1) rig.host.fails("start", new NoRoom("quota"));
    await tell(rig, jobSeen(rig), jobSeen(rig, { id: 2 }), jobSeen(rig, { id: 3 }));

    await pass(rig, seconds(15));

    expect(ordered(rig)).toHaveLength(1);
  });

  test("lets the others follow when the first that is tried again has come up", async () => {
    const rig = await running({ catalogue: { hosts: [aHost({ machines: 3 })] } });
    for (let index = 0; index < 3; index += 1) rig.host.fails("start", new NoRoom("quota"));
    await tell(rig, jobSeen(rig), jobSeen(rig, { id: 2 }), jobSeen(rig, { id: 3 }));
    await pass(rig, seconds(15));
    const [first = ""] = ordered(rig);

    rig.host.vms.set(first, "up");
    await pass(rig, seconds(2));

    expect(ordered(rig)).toHaveLength(3);
    expect(rig.observer.hostRoom(rig.store.state).get("lab1")?.refusals).toBeUndefined();
  });
});

describe("a VM that broke since its host had no room for it", () => {
  test("is destroyed, and its job waits without a try", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));
    rig.host.vms.set(M1, "no-room");

    await pass(rig, seconds(2));

    expect(rig.host.vms.size).toBe(0);
    expect(lastSaid(rig)).toContain("refuses (no valid host)");
    expect(rig.store.state.jobs.get(1)).toMatchObject({ tries: 0 });
    await pass(rig, seconds(15));
    expect(ordered(rig)).toEqual([M1, M2]);
  });
});

describe("a host that refuses for a while", () => {
  test("is sent none of the orders that had not begun, and not all of them when its time has come", async () => {
    const rig = await running();
    const retryAt = rig.clock.now() + minutes(3);
    for (let index = 0; index < 30; index += 1) rig.host.fails("start", new NoRoom("429", { retryAt }));
    await tell(rig, ...Array.from({ length: 30 }, (_, id) => jobSeen(rig, { id: id + 1 })));
    const asked = 30 - rig.host.pending("start");
    expect(asked).toBeLessThanOrEqual(8);

    await pass(rig, minutes(3));

    expect(30 - rig.host.pending("start")).toBe(asked + 1);
    expect([...rig.store.state.jobs.values()].filter(({ tries }) => tries !== 0)).toEqual([]);
  });

  test("is left alone longer after each refusal, also if one of the first comes late", async () => {
    const { clock, observer, store } = await running();
    const said = { text: "429", orderedAt: clock.now() };
    const refusal = () => observer.hostRoom(store.state).get("lab1")?.refusals?.[0];
    observer.noteRefusal("lab1", said);
    await clock.advance(seconds(16));
    const triedAt = clock.now();
    await clock.advance(seconds(1));
    observer.noteRefusal("lab1", said);

    observer.noteRefusal("lab1", { ...said, orderedAt: triedAt });

    expect(refusal()).toMatchObject({ at: clock.now(), until: clock.now() + seconds(30) });
  });

  test("is not refused anew by an old machine whose VM still stands", async () => {
    const rig = await running();
    await tell(rig, jobSeen(rig));
    rig.host.vms.set(M1, "no-room");
    const release = rig.host.waits("destroy");
    await pass(rig, seconds(2));
    await pass(rig, seconds(15));
    rig.host.vms.set(M2, "up");
    await pass(rig, seconds(4));

    expect(rig.observer.hostRoom(rig.store.state).get("lab1")?.refusals).toBeUndefined();
    release();
  });
});

describe("a host that has not what one image needs", () => {
  test("refuses that image's machines only, and tries them again like any", async () => {
    const images = [anImage(), anImage({ name: "other", labels: ["self-hosted", "our-other"] })];
    const repositories = [aRepository({ images: ["plain", "other"] })];
    const rig = await running({ catalogue: { images, repositories } });
    rig.host.fails("start", new NoRoom("no current image", { isOfImage: true }));
    await tell(rig, jobSeen(rig));
    await tell(rig, jobSeen(rig, { id: 2, labels: ["self-hosted", "our-other"] }));

    expect(rig.host.orders.map(({ image }) => image.name)).toEqual(["other"]);
    expect(lastSaid(rig)).toContain("cannot be had on lab1 (no current image)");

    await pass(rig, seconds(15));

    expect(rig.host.orders.map(({ image }) => image.name)).toEqual(["other", "plain"]);
  });
});

describe("what a host says of its room", () => {
  test("is asked every minute, and again after a refusal", async () => {
    const capacity = { machines: 7 };
    const host = fakeHost(capacity);
    const rig = await running({ hosts: { lab1: host } });
    const said = () => rig.observer.hostRoom(rig.store.state).get("lab1")?.capacity?.machines;
    expect(said()).toBe(7);

    capacity.machines = 6;
    await pass(rig, minutes(1) - 1);
    expect(said()).toBe(7);
    await pass(rig, 1);
    expect(said()).toBe(6);
    capacity.machines = 5;
    host.fails("start", new NoRoom("quota"));
    await tell(rig, jobSeen(rig));

    expect(said()).toBe(5);
  });

  test("that cannot be asked keeps no order back", async () => {
    const host = fakeHost({ machines: 0 });
    const rig = await running({ hosts: { lab1: host } });
    await tell(rig, jobSeen(rig));
    expect(host.orders).toEqual([]);

    host.fails("capacity", new Error("500"));
    await pass(rig, minutes(1));

    expect(host.orders).toHaveLength(1);
  });
});
