import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import type { Host, Image } from "../../src/core/types.ts";
import { processesOf } from "../../src/drivers/processes.ts";
import { vagrantDriver } from "../../src/drivers/vagrant.ts";
import type { Clock, StartOrder } from "../../src/ports.ts";
import { keptLog } from "../support/log.ts";
import type { Bench } from "./contract.ts";

export type VagrantOptions = { root: string };

export type VagrantBench = Bench & {
  /** Where the driver keeps its things. */
  folder: string;
  /** What the stand-ins for virsh and Vagrant keep; see stubs/. */
  state: string;
  /** An order for a box that the stand-in for Vagrant knows. */
  orderOf: (name: string, box: string, image?: Partial<Image>) => StartOrder;
};

const STUBS = join(import.meta.dirname, "stubs");
const PROJECT = join(import.meta.dirname, "../..");

export async function freshHost(): Promise<VagrantOptions> {
  const root = await mkdtemp(join(tmpdir(), "mayfly-vagrant-"));
  await chmod(root, 0o711);
  for (const folder of ["bin", "state/domains", "state/volumes", "state/vbox", "state/other"])
    await mkdir(join(root, folder), { recursive: true });
  for (const stub of await readdir(STUBS)) await copyFile(join(STUBS, stub), join(root, "bin", stub));
  await writeFile(join(root, "stub.box"), boxImage());
  return { root };
}

/** The header of a qcow2 image of 2 GiB, and something to upload. */
function boxImage(): Buffer {
  const image = Buffer.alloc(4096, 7);
  image.writeBigUInt64BE(2n ** 31n, 24);
  return image;
}

/** The Vagrant driver over stand-ins for Vagrant and virsh, which are first on the PATH as long as the bench is open. */
export async function openBench(
  { root }: VagrantOptions,
  parts: { clock?: Clock; host?: Partial<Host> } = {},
): Promise<VagrantBench> {
  const [bin, folder, state] = [join(root, "bin"), join(root, "host"), join(root, "state")];
  process.env.PATH = `${bin}${delimiter}${process.env.PATH}`;
  const kept = keptLog();
  const host = { ...HOST, ...parts.host };
  const { clock = systemClock } = parts;
  const place = { host, images: [], controller: "test", folder, project: PROJECT };
  const driver = vagrantDriver({ ...place, log: kept.log, ring: () => {}, clock });
  const orderOf = (name: string, box: string, image?: Partial<Image>): StartOrder => ({
    name,
    repo: "octo/spinw",
    host,
    image: { ...IMAGE, box: { name: `mayfly/${box}`, file: join(root, "stub.box") }, ...image },
    seed: { machine: name, url: host.guestUrl, ca: "", token: `token-of-${name}`, lifeSeconds: 600 },
  });
  return {
    ...{ driver, folder, state, orderOf },
    controller: "test",
    order: (name, boot = "quick") => orderOf(name, boot === "slow" ? "stub-slow" : "stub"),
    logged: kept.text,
    leftovers: (name) => leftovers(root, name),
    plantVm: async (name) => {
      const file = join(state, "domains", name);
      await writeFile(file, "1 1\n");
      return async () => (await readFile(file, "utf8")) === "1 1\n";
    },
    cutOff: () => writeFile(join(state, "down"), ""),
    consoleText: "the stub VM is up",
    close: async () => {
      await driver.close();
      for (const pid of await strays(root)) killIfThere(pid);
      process.env.PATH = process.env.PATH?.replace(`${bin}${delimiter}`, "");
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Processes of Vagrants, also of those whose controller was killed. */
export const strays = (root: string): Promise<number[]> =>
  processesOf(`VAGRANT_HOME=${join(root, "host/vagrant")}`, undefined);

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

async function leftovers(root: string, name: string): Promise<string[]> {
  const of = async (folder: string, what: string) =>
    (await entries(join(root, folder)))
      .filter((entry) => entry.startsWith(name))
      .map((entry) => `${what} ${entry}`);
  return [
    ...(await of("state/domains", "domain")),
    ...(await of("state/volumes", "volume")),
    ...(await of("host/machines", "folder")),
    ...(await strays(root)).map((pid) => `process ${pid}`),
    ...(await nobodysDots(root)).map((dot) => `Vagrant's folder ${dot}`),
  ];
}

/** Folders of Vagrants that no machine knows. */
async function nobodysDots(root: string): Promise<string[]> {
  const machines = await entries(join(root, "host/machines"));
  const runs = await Promise.all(
    machines.map((name) => readFile(join(root, "host/machines", name, "run.json"), "utf8").catch(() => "")),
  );
  return (await entries(join(root, "host/dot"))).filter((dot) => !runs.join().includes(dot));
}

const entries = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

const HOST: Host = {
  name: "here",
  driver: "vagrant",
  provider: "libvirt",
  hypervisor: "qemu",
  machines: 4,
  starting: 2,
  guestUrl: "https://10.77.0.1:1",
};

const IMAGE: Image = {
  name: "image",
  os: "linux",
  arch: "x64",
  labels: ["image"],
  box: { name: "mayfly/stub" },
  prepared: true,
  cpus: 1,
  memoryMiB: 128,
  hosts: ["here"],
  machines: 4,
  limits: { bootMs: 60_000, jobMs: 60_000, idleMs: 60_000 },
};
