import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import type { VagrantBench } from "./vagrant-bench.ts";
import { calls, expectSeen, fresh, newName, SOON_MS, seen, soon, startOf } from "./vagrant-hand.ts";

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

describe("a box whose time is over, or that does not tell it,", () => {
  const says = async (root: string, text: string) => {
    const file = join(root, "stub.box");
    await writeFile(join(root, "expiry.json"), text);
    await execa("tar", ["--create", "--gzip", "--directory", root, "--file", file, "expiry.json"]);
  };

  test.each([
    ['{"expiresAt":"2026-01-01T00:00:00Z"}', "The box mayfly/stub has ended, so no machine is made from it."],
    ['{"expiresAt":"soon"}', "The box mayfly/stub does not say in its expiry.json until when it may be used"],
  ])("takes no order, which costs no job a try, and leaves nothing: %s", async (text, words) => {
    const { bench, options } = await fresh();
    await says(options.root, text);
    const name = newName();

    const error = await bench.driver.start(bench.orderOf(name, "stub"), soon()).catch((one: unknown) => one);

    expect(error).toMatchObject({ name: "NoRoom", isOfImage: true, message: expect.stringContaining(words) });
    expect(await seen(bench, name)).toBeUndefined();
    expect(await bench.leftovers(name)).toEqual([]);
    expect(bench.logged()).not.toContain("a build was lost");
  });

  test("takes orders again when it was built anew", async () => {
    const { bench, options } = await fresh();
    await says(options.root, '{"expiresAt":"2026-01-01T00:00:00Z"}');
    await expect(startOf(bench, "stub")).rejects.toThrow("has ended");

    await says(options.root, '{"expiresAt":"2999-01-01T00:00:00Z"}');

    await expectSeen(bench, await startOf(bench, "stub"), { state: "up" });
  });

  test("and comes by name, is known from the second machine on", async () => {
    const { bench } = await fresh();
    const box = { name: "mayfly/by-name" };
    const folder = join(bench.folder, "vagrant/boxes/mayfly-VAGRANTSLASH-by-name/1.2/libvirt");
    await mkdir(folder, { recursive: true });
    for (const name of ["metadata.json", ".mayfly-whole"]) await writeFile(join(folder, name), "{}");
    await writeFile(join(folder, "expiry.json"), '{"expiresAt":"2026-01-01T00:00:00Z"}');

    await expect(startOf(bench, "stub", { box })).rejects.toThrow("The box mayfly/by-name has ended");
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
