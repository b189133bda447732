import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Found } from "../../src/drivers/vagrant-hypervisor.ts";
import { merge, type Story } from "../../src/drivers/vagrant-look.ts";
import type { VagrantBench } from "./vagrant-bench.ts";
import { fresh, isThere, newName, SOON_MS, soon } from "./vagrant-hand.ts";

const BUILDING: Story = { isBuilding: true, end: undefined };
const MADE: Story = { isBuilding: false, end: { isOk: true, text: "" } };
const FAILED: Story = { isBuilding: false, end: { isOk: false, text: "why" } };
const CUT_OFF: Story = { isBuilding: false, end: undefined };
const UP: Found = { kind: "vm", state: "up" };
const OFF: Found = { kind: "vm", state: "off", text: "powered itself off" };
const BROKEN: Found = { kind: "vm", state: "broken", text: "disk" };
const DISK: Found = { kind: "disk", state: "off", text: "only a disk is left" };

/** `story`: what its folder told at first; `found`: what the hypervisor has; `isHere`: its folder is there at last. */
function seenOf(story: Story | undefined, found: Found | undefined, isHere: boolean): string {
  const before = new Map(story ? [["m", story] as const] : []);
  const there = new Map(found ? [["m", found] as const] : []);
  const [vm] = merge(before, there, isHere ? ["m"] : []);
  return vm ? `${vm.state}${vm.text ? `: ${vm.text}` : ""}` : "not listed";
}

describe("a machine with a folder", () => {
  test.each([
    ["being built", BUILDING, "nothing", undefined, "building"],
    ["being built", BUILDING, "a disk", DISK, "building"],
    ["being built", BUILDING, "a domain that is not started yet", OFF, "building"],
    ["being built", BUILDING, "a VM that runs", UP, "up"],
    ["being built", BUILDING, "a VM that is stuck", BROKEN, "broken: disk"],
    ["made", MADE, "a VM that runs", UP, "up"],
    ["made", MADE, "a VM that is off", OFF, "off: powered itself off"],
    ["made", MADE, "nothing", undefined, "off: its VM is gone"],
    ["made", MADE, "a disk", DISK, "off: its VM is gone"],
    ["failed", FAILED, "nothing", undefined, "broken: why"],
    ["failed", FAILED, "a VM that runs", UP, "broken: why"],
    ["cut off", CUT_OFF, "a VM that runs", UP, "up"],
    ["cut off", CUT_OFF, "nothing", undefined, "broken: the controller ended while vagrant up made the VM"],
  ])("%s, with %3$s in the hypervisor, is %5$s", (_is, story, _has, found, seen) => {
    expect(seenOf(story, found, true)).toBe(seen);
  });
});

describe("a machine that changes while it is looked at", () => {
  test.each([
    ["ordered meanwhile, nothing of it there", undefined, undefined, true, "building"],
    ["ordered meanwhile, its first disk there", undefined, DISK, true, "building"],
    ["ordered meanwhile, and up already", undefined, UP, true, "up"],
    ["destroyed meanwhile, its VM still seen", MADE, UP, false, "not listed"],
    ["never ours to begin with but for a VM", undefined, UP, false, "up"],
    ["never ours to begin with but for a disk", undefined, DISK, false, "off: only a disk is left"],
  ])("%s", (_what, story, found, isHere, seen) => {
    expect(seenOf(story, found, isHere)).toBe(seen);
  });
});

async function hold(bench: VagrantBench, when: "hold-before" | "hold-after") {
  await writeFile(join(bench.state, when), "");
  const listing = bench.driver.list(soon());
  await expect.poll(() => isThere(join(bench.state, `${when}-reached`)), { timeout: SOON_MS }).toBe(true);
  return async () => {
    await rm(join(bench.state, when));
    return await listing;
  };
}

test("a machine that is ordered while the hypervisor is asked is no leftover", async () => {
  const { bench } = await fresh();
  const goOn = await hold(bench, "hold-before");
  const name = newName();
  await bench.driver.start(bench.orderOf(name, "stub-slow"), soon());
  await expect
    .poll(() => isThere(join(bench.state, "volumes", `${name}-vdz.raw`)), { timeout: SOON_MS })
    .toBe(true);

  expect(await goOn()).toEqual([{ name, state: "building" }]);
});

test("a machine that is made while the hypervisor is asked is not gone", async () => {
  const { bench } = await fresh();
  const name = newName();
  const goOn = await hold(bench, "hold-after");
  await bench.driver.start(bench.orderOf(name, "stub"), soon());
  await expect
    .poll(() => isThere(join(bench.folder, "machines", name, "end.json")), { timeout: SOON_MS })
    .toBe(true);

  expect(await goOn()).toEqual([expect.objectContaining({ name, state: "building" })]);
});
