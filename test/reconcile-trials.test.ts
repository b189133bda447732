import { afterEach, describe, expect, test } from "vitest";
import type { CloudImageSeen } from "../src/core/clouds.ts";
import type { CloudImages } from "../src/ports/cloud-images.ts";
import { aHost, anImage, minutes, seconds } from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { fakeHost, type Rig, ringRig } from "./support/ring.ts";
import { guestAsks, jobSeen, pass, tell } from "./support/ringing.ts";

/** A candidate on its way to be the current cloud image, or back. */

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

type FakeImages = CloudImages & { images: CloudImageSeen[]; moves: string[] };

function fakeImages(): FakeImages {
  const seen = (id: string, standing: CloudImageSeen["standing"]) => ({
    family: "plain",
    id,
    name: id,
    standing,
  });
  const images = [seen("old-one", "current"), seen("new-one", "candidate")];
  const moves: string[] = [];
  const stand = (id: string, standing: CloudImageSeen["standing"]) => {
    for (const image of images) if (image.id === id) image.standing = standing;
  };
  return {
    images,
    moves,
    list: async () => images.map((image) => ({ ...image })),
    promote: async ({ id }) => {
      moves.push(`promote ${id}`);
      stand("old-one", "old");
      stand(id, "current");
    },
    turnBack: async ({ id }) => {
      moves.push(`turn back ${id}`);
      stand(id, "old");
    },
  };
}

const canary = { share: 100, boots: 1, failures: 1 };

async function running(): Promise<{ rig: Rig; host: ReturnType<typeof fakeHost>; cloud: FakeImages }> {
  const cloud = fakeImages();
  const host = fakeHost();
  host.driver.cloudImages = cloud;
  const catalogue = {
    hosts: [aHost({ driver: "openstack" })],
    images: [anImage({ cloudImage: { family: "plain", canary } })],
  };
  const rig = ringRig({ hosts: { lab1: host }, catalogue });
  void rig.reconciler.run(stop.signal);
  await settled();
  return { rig, host, cloud };
}

const images = (rig: Rig) =>
  rig.reconciler
    .world()
    .cloudImages.get("lab1")
    ?.map(({ id, standing }) => `${id} ${standing}`);

describe("a candidate whose machine boots", () => {
  test("becomes the current cloud image, and the next machine is made from what is current", async () => {
    const { rig, host, cloud } = await running();
    await tell(rig, jobSeen(rig));
    expect(host.orders.map(({ cloudImage }) => cloudImage)).toEqual(["new-one"]);

    host.vms.set(host.orders[0]?.name ?? "", "up");
    await guestAsks(rig, host.orders[0]?.name);
    await settled();

    expect(cloud.moves).toEqual(["promote new-one"]);
    expect(images(rig)).toEqual(["old-one old", "new-one current"]);
    await tell(rig, jobSeen(rig, { id: 2 }), jobSeen(rig, { id: 3 }));
    expect(host.orders.slice(1).map(({ cloudImage }) => cloudImage)).toEqual([undefined, undefined]);
  });
});

describe("a candidate whose machine fails", () => {
  test("is turned back, and its job gets a machine of the current one at once, with all its tries", async () => {
    const { rig, host, cloud } = await running();
    await tell(rig, jobSeen(rig));

    host.vms.set(host.orders[0]?.name ?? "", "broken");
    await pass(rig, seconds(2));

    expect(cloud.moves).toEqual(["turn back new-one"]);
    expect(host.orders.map(({ cloudImage }) => cloudImage)).toEqual(["new-one", undefined]);
    expect(rig.store.state.jobs.get(1)).toMatchObject({ tries: 0 });
    // NB: should somebody make it a candidate again, it begins anew.
    expect(rig.store.state.trials.has("lab1 new-one")).toBe(false);
  });

  test("is turned back in the end also if the cloud does not answer at first", async () => {
    const { rig, host, cloud } = await running();
    const { turnBack } = cloud;
    let refusals = 2;
    cloud.turnBack = async (image, signal) => {
      refusals -= 1;
      if (refusals >= 0) throw new Error("503");
      await turnBack(image, signal);
    };
    await tell(rig, jobSeen(rig));

    host.vms.set(host.orders[0]?.name ?? "", "broken");
    await pass(rig, seconds(2));
    expect(cloud.moves).toEqual([]);
    await pass(rig, minutes(1));

    expect(cloud.moves).toEqual(["turn back new-one"]);
  });
});
