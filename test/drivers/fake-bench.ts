import { access, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import type { Host, Image } from "../../src/core/types.ts";
import { fakeDriver } from "../../src/drivers/fake.ts";
import { processesOf } from "../../src/drivers/processes.ts";
import type { StartOrder } from "../../src/ports.ts";
import { keptLog } from "../support/log.ts";
import type { Bench } from "./contract.ts";

export type FakeOptions = { root: string; command?: readonly string[] };

/** Says a word on the console, and stays. */
const COMMAND = ["sh", "-c", "echo the fake VM is up; exec sleep 600"];

export const freshHost = async (command: readonly string[] = COMMAND): Promise<FakeOptions> => ({
  root: await mkdtemp(join(tmpdir(), "mayfly-fake-")),
  command,
});

/** The driver `fake` over a folder of its own. */
export async function openBench({ root, command }: FakeOptions): Promise<Bench & { folder: string }> {
  const folder = join(root, "machines");
  const kept = keptLog();
  const host: Host = { ...HOST, command };
  const driver = fakeDriver({
    host,
    images: [],
    controller: "test",
    folder: root,
    log: kept.log,
    ring: () => {},
    project: root,
    clock: systemClock,
  });
  return {
    driver,
    controller: "test",
    folder,
    order: (name, boot = "quick") => anOrder(name, host, boot === "slow" ? "fake?bootMs=600000" : "fake"),
    logged: kept.text,
    leftovers: (name) => leftovers(folder, name),
    plantVm: async (name) => {
      const file = join(folder, name, "disk");
      await mkdir(join(folder, name));
      await writeFile(file, "precious");
      return () => exists(file);
    },
    cutOff: () => rename(folder, `${folder}.away`),
    consoleText: "the fake VM is up",
    close: async () => {
      await rename(`${folder}.away`, folder).catch(() => undefined);
      for (const { name } of await driver.list(AbortSignal.timeout(5000))) {
        await driver.destroy(name, AbortSignal.timeout(5000));
      }
      await driver.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function leftovers(folder: string, name: string): Promise<string[]> {
  const pids = await processesOf(`MAYFLY_SEED=${join(folder, name, "seed.json")}`, undefined);
  const left = pids.map((pid) => `process ${pid}`);
  for (const path of [join(folder, name), join(folder, `${name}.leaving`)]) {
    if (await exists(path)) left.push(path);
  }
  return left;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** An order for a machine of the box, with a token that nothing else holds. */
export function anOrder(name: string, host: Host, box: string): StartOrder {
  const token = `token-of-${name}`;
  return {
    name,
    repo: "octo/spinw",
    host,
    image: { ...IMAGE, box: { name: box } },
    seed: { machine: name, url: host.guestUrl, ca: "", token, lifeSeconds: 600 },
  };
}

const HOST: Host = {
  name: "here",
  driver: "fake",
  provider: "libvirt",
  hypervisor: "qemu",
  machines: 4,
  starting: 2,
  guestUrl: "https://127.0.0.1:1",
};

const IMAGE: Image = {
  name: "image",
  os: "linux",
  arch: "x64",
  labels: ["image"],
  box: { name: "fake" },
  prepared: true,
  cpus: 1,
  memoryMiB: 128,
  hosts: ["here"],
  machines: 4,
  limits: { bootMs: 60_000, jobMs: 60_000, idleMs: 60_000 },
};
