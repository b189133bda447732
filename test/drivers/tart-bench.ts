import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import type { Host, Image } from "../../src/core/types.ts";
import { tartDriver } from "../../src/drivers/tart/driver.ts";
import type { StartOrder } from "../../src/ports.ts";
import { keptLog } from "../support/log.ts";
import type { Bench } from "./contract.ts";
import { endIfThere, endSshd, type Sshd, sshUser, startSshd } from "./mac/sshd.ts";

export type TartOptions = { root: string; sshd: Sshd };

export type TartBench = Bench & {
  host: Host;
  /** What the stand-in for tart keeps; see mac/tart. */
  tartHome: string;
  /** What mayfly-tart keeps. */
  state: string;
  /** An order for an image that the stand-in knows. */
  orderOf: (name: string, image: string) => StartOrder;
};

export const PROGRAM = join(import.meta.dirname, "../../macos/host/mayfly-tart");
export const TART = join(import.meta.dirname, "mac/tart");

/** What a VM may live on this Mac. That of IMAGE lives for 1920 s. */
export const MOST_LIFE_SECONDS = 7200;

/** A Mac: a real sshd, whose only key may run mayfly-tart, which calls the stand-in for tart. */
export async function freshHost(): Promise<TartOptions> {
  const root = await mkdtemp(join(tmpdir(), "mayfly-tart-"));
  for (const folder of ["tart/vms", "tart/images", "ssh"])
    await mkdir(join(root, folder), { recursive: true });
  const env = `TART_HOME=${join(root, "tart")} MAYFLY_TART=${TART} MAYFLY_STATE=${join(root, "state")}`;
  const words = `${env} ${PROGRAM} test ${MOST_LIFE_SECONDS} 192.168.64.1/32,10.1.2.0/24`;
  return { root, sshd: await startSshd(join(root, "ssh"), words) };
}

export async function openBench(
  { root, sshd }: TartOptions,
  parts: { host?: Partial<Host>; images?: readonly Image[] } = {},
): Promise<TartBench> {
  const [tartHome, state, ssh] = [join(root, "tart"), join(root, "state"), join(root, "ssh")];
  const kept = keptLog();
  const host: Host = {
    ...HOST,
    tart: {
      host: "127.0.0.1",
      port: sshd.port,
      user: sshUser(),
      key: join(ssh, "key"),
      knownHosts: join(ssh, "known_hosts"),
      allow: [],
    },
    ...parts.host,
  };
  const driver = tartDriver({
    ...{ host, images: parts.images ?? [], controller: "test", folder: root, log: kept.log },
    ...{ ring: () => {}, project: root, clock: systemClock },
  });
  const orderOf = (name: string, image: string): StartOrder => ({
    name,
    repo: "octo/spinw",
    host,
    image: { ...IMAGE, tartImage: { name: image } },
    seed: { machine: name, url: host.guestUrl, ca: "", token: `token-of-${name}`, lifeSeconds: 600 },
  });
  return {
    ...{ driver, host, tartHome, state, orderOf },
    controller: "test",
    order: (name, boot = "quick") => orderOf(name, boot === "slow" ? "stub-slow" : "stub"),
    logged: kept.text,
    leftovers: (name) => leftovers({ tartHome, state }, name),
    plantVm: async (name) => {
      const file = join(tartHome, "vms", name, "disk");
      await mkdir(join(tartHome, "vms", name));
      await writeFile(file, "precious");
      return async () => (await readFile(file, "utf8")) === "precious";
    },
    cutOff: () => endSshd(sshd),
    consoleText: "the stub VM is up",
    close: async () => {
      await driver.close();
      await endSshd(sshd);
      // NB: keepers first, or they would go on to their next step.
      for (const what of ["--keep test ", "tart "])
        for (const pid of await processesWith(what, root)) endIfThere(pid);
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** All that there is for a name: records, VMs, processes. */
async function leftovers(
  { tartHome, state }: Pick<TartBench, "tartHome" | "state">,
  name: string,
): Promise<string[]> {
  const of = async (folder: string, what: string) =>
    (await entries(folder)).filter((entry) => entry.startsWith(name)).map((entry) => `${what} ${entry}`);
  return [
    ...(await of(join(tartHome, "vms"), "VM")),
    ...(await of(join(state, "test"), "record")),
    ...(await processesWith(name)).map((pid) => `process ${pid}`),
  ];
}

/** Processes of the Mac whose command line has the text; those of this test that wait for an answer are none of them. */
export async function processesWith(text: string, environment = ""): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
      const line = (await read("cmdline")).replaceAll("\0", " ");
      if (!line.includes(text) || line.startsWith("ssh ") || line.includes("first-controller")) return [];
      return environment === "" || (await read("environ")).includes(environment) ? [pid] : [];
    }),
  );
  return found.flat();
}

export const entries = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

const HOST: Host = {
  name: "mini",
  driver: "tart",
  provider: "libvirt",
  hypervisor: "kvm",
  machines: 2,
  starting: 2,
  guestUrl: "https://192.168.64.1:8443",
};

export const IMAGE: Image = {
  name: "image",
  os: "macos",
  arch: "arm64",
  labels: ["image"],
  tartImage: { name: "stub" },
  prepared: true,
  cpus: 4,
  memoryMiB: 8192,
  hosts: ["mini"],
  machines: 2,
  limits: { bootMs: 60_000, jobMs: 60_000, idleMs: 60_000 },
};
