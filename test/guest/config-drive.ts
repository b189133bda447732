import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exampleUserData } from "./contract.ts";
import type { Vm } from "./vm.ts";

export type Drive = {
  /** The device's name: `sr0`, `vdb`. */
  name: string;
  /** What its file for user data holds; it has none without. */
  userData?: string | undefined;
  sectors?: number;
  /** Whether the system has a device behind it: not so for a loop. */
  isReal?: boolean;
};

/** Where the system takes orders to let go of the device. */
export const ORDERS = {
  scsi: (name: string) => `sys/block/${name}/device/delete`,
  virtio: "sys/devices/virtio3/driver/unbind",
};

/** A disk as the kernel shows it, and what mounting it would show, in the folder that is the VM. See: LINUX in systems.ts. */
export async function insertDrive(
  vm: Vm,
  { name, userData, sectors = 131_072, isReal = true }: Drive,
): Promise<void> {
  const block = join(vm.root, "sys/block", name);
  const latest = join(vm.root, "media", name, "openstack/latest");
  await mkdir(latest, { recursive: true });
  await writeFile(join(latest, "meta_data.json"), "{}");
  if (userData !== undefined) await writeFile(join(latest, "user_data"), userData);
  await mkdir(join(vm.root, "dev"), { recursive: true });
  await writeFile(join(vm.root, "dev", name), "", { mode: 0o660 });
  await mkdir(block, { recursive: true });
  if (isReal) await addDevice(vm, name);
  await writeFile(join(block, "size"), `${sectors}\n`);
}

async function addDevice(vm: Vm, name: string): Promise<void> {
  const device = join(vm.root, "sys/block", name, "device");
  if (name.startsWith("vd")) {
    await mkdir(join(vm.root, "sys/devices/virtio3/driver"), { recursive: true });
    await symlink(join(vm.root, "sys/devices/virtio3"), device);
    await writeFile(join(vm.root, ORDERS.virtio), "");
  } else {
    await mkdir(device);
    await writeFile(join(vm.root, ORDERS.scsi(name)), "");
  }
}

/** The contract's user data, with another seed. */
export const userDataOf = (seed: object): string =>
  exampleUserData().replace(/^\{.*\}$/m, () => JSON.stringify(seed));
