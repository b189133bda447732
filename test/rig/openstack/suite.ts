import { join } from "node:path";
import { execa } from "execa";
import type { TestProject } from "vitest/node";

/** For vitest's projects `openstack` and `openstack-guests`: tests start the rig that they need, and one that was down before is down again afterwards. */

type Virt = "fake" | "qemu";

const ours = new Set<Virt>();

export async function setup({ name }: TestProject): Promise<void> {
  const virt = name === "openstack" ? "fake" : "qemu";
  if ((await rig(virt, "status")) !== "up") ours.add(virt);
}

export async function teardown(): Promise<void> {
  for (const virt of ours) if ((await rig(virt, "status")) === "up") await rig(virt, "down");
}

async function rig(virt: Virt, verb: "status" | "down"): Promise<string> {
  const { stdout } = await execa({ env: { VIRT: virt } })(join(import.meta.dirname, "rig"), [verb]);
  return stdout;
}
