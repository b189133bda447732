import { afterEach, describe, expect, test } from "vitest";
import { aHost, anImage, aRepository } from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { type Rig, ringRig } from "./support/ring.ts";
import { jobSeen, tell } from "./support/ringing.ts";

/** Many machines that are wanted at once. */

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

const JOBS = 10;
const AT_ONCE = 8;

/** Everybody has room for all jobs; the host takes no order before it is told to. */
async function swamped(): Promise<{ rig: Rig; accepts: (() => void)[] }> {
  const rig = ringRig({
    catalogue: {
      hosts: [aHost({ machines: JOBS, starting: JOBS })],
      images: [anImage({ machines: JOBS })],
      repositories: [aRepository({ machines: JOBS })],
    },
  });
  const accepts = Array.from({ length: JOBS }, () => rig.host.waits("start"));
  void rig.reconciler.run(stop.signal);
  await settled();
  await tell(rig, ...Array.from({ length: JOBS }, (_, index) => jobSeen(rig, { id: index + 1 })));
  return { rig, accepts };
}

const machines = (rig: Rig) => [...rig.store.state.machines.values()];
const begun = (rig: Rig) => machines(rig).filter(({ startedAt }) => startedAt !== undefined);

describe("more machines than a host is told of at once", () => {
  test("have their rows, and an order is begun for few of them", async () => {
    const { rig } = await swamped();

    expect(machines(rig)).toHaveLength(JOBS);
    expect(begun(rig)).toHaveLength(AT_ONCE);
  });

  test("are ordered when it is their turn, one for each order that the host has taken", async () => {
    const { rig, accepts } = await swamped();

    for (const accept of accepts.splice(0, 2)) accept();
    await settled();
    expect(begun(rig)).toHaveLength(AT_ONCE + 2);

    for (const accept of accepts) accept();
    await settled();
    expect(rig.host.orders).toHaveLength(JOBS);
  });
});
