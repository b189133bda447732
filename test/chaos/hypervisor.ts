import { execFile } from "node:child_process";
import { mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseStat, statOf, vmStateOf } from "../../src/drivers/processes.ts";

const run = promisify(execFile);

/** The software that runs the VMs, asked and harmed behind Mayfly's back. */
export type Hypervisor = {
  /** libvirt's pool for the disks. */
  storage?: string | undefined;
  /** Names of our VMs that are there. */
  names: () => Promise<string[]>;
  /** Pulls a VM's plug. */
  kill: (name: string) => Promise<void>;
  /** Stops what runs the VMs; answers how to start it again. None: there is nothing to stop. */
  stop?: (() => Promise<() => Promise<void>>) | undefined;
  /** Fills the disk; answers how to make room again. None: there is no disk of our own. */
  fill?: (() => Promise<() => Promise<void>>) | undefined;
  /** VMs, disks and networks of others: the same before and after. */
  others: () => Promise<string[]>;
  close: () => Promise<void>;
};

/** The base box takes 206 MB of it, and each VM some tens. */
const STORAGE_MIB = 600;
const LIBVIRT = join(import.meta.dirname, "../rig/libvirt");

/** This machine's libvirt, with a small pool of our own, and with things of others that are named much like ours. */
export async function libvirtVms(folder: string, controller: string): Promise<Hypervisor> {
  const storage = `mayfly-chaos-${controller}`;
  const disk = join(folder, "storage");
  await mkdir(disk, { mode: 0o711 });
  await run("mount", ["-t", "tmpfs", "-o", `size=${STORAGE_MIB}m,mode=0711`, "mayfly-chaos", disk]);
  await virsh("pool-define-as", storage, "dir", "--target", disk);
  await virsh("pool-start", storage);
  const removeForeign = await plantForeign(controller, storage, folder);
  const isOurs = (name: string) => name.startsWith(`mayfly-${controller}-`);
  return {
    storage,
    names: async () => (await virsh("list", "--all", "--name")).filter(isOurs),
    kill: async (name) => void (await virsh("destroy", name)),
    stop: async () => {
      await run(join(LIBVIRT, "stop"));
      return async () => void (await run(join(LIBVIRT, "start")));
    },
    fill: () => fill(join(disk, "filler")),
    others: async () => {
      const networks = await virsh("net-list", "--all", "--name");
      const things = [...(await virsh("list", "--all", "--name")), ...(await virsh("vol-list", storage))];
      return [...networks, ...things.filter((name) => !isOurs(name) && !isBase(name))].sort();
    },
    close: async () => {
      await removeForeign();
      await virsh("pool-destroy", storage);
      await virsh("pool-undefine", storage);
      await run("umount", [disk]);
    },
  };
}

const isBase = (volume: string): boolean => volume.includes("_vagrant_box_image_");

/** The first word of each line that it printed. */
async function virsh(...args: string[]): Promise<string[]> {
  const { stdout } = await run("virsh", ["-c", "qemu:///system", "-q", ...args]);
  return stdout.split("\n").flatMap((line) => line.trim().split(/\s+/)[0] || []);
}

/** A VM and a disk each of two controllers with similar names. Answers how to remove them. */
async function plantForeign(
  controller: string,
  storage: string,
  folder: string,
): Promise<() => Promise<void>> {
  const names = [`mayfly-${controller}x-linux-a2b3c4d5`, `mayfly-x${controller}-linux-a2b3c4d5`];
  for (const name of names) {
    const file = join(folder, `${name}.xml`);
    await writeFile(
      file,
      `<domain type='qemu'><name>${name}</name><memory>1024</memory><os><type>hvm</type></os></domain>`,
    );
    await virsh("define", file);
    await virsh("vol-create-as", storage, `${name}.img`, "64K", "--format", "raw");
  }
  return async () => {
    for (const name of names) await virsh("undefine", name);
  };
}

/** Takes all the room that is left. */
async function fill(file: string): Promise<() => Promise<void>> {
  const handle = await open(file, "w");
  const some = Buffer.alloc(1024 * 1024, 1);
  try {
    for (;;) await handle.write(some);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  } finally {
    await handle.close();
  }
  return () => rm(file);
}

/** The processes of the driver `fake`. */
export function fakeVms(data: string): Hypervisor {
  const machines = join(data, "hosts/lab1/machines");
  const leaderOf = async (entry: string) => {
    const record = await readFile(join(machines, entry, "process"), "utf8").catch(() => undefined);
    const then = record === undefined ? undefined : parseStat(record);
    const now = then && (await statOf(then.pid));
    return now && now.startTicks === then.startTicks && vmStateOf(now.state) === "up" ? now.pid : undefined;
  };
  return {
    names: async () => {
      const entries = await readdir(machines).catch(() => []);
      const found = await Promise.all(
        entries.map(async (entry) => ((await leaderOf(entry)) === undefined ? [] : [entry])),
      );
      return found.flat().map((entry) => entry.replace(".leaving", ""));
    },
    kill: async (name) => {
      const pid = await leaderOf(name);
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    },
    others: async () => [],
    close: async () => undefined,
  };
}
