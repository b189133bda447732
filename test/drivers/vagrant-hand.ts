import { randomBytes } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { machineName } from "../../src/core/name.ts";
import type { Host, Image } from "../../src/core/types.ts";
import type { Clock, VmSeen } from "../../src/ports.ts";
import { freshHost, openBench, type VagrantBench } from "./vagrant-bench.ts";

/** Most time for anything that is to happen soon. */
export const SOON_MS = 15_000;
export const soon = () => AbortSignal.timeout(SOON_MS);
export const newName = () => machineName("test", "image", randomBytes(8));

/** A bench of its own for a test. */
export async function fresh(parts: { clock?: Clock; host?: Partial<Host> } = {}) {
  const options = await freshHost();
  const bench = await openBench(options, parts);
  onTestFinished(bench.close);
  return { bench, options, ...bench };
}

export async function seen({ driver }: VagrantBench, name: string): Promise<VmSeen | undefined> {
  return (await driver.list(soon())).find((vm) => vm.name === name);
}

export const expectSeen = (bench: VagrantBench, name: string, what: object) =>
  expect.poll(() => seen(bench, name), { timeout: SOON_MS }).toEqual(expect.objectContaining(what));

/** Orders a machine of a box that the stand-in for Vagrant knows. Answers its name. */
export async function startOf(bench: VagrantBench, box: string, image?: Partial<Image>): Promise<string> {
  const name = newName();
  await bench.driver.start(bench.orderOf(name, box, image), soon());
  return name;
}

/** The VM runs, and its Vagrant has ended. */
export async function expectMade(bench: VagrantBench, name: string): Promise<void> {
  await expect
    .poll(() => isThere(join(bench.folder, "machines", name, "end.json")), { timeout: SOON_MS })
    .toBe(true);
  await expectSeen(bench, name, { state: "up" });
}

/** The commands of Vagrant that began so. */
export const calls = async ({ state }: VagrantBench, verb: string): Promise<string[]> => {
  const lines = (await readFile(join(state, "vagrant-calls"), "utf8").catch(() => "")).split("\n");
  return lines.filter((line) => line.startsWith(verb));
};

export const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
