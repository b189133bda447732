import { join } from "node:path";
import { execa } from "execa";

/** For vitest's project `openstack`: tests start the rigs that they need, and those that were down before are down again afterwards. */

const VIRTS = ["fake", "qemu"] as const;
let before: readonly string[] = [];

export async function setup(): Promise<void> {
  before = await rigsUp();
}

export async function teardown(): Promise<void> {
  for (const virt of await rigsUp()) {
    if (!before.includes(virt)) await rig(virt, "down");
  }
}

async function rigsUp(): Promise<string[]> {
  const states = await Promise.all(VIRTS.map(async (virt) => [virt, await rig(virt, "status")] as const));
  return states.filter(([, state]) => state === "up").map(([virt]) => virt);
}

async function rig(virt: string, verb: string): Promise<string> {
  const { stdout } = await execa({ env: { VIRT: virt } })(join(import.meta.dirname, "rig"), [verb]);
  return stdout;
}
