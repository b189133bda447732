import { randomBytes } from "node:crypto";
import { execa } from "execa";
import { expect, onTestFinished } from "vitest";
import { machineName } from "../../../src/core/name.ts";
import { freshHost, openBench, type TartBench, type TartOptions } from "../tart-bench.ts";
import { sshUser } from "./sshd.ts";

/** What tests of a Mac do again and again. */

export const SOON_MS = 15_000;
export const soon = (): AbortSignal => AbortSignal.timeout(SOON_MS);
export const newName = (): string => machineName("test", "image", randomBytes(8));

export async function fresh(
  parts?: Parameters<typeof openBench>[1],
): Promise<{ bench: TartBench; options: TartOptions }> {
  const options = await freshHost();
  const bench = await openBench(options, parts);
  onTestFinished(bench.close);
  return { bench, options };
}

/** Orders a VM, and waits for its state. */
export async function startOf(bench: TartBench, image: string, state = "up"): Promise<string> {
  const name = newName();
  await bench.driver.start(bench.orderOf(name, image), soon());
  await expect.poll(() => stateOf(bench, name), { timeout: SOON_MS }).toBe(state);
  return name;
}

export async function stateOf({ driver }: TartBench, name: string): Promise<string | undefined> {
  return (await driver.list(soon())).find((vm) => vm.name === name)?.state;
}

export type Said = { exitCode: number | undefined; stdout: string; stderr: string };

/** What somebody who has stolen the key can do: any words, anything to read, any options of ssh. */
export async function withTheKey(
  { host }: TartBench,
  words: readonly string[],
  { input = "", more = [] }: { input?: string; more?: readonly string[] } = {},
): Promise<Said> {
  const mac = host.tart;
  if (!mac) throw new Error("the host is no Mac");
  const options = [
    "-F",
    "none",
    "-o",
    "BatchMode=yes",
    "-o",
    "StrictHostKeyChecking=yes",
    "-o",
    "IdentityAgent=none",
  ];
  const { exitCode, stdout, stderr } = await execa({ reject: false, input, timeout: SOON_MS })("ssh", [
    ...options,
    ...["-o", `UserKnownHostsFile=${mac.knownHosts}`, "-i", mac.key, "-p", String(mac.port), "-l", sshUser()],
    ...[...more, "--", mac.host, ...words],
  ]);
  return { exitCode, stdout, stderr };
}
