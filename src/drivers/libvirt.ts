import { rm } from "node:fs/promises";
import type { MachineName } from "../core/types.ts";
import { baseVolumes } from "./libvirt-base.ts";
import { checkLibvirt } from "./libvirt-check.ts";
import { type Survey, survey } from "./libvirt-survey.ts";
import { LIBVIRT, poolOf, quote, virsh } from "./libvirt-virsh.ts";
import {
  forgetIndex,
  type Hypervisor,
  type HypervisorParts,
  type Preparation,
} from "./vagrant-hypervisor.ts";

/** NB: what vagrant-libvirt itself calls a raw disk vdz that it was given no name for. A volume of that name is taken as it is. */
const SEED_VOLUME = "-vdz.raw";
const SEED_DISK_BYTES = 64 * 1024;
/** A call of Vagrant's may still be at work in libvirtd when Vagrant itself has been ended: what it makes is found by the next round. */
const ROUNDS = 3;

/**
 * libvirt with QEMU, asked and told through `virsh`.
 * NB: machines are removed here and not by `vagrant destroy`. That takes Ruby's start and more (3 s against a fifth of one),
 * refuses while another Vagrant works on the machine, and cannot remove one whose folder is lost.
 */
export function libvirt(parts: HypervisorParts): Hypervisor {
  const { host, controller, vagrantHome, clock } = parts;
  const pool = poolOf(host);
  const base = baseVolumes(pool, clock);

  return {
    seedBy: "disk",
    endsBuildsWith: "SIGKILL",
    survey: async (signal) => (await survey(controller, pool, signal)).found,
    prepare: async (preparation, signal) => {
      // NB: settled, so that nothing is at work on the pool any more when a failure is told.
      const made = await Promise.allSettled([
        base.ready(preparation, signal),
        uploadSeed(preparation, pool, signal),
      ]);
      for (const one of made) if (one.status === "rejected") throw one.reason;
      const seedDisk = preparation.seedDisk !== undefined;
      return { ...LIBVIRT, pool, hypervisor: host.hypervisor, seedDisk };
    },
    remove: async ({ name }, signal) => {
      let left = await survey(controller, pool, signal);
      for (let round = 0; left.found.has(name) && round < ROUNDS; round++) {
        await removeOnce(name, pool, left, signal);
        left = await survey(controller, pool, signal);
      }
      const rest = left.found.get(name);
      if (rest) throw new Error(`the ${rest.kind} of ${name} cannot be removed: ${rest.text ?? rest.state}`);
      await forgetIndex(vagrantHome);
    },
    check: (signal) => checkLibvirt(host, vagrantHome, signal),
  };
}

async function removeOnce(name: MachineName, pool: string, left: Survey, signal: AbortSignal): Promise<void> {
  if (left.found.get(name)?.kind === "vm") {
    // NB: `destroy` fails if the VM is off already; that is no matter.
    await virsh([`destroy ${name}; undefine ${name} --managed-save --snapshots-metadata --nvram`], {
      signal,
    });
  }
  for (const volume of left.volumes.get(name) ?? []) {
    await virsh(["vol-delete", "--pool", pool, volume], { signal });
  }
}

/** Puts the seed's disk into the pool as a volume: libvirt then lets QEMU have it, whatever guards the host's files. */
async function uploadSeed(
  { seedDisk, order, log }: Preparation,
  pool: string,
  signal: AbortSignal,
): Promise<void> {
  if (seedDisk === undefined) return;
  const volume = `${order.name}${SEED_VOLUME}`;
  const create = `vol-create-as ${pool} ${volume} ${SEED_DISK_BYTES} --format raw`;
  const upload = `vol-upload --pool ${pool} ${volume} ${quote(seedDisk)}`;
  await virsh([`${create}; ${upload}`], { signal, log });
  await rm(seedDisk);
}
