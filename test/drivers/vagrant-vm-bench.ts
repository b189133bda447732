import { appendFile, chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { systemClock } from "../../src/clock.ts";
import type { Box, Host, Image } from "../../src/core/types.ts";
import { vagrantDriver } from "../../src/drivers/vagrant.ts";
import type { Driver, StartOrder } from "../../src/ports.ts";
import type { BuiltBox } from "../rig/box/build-box.ts";
import { keptLog } from "../support/log.ts";

/** What a bench is made from. JSON can hold it: another process opens the same one. */
export type VmOptions = {
  root: string;
  controller: string;
  image: Partial<Image>;
  /** Where the guest listener would be. */
  guestUrl: string;
  /** PEM. */
  ca: string;
  /** Mayfly's own folder, if it is not this one. */
  project?: string | undefined;
  runnerMirror?: string | undefined;
};

/** The Vagrant driver over this machine's own libvirt. */
export type VmBench = {
  driver: Driver;
  folder: string;
  order: (name: string) => StartOrder;
  /** All that libvirt and the disk hold of the controller's machines. */
  leftovers: () => Promise<string[]>;
  /** Removes all that is left, and the bench's folder. */
  close: () => Promise<void>;
};

/** A folder that QEMU's user may pass through. */
export async function newRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "mayfly-vm-"));
  await chmod(root, 0o711);
  return root;
}

export async function openBench(options: VmOptions): Promise<VmBench> {
  const { root, controller, guestUrl, runnerMirror } = options;
  const folder = join(root, "host");
  const project = options.project ?? join(import.meta.dirname, "../..");
  const host = { ...HOST, guestUrl };
  const more = { images: [], log: keptLog().log, ring: () => {}, clock: systemClock };
  const driver = vagrantDriver({ host, controller, folder, project, runnerMirror, ...more });
  return {
    driver,
    folder,
    order: (name) => ({
      name,
      repo: "octo/spinw",
      host,
      image: { ...IMAGE, ...options.image },
      seed: { machine: name, url: guestUrl, ca: options.ca, token: `token-of-${name}`, lifeSeconds: 1800 },
    }),
    leftovers: () => leftovers(folder, controller),
    close: async () => {
      const soon = AbortSignal.timeout(120_000);
      for (const { name } of await driver.list(soon)) await driver.destroy(name, soon);
      await driver.close();
      await removeBoxVolumes(folder);
      await rm(root, { recursive: true, force: true });
    },
  };
}

export const virsh = async (...args: string[]): Promise<string> =>
  (await execa("virsh", ["-c", "qemu:///system", "-q", ...args])).stdout;

async function leftovers(folder: string, controller: string): Promise<string[]> {
  const domains = (await virsh("list", "--all", "--name")).split("\n");
  const volumes = (await virsh("vol-list", "default")).split("\n");
  const ours = [...domains, ...volumes].filter((line) => line.includes(`mayfly-${controller}-`));
  return [...ours.map((line) => line.trim()), ...(await readdir(join(folder, "machines")).catch(() => []))];
}

/** A copy of a box with a volume of its own, for tests that damage it. Made in `folder`. */
export async function copyBox({ file, name }: BuiltBox, folder: string): Promise<Box> {
  const [inside, copy] = [join(folder, "copy"), join(folder, "copy.box")];
  await mkdir(inside);
  await execa("tar", ["-xzf", file, "-C", inside]);
  await appendFile(join(inside, "Vagrantfile"), `# a copy, ${folder}\n`);
  await execa("tar", ["-C", inside, "-cf", copy, "."]);
  return { name: `${name}-copy`, file: copy };
}

/** The volumes of this bench's boxes that nobody else has. */
async function removeBoxVolumes(folder: string): Promise<void> {
  const boxes = await readdir(join(folder, "vagrant/boxes")).catch(() => []);
  for (const box of boxes.filter((name) => /-(broken|built|copy)$/.test(name))) {
    const lines = (await virsh("vol-list", "default")).split("\n");
    for (const line of lines.filter((each) => each.includes(box)))
      await virsh("vol-delete", "--pool", "default", line.trim().split(/\s+/)[0] ?? "");
  }
}

const HOST: Host = {
  name: "here",
  driver: "vagrant",
  provider: "libvirt",
  hypervisor: "qemu",
  machines: 2,
  starting: 2,
  guestUrl: "",
};

const IMAGE: Image = {
  name: "tiny",
  os: "linux",
  arch: "x64",
  labels: ["tiny"],
  box: { name: "none" },
  prepared: true,
  cpus: 1,
  memoryMiB: 512,
  hosts: ["here"],
  machines: 2,
  limits: { bootMs: 300_000, jobMs: 600_000, idleMs: 60_000 },
};
