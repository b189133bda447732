import { describe, expect, test } from "vitest";
import { GitHubUnavailable } from "../src/ports.ts";
import { configured, M1, M2, minutes, REPO, seconds } from "./support/build.ts";
import { look, ringRig } from "./support/ring.ts";

const LEFT = "octo/left";

describe("a repository that left the catalogue", () => {
  test("is asked about the runners of machines that it still has", async () => {
    const rig = ringRig();
    rig.github.runners.set(7, { id: 7, name: M1, state: "idle", repo: LEFT });

    await look(rig, [LEFT]);

    expect(rig.observer.seen(configured({ repo: LEFT }), rig.store.state).runner).toBe("idle");
    expect(rig.observer.runnerOf(M1)).toEqual({ repo: LEFT, id: 7 });
  });
});

describe("a list that is old, because its source does not answer any more", () => {
  test("makes no strangers, of VMs or of runners", async () => {
    const rig = ringRig();
    rig.host.vms.set(M1, "up");
    rig.github.runners.set(7, { id: 7, name: M2, state: "offline" });
    await look(rig);
    expect(rig.observer.strangers(rig.store.state).map(({ name }) => name)).toEqual([M1, M2]);

    rig.host.fails("list", new Error("no route to lab1"));
    rig.github.fails("runners", new GitHubUnavailable("404"));
    await rig.clock.advance(minutes(1));
    await look(rig, [REPO]);
    expect(rig.observer.strangers(rig.store.state)).toEqual([]);

    await rig.clock.advance(seconds(10));
    await look(rig);
    expect(rig.observer.strangers(rig.store.state).map(({ name }) => name)).toEqual([M1, M2]);
  });
});
