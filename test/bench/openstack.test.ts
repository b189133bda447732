import { expect, test } from "vitest";
import { measure } from "./openstack/figures.ts";
import { openLab } from "./openstack/lab.ts";
import { playedSky } from "./openstack/sky.ts";

/** The short form of `npm run bench:openstack`: a real Mayfly at a cloud that is played from recorded replies. */

const MACHINES = 20;
const LIMIT_MS = 60_000;

test("a storm of machines is ordered few at a time, seen with few lists, and leaves nothing", {
  timeout: 2 * LIMIT_MS,
}, async () => {
  const sky = await playedSky();
  const lab = await openLab(sky, { machines: MACHINES, pace: { bootMs: 100, jobMs: 100 } });

  const came = await measure(lab, MACHINES, LIMIT_MS).finally(async () => {
    await lab.close();
    await sky.close();
  });

  expect(came).toMatchObject({ machines: MACHINES, made: MACHINES, served: MACHINES, left: 0, refused: {} });
  expect(came.callsPerMachine).toMatchObject({ "POST /servers": 1, "DELETE /servers/…": 1 });
  expect(came.callsPerMachine.all).toBeLessThanOrEqual(5);
  expect(came.listsPerPass).toBeLessThanOrEqual(1);
  expect(came.peaks["POST /servers"]).toBeLessThanOrEqual(4);
  expect(came.peaks.all).toBeLessThanOrEqual(16);
});
