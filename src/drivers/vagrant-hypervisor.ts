import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Host, MachineName } from "../core/types.ts";
import type { Clock, VmSeen } from "../ports.ts";
import type { VagrantOrder } from "./vagrant-order.ts";

export type HypervisorParts = {
  host: Host;
  controller: string;
  /** Vagrant's own folder: boxes and what it knows of machines. */
  vagrantHome: string;
  /** Folder of the machines' folders. */
  machines: string;
  /** Folder of our Vagrantfile. */
  vagrantfile: string;
  /** Environment of all Vagrant commands. */
  env: Readonly<Record<string, string>>;
  clock: Clock;
};

export type SeedWay = "disk" | "user data" | "ssh";

/** What is there of a machine: a VM, or only a disk that a VM left behind. */
export type Found = Omit<VmSeen, "name"> & { kind: "vm" | "disk" };

/** `order` and `dotFolder`: what its `vagrant up` read, and where it kept what it knew. They may be lost. */
export type ToRemove = { name: MachineName; order: string; dotFolder: string | undefined };

export type Preparation = {
  order: VagrantOrder;
  /** Folder of the unpacked box. */
  boxFolder: string;
  /** Image of the seed disk, if the seed goes on one. It is deleted once it is in the hypervisor's hands. */
  seedDisk: string | undefined;
  /** File of the user data, if the seed goes in them. It is deleted when `vagrant up` has ended. */
  userData: string | undefined;
  /** Where the output of commands is kept. */
  log: string;
};

/**
 * What the Vagrant driver asks of the software under Vagrant: Vagrant's own files know only what Vagrant itself has made,
 * and not what became of it.
 */
export type Hypervisor = {
  /** How a VM of a prepared box gets its seed. One of another box gets it over SSH; where there are user data, there is no such box. */
  seedBy: SeedWay;
  /** All that is there of our machines, in any state. Throws if it could not ask. */
  survey(signal: AbortSignal): Promise<Map<MachineName, Found>>;
  /** Readies all that `vagrant up` takes as given, and answers what the order says about the provider. */
  prepare(preparation: Preparation, signal: AbortSignal): Promise<unknown>;
  /** How to end a `vagrant up` whose machine is to be removed: by force where `remove` finds all that it has made. */
  endsBuildsWith: "SIGINT" | "SIGKILL";
  /** Removes the VM and its disks. Removing what is not there succeeds. Nothing else works on the machine meanwhile. */
  remove(machine: ToRemove, signal: AbortSignal): Promise<void>;
  /** What is missing on this host, in sentences. */
  check(signal: AbortSignal): Promise<string[]>;
};

/**
 * Vagrant's index of machines only grows where machines are not removed by Vagrant, and each Vagrant reads all of it.
 * Without it nothing is missing: it is made anew.
 */
export const forgetIndex = (vagrantHome: string): Promise<void> =>
  rm(join(vagrantHome, "data", "machine-index", "index"), { force: true });
