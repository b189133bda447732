import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import type { VagrantBench } from "./vagrant-bench.ts";
import { calls, expectSeen, fresh, SOON_MS, startOf } from "./vagrant-hand.ts";

test("a box file that is not there makes a broken VM that names it", async () => {
  const { bench } = await fresh();

  const name = await startOf(bench, "stub", { box: { name: "mayfly/stub", file: "/no/such.box" } });

  await expectSeen(bench, name, {
    state: "broken",
    text: expect.stringContaining("/no/such.box cannot be read"),
  });
});

test("a box file with another digest than the catalogue's is refused, and never given to Vagrant", async () => {
  const { bench, options } = await fresh();
  const file = join(options.root, "stub.box");

  const name = await startOf(bench, "stub", { box: { name: "mayfly/stub", file, sha256: "0".repeat(64) } });

  await expectSeen(bench, name, {
    state: "broken",
    text: expect.stringMatching(/has the SHA-256 [0-9a-f]{64}, and the catalogue wants 0{64}/),
  });
  expect(await calls(bench, "box add")).toEqual([]);
});

test("a box whose time is over makes a broken VM that says so", async () => {
  const { bench, options } = await fresh();
  const file = join(options.root, "stub.box");
  await writeFile(join(options.root, "expiry.json"), '{"expiresAt":"2026-01-01T00:00:00Z"}');
  await execa("tar", ["--create", "--gzip", "--directory", options.root, "--file", file, "expiry.json"]);

  const name = await startOf(bench, "stub");

  await expectSeen(bench, name, {
    state: "broken",
    text: expect.stringContaining("The box mayfly/stub has ended, so no machine is made from it."),
  });
});

test("the disks of a host lie in the storage pool that it names", async () => {
  const { bench } = await fresh({ host: { storage: "fast" } });
  await writeFile(join(bench.state, "pool"), "fast");

  const name = await startOf(bench, "stub");

  await expectSeen(bench, name, { state: "up" });
  const order = await readFile(join(bench.folder, "machines", name, "order.json"), "utf8");
  expect(JSON.parse(order).libvirt.pool).toBe("fast");
  await bench.driver.destroy(name, AbortSignal.timeout(SOON_MS));
  expect(await bench.leftovers(name)).toEqual([]);
});

test("a box that no catalogue knows makes a broken VM, with Vagrant's words", async () => {
  const { bench } = await fresh();

  const name = await startOf(bench, "stub", { box: { name: "nobody/nothing" } });

  await expectSeen(bench, name, {
    state: "broken",
    text: expect.stringContaining("The box 'nobody/nothing' could not be found"),
  });
});

test("a box is added once, for any number of machines that want it at the same time", async () => {
  const { bench } = await fresh({ host: { starting: 3 } });

  const names = await Promise.all([1, 2, 3].map(() => startOf(bench, "stub")));

  for (const name of names) await expectSeen(bench, name, { state: "up" });
  expect(await calls(bench, "box add")).toHaveLength(1);
});

test("a box that was rebuilt is added and uploaded anew, under another version", async () => {
  const { bench, options } = await fresh();
  await expectSeen(bench, await startOf(bench, "stub"), { state: "up" });
  await writeFile(join(options.root, "stub.box"), Buffer.alloc(5000, 1));

  await expectSeen(bench, await startOf(bench, "stub"), { state: "up" });

  const sizes = await Promise.all(
    (await baseVolumes(bench)).map(async (volume) => (await stat(join(bench.state, "volumes", volume))).size),
  );
  expect(sizes.sort()).toEqual([4096, 5000]);
});

test("a box that Vagrant was adding when it was killed is added again", async () => {
  const { bench } = await fresh();
  await expectSeen(bench, await startOf(bench, "stub"), { state: "up" });
  const versions = join(bench.folder, "vagrant/boxes/mayfly-VAGRANTSLASH-stub");
  const [version = ""] = await readdir(versions);
  await rm(join(versions, version, "libvirt/.mayfly-whole"));

  await expectSeen(bench, await startOf(bench, "stub"), { state: "up" });

  expect(await calls(bench, "box add --force")).toHaveLength(2);
});

const baseVolumes = async ({ state }: VagrantBench) =>
  (await readdir(join(state, "volumes"))).filter((volume) => volume.includes("_vagrant_box_image_"));

test("a base volume that was cut short is uploaded again", async () => {
  const { bench } = await fresh();
  await expectSeen(bench, await startOf(bench, "stub"), { state: "up" });
  const [volume = ""] = await baseVolumes(bench);
  await writeFile(join(bench.state, "volumes", volume), "cut");

  await expectSeen(bench, await startOf(bench, "stub"), { state: "up" });

  expect((await stat(join(bench.state, "volumes", volume))).size).toBe(4096);
});

test("a base volume is made once, for any number of machines that want it at the same time", async () => {
  const { bench } = await fresh({ host: { starting: 3 } });

  const names = await Promise.all([1, 2, 3].map(() => startOf(bench, "stub")));

  for (const name of names) await expectSeen(bench, name, { state: "up" });
  const made = (await readFile(join(bench.state, "created"), "utf8")).split("\n");
  expect(made.filter((volume) => volume.includes("_vagrant_box_image_"))).toHaveLength(1);
});

test("a pool without room makes a broken VM that says so, and no cut base volume", async () => {
  const { bench } = await fresh();
  await writeFile(join(bench.state, "full"), "");

  const name = await startOf(bench, "stub");

  await expectSeen(bench, name, {
    state: "broken",
    text: expect.stringContaining("No space left on device"),
  });
  expect(await baseVolumes(bench)).toEqual([]);
});
