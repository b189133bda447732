import { SYSTEMS } from "../core/systems.ts";
import type { MachineName } from "../core/types.ts";
import type { Seed, StartOrder } from "../ports.ts";
import { seedText } from "./seed.ts";

/** What vagrant/Vagrantfile reads: all that differs from VM to VM. It holds no secret. */
export type VagrantOrder = {
  name: MachineName;
  /** What Vagrant calls the guest's system. */
  guest: string;
  box: { name: string; version?: string | undefined };
  cpus: number;
  memoryMiB: number;
  mac?: string | undefined;
  /** Vagrant's own limit for SSH to answer. */
  bootSeconds: number;
  /** File that gets what the VM writes to its serial console. */
  console: string;
  /** What to do over SSH. None: the box holds the guest program, and its seed comes on a disk. */
  bootstrap?: Bootstrap | undefined;
  /** Settings of the provider, under its own name. */
  [provider: string]: unknown;
};

export type Bootstrap = {
  /** Folder that is copied into the VM, and where to. */
  folder: string;
  to: string;
  /** Script that is run there as root, or as an administrator. */
  script: string;
  /** What runs it there, and Vagrant's own commands. */
  shell: string;
  env: Readonly<Record<string, string>>;
};

/** The order of a machine, but for what its provider adds. */
export function vagrantOrder(
  order: StartOrder,
  parts: Pick<VagrantOrder, "box" | "console" | "bootstrap">,
): VagrantOrder {
  const { name, image } = order;
  return {
    name,
    guest: SYSTEMS[image.os].vagrantGuest,
    cpus: image.cpus,
    memoryMiB: image.memoryMiB,
    mac: image.mac,
    bootSeconds: Math.ceil(image.limits.bootMs / 1000),
    ...parts,
  };
}

const SEED_DISK_BYTES = 64 * 1024;

/** The disk that a seed travels on. See guest/contract.md. */
export function seedDisk(seed: Seed): Buffer {
  const disk = Buffer.alloc(SEED_DISK_BYTES);
  const written = disk.write(seedText(seed));
  if (written === SEED_DISK_BYTES) throw new Error("the seed does not fit on its disk");
  return disk;
}
