import { createInterface } from "node:readline";
import { execa } from "execa";
import { LIBVIRT } from "../../../src/drivers/libvirt-virsh.ts";
import { unlessAborted } from "./way.ts";

/** Runs virsh, and answers what it printed. Rejects if it fails. */
export async function virsh(...args: string[]): Promise<string> {
  const { stdout } = await execa("virsh", ["-c", LIBVIRT.uri, "-q", ...args]);
  return stdout;
}

/** Removes every VM and volume whose name begins with one of these. */
export async function sweep(prefixes: readonly string[]): Promise<void> {
  const isOurs = (name: string) => prefixes.some((prefix) => name.startsWith(prefix));
  for (const name of (await virsh("list", "--all", "--name")).split("\n").filter(isOurs))
    await removeVm(name);
  const volumes = (await virsh("vol-list", LIBVIRT.pool))
    .split("\n")
    .map((line) => line.trim().split(/\s/)[0] ?? "");
  for (const name of volumes.filter(isOurs)) await virsh("vol-delete", "--pool", LIBVIRT.pool, name);
}

async function removeVm(name: string): Promise<void> {
  // NB: `destroy` fails if it is off already.
  await virsh("destroy", name).catch(() => undefined);
  await virsh("undefine", name, "--managed-save", "--snapshots-metadata", "--nvram");
}

/** When each VM was started, in libvirt's own words. `of` rejects if libvirt says nothing of it. */
export type Starts = { of: (name: string) => Promise<number>; close: () => void };

/** An event comes within milliseconds. */
const LATE_MS = 10_000;

const STARTED = /^(\S+ \S+): event 'lifecycle' for domain '(.+)': Started/;

/** Listens to libvirt's events from now on. */
export async function watchStarts(): Promise<Starts> {
  const times = new Map<string, PromiseWithResolvers<number>>();
  const entry = (name: string) => {
    const known = times.get(name) ?? Promise.withResolvers<number>();
    times.set(name, known);
    return known;
  };
  const listen = ["-c", LIBVIRT.uri, "event", "--all", "--loop", "--timestamp"];
  const child = execa("virsh", listen, { reject: false });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [, at, name] = STARTED.exec(line) ?? [];
    if (at !== undefined && name !== undefined) entry(name).resolve(Date.parse(at));
  });
  return {
    of: (name) => unlessAborted(entry(name).promise, AbortSignal.timeout(LATE_MS)),
    close: () => void child.kill(),
  };
}
