import { afterEach, expect, test } from "vitest";
import { GitHubUnavailable } from "../src/ports.ts";
import { aHost, hours } from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { ringRig } from "./support/ring.ts";
import { jobSeen, pass, tell } from "./support/ringing.ts";

const stop = new AbortController();
afterEach(() => stop.abort());

test("a check run that GitHub refuses for good is tried ever more seldom, and given up after a day", async () => {
  const rig = ringRig({ catalogue: { hosts: [aHost({ machines: 0 })] } });
  for (let time = 0; time < 1000; time += 1) rig.github.fails("publish", new GitHubUnavailable("403"));
  void rig.reconciler.run(stop.signal);
  await settled();
  await tell(rig, jobSeen(rig));
  await tell(rig, jobSeen(rig, { status: "done", conclusion: "cancelled", doneAt: rig.clock.now() }));

  await pass(rig, hours(1));
  expect(rig.github.calls("publish")).toBeLessThan(16);
  expect(rig.store.state.jobs.size).toBe(1);

  await pass(rig, hours(23));
  expect(rig.store.state.jobs.size).toBe(0);
  const tried = rig.github.calls("publish");
  await pass(rig, hours(2));
  expect(rig.github.calls("publish")).toBe(tried);
});
