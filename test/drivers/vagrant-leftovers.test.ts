import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectMade, expectSeen, fresh, newName, seen, soon, startOf } from "./vagrant-hand.ts";

test("a VM whose folder is lost is listed, and destroyed with its disks", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  await expectMade(bench, name);
  for (const lost of ["machines", "dot"]) await rm(join(bench.folder, lost), { recursive: true });

  const before = await seen(bench, name);
  await bench.driver.destroy(name, soon());

  expect(before).toMatchObject({ state: "up" });
  expect(await bench.leftovers(name)).toEqual([]);
});

test.each([".img", "_1.img", "-vdz.raw"])(
  "a disk without a VM (name%s) is listed and removed",
  async (ending) => {
    const { bench } = await fresh();
    const name = newName();
    await writeFile(join(bench.state, "volumes", `${name}${ending}`), "");

    const before = await seen(bench, name);
    await bench.driver.destroy(name, soon());

    expect(before).toMatchObject({ state: "off", text: "only a disk is left" });
    expect(await bench.driver.list(soon())).toEqual([]);
  },
);

test("a folder of a machine without anything else is listed, and removed with Vagrant's folder of it", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  await expectMade(bench, name);
  for (const lost of [`domains/${name}`, `volumes/${name}.img`, `volumes/${name}-vdz.raw`])
    await rm(join(bench.state, lost), { force: true });
  await rm(join(bench.folder, "machines", name, "end.json"));

  const before = await seen(bench, name);
  await bench.driver.destroy(name, soon());

  expect(before).toMatchObject({ state: "broken", text: expect.stringContaining("the controller ended") });
  expect(await bench.leftovers(name)).toEqual([]);
});

test("Vagrant's list of its machines is forgotten with each of them, since it would only grow", async () => {
  const { bench } = await fresh();
  const index = join(bench.folder, "vagrant/data/machine-index");
  const name = await startOf(bench, "stub");
  await expectMade(bench, name);
  await mkdir(index, { recursive: true });
  await writeFile(join(index, "index"), "{}");

  await bench.driver.destroy(name, soon());

  expect(await readdir(index)).toEqual([]);
});

test("disks of others are neither listed nor removed", async () => {
  const { bench } = await fresh();
  const theirs = ["database.img", "mayfly-testx-image-a2b3c4d5.img", "mayfly-test-notatoken.img"];
  for (const volume of theirs) await writeFile(join(bench.state, "volumes", volume), "");

  const listed = await bench.driver.list(soon());

  expect(listed).toEqual([]);
  expect((await readdir(join(bench.state, "volumes"))).sort()).toEqual(theirs.sort());
});

test("a VM that cannot be removed is an error with libvirt's words, and it stays listed", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  await expectSeen(bench, name, { state: "up" });
  await writeFile(join(bench.state, "stuck"), "");

  await expect(bench.driver.destroy(name, soon())).rejects.toThrow(
    "Failed to terminate process 4711 with SIGKILL",
  );

  expect(await seen(bench, name)).toMatchObject({ state: "up" });
});

test("a VM that powered itself off is off, and one whose host paused it for want of room is broken", async () => {
  const { bench } = await fresh();
  const [off, paused] = [await startOf(bench, "stub"), await startOf(bench, "stub")];
  for (const name of [off, paused]) await expectMade(bench, name);

  await writeFile(join(bench.state, "domains", off), "5 1\n");
  await writeFile(join(bench.state, "domains", paused), "3 5\n");

  expect(await seen(bench, off)).toEqual({ name: off, state: "off", text: "powered itself off" });
  expect(await seen(bench, paused)).toMatchObject({
    state: "broken",
    text: expect.stringContaining("storage pool full"),
  });
});

test("a VM that somebody else removed is off, until it is destroyed", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  await expectMade(bench, name);
  await rm(join(bench.state, "domains", name));

  expect(await seen(bench, name)).toMatchObject({ state: "off", text: "its VM is gone" });
});
