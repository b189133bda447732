import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { fresh, newName, soon, startOf, stateOf } from "./mac/hand.ts";
import { entries, PROGRAM, TART, type TartBench } from "./tart-bench.ts";

/** What becomes of VMs that no controller looks after any more. */

test("a VM whose time is over is removed, with all that was made with it", async () => {
  const { bench } = await fresh();
  const old = await startOf(bench, "stub");
  const young = await startOf(bench, "stub");
  await expire(bench, old);

  const said = await reap(bench);

  expect(said).toBe(`${old}: its time was over`);
  expect(await bench.leftovers(old)).toEqual([]);
  expect(await stateOf(bench, young)).toBe("up");
});

test("a VM's time is what it was given to live, and ten minutes", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  const folder = join(bench.state, "test", name);

  const [began, until] = await Promise.all(
    ["began", "until"].map(async (file) => Number(await readFile(join(folder, file), "utf8"))),
  );

  expect((until ?? 0) - (began ?? 0)).toBe(600 + 600);
});

test("one that never came to run, or was left half made, is removed as well", async () => {
  const { bench } = await fresh();
  const slow = await startOf(bench, "stub-slow", "building");
  const half = newName();
  await mkdir(join(bench.state, "test", half));
  await expire(bench, slow);

  await reap(bench);

  expect(await bench.leftovers(slow)).toEqual([]);
  expect(await bench.leftovers(half)).toEqual([]);
});

test("a VM whose record was lost is given a day", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  await rm(join(bench.state, "test", name), { recursive: true });

  expect(await reap(bench)).toBe("");
  expect(await stateOf(bench, name)).toBe("up");
  await expire(bench, name);
  await reap(bench);

  expect(await bench.leftovers(name)).toEqual([]);
});

test("VMs of others are left alone", async () => {
  const { bench } = await fresh();
  const isThere = await bench.plantVm("database");
  const isThereToo = await bench.plantVm("mayfly-other-image-a2b3c4d5");
  await mkdir(bench.state, { recursive: true });
  await mkdir(join(bench.state, "test"), { recursive: true });

  await reap(bench);

  expect(await entries(join(bench.state, "test"))).toEqual([]);
  expect(await isThere()).toBe(true);
  expect(await isThereToo()).toBe(true);
});

test("what others have put among the records is left alone, and so is a VM of that name", async () => {
  const { bench } = await fresh();
  const isThere = await bench.plantVm("database");
  const isThereToo = await bench.plantVm("mayfly-other-image-a2b3c4d5");
  const records = [
    ["test", "database"],
    ["test", "mayfly-other-image-a2b3c4d5"],
    ["Notes", "database"],
  ].map((path) => join(bench.state, ...path));
  for (const folder of records) await mkdir(folder, { recursive: true });

  const said = await reap(bench);
  const listed = await bench.driver.list(soon());

  expect({ said, listed }).toEqual({ said: "", listed: [] });
  for (const folder of records) expect(await entries(join(folder, ".."))).toContain(basename(folder));
  expect(await isThere()).toBe(true);
  expect(await isThereToo()).toBe(true);
});

test("where tart cannot be asked nothing is removed", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  await expire(bench, name);
  await writeFile(join(bench.tartHome, "down"), "");

  await expect(reap(bench)).rejects.toThrow("tart cannot tell which VMs there are");

  await rm(join(bench.tartHome, "down"));
  expect((await bench.driver.list(soon())).map((vm) => vm.name)).toEqual([name]);
});

/** As launchd's timer calls it. */
async function reap({ state, tartHome }: TartBench): Promise<string> {
  const env = { MAYFLY_STATE: state, MAYFLY_TART: TART, TART_HOME: tartHome };
  return (await execa(PROGRAM, ["--reap"], { env })).stdout;
}

const expire = ({ state }: TartBench, name: string): Promise<void> =>
  writeFile(join(state, "test", name, "until"), "1\n");
