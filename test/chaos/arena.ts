import { globSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clock } from "../../src/core/markdown.ts";
import { buildBox } from "../rig/box/build-box.ts";
import type { Times } from "../rig/github/model.ts";
import { type LogEntry, type Site, startSite } from "../rig/site.ts";
import { type Random, random } from "../simulation/random.ts";
import { fakeVms, type Hypervisor, libvirtVms } from "./hypervisor.ts";
import type { Options } from "./options.ts";

/** Where it all happens: a site, the software under it, and what is known of the run so far. */
export type Arena = {
  options: Options;
  random: Random;
  site: Site;
  vms: Hypervisor;
  folder: string;
  /** Most VMs at a time. */
  limit: number;
  tell: (text: string) => void;
  /** Counts of what was done, by what it is called in the table. */
  did: Map<string, number>;
  /** What must never be, and was. */
  violations: string[];
  /** Machines whose VM we destroyed, or whose disk we took away. */
  harmed: Set<string>;
  /** By machine: how often its VM was ordered. */
  orders: Map<string, number>;
  /** Hears each line that the controller logs. */
  listeners: Set<(entry: LogEntry) => void>;
  /** Steps the controller's clock to so many seconds from the true time. */
  stepClock: (seconds: number) => Promise<void>;
  close: () => Promise<void>;
};

const LIMIT = 2;
/** GitHub gives up a job whose runner fell silent after ten minutes, as far as is known. So long nobody wants to wait here. */
const TIMES: Partial<Times> = { busySilentMs: 40_000 };

export async function openArena(options: Options): Promise<Arena> {
  const { driver, seed } = options;
  const startedAt = Date.now();
  const tell = (text: string) => console.log(`${clock(Date.now() - startedAt).padStart(5)}  ${text}`);
  const folder = await mkdtemp(join(tmpdir(), "mayfly-chaos-"));
  // QEMU opens a box's kernel in it, under a user of its own.
  await chmod(folder, 0o711);
  const controller = `chaos${(seed % 10_000).toString(36)}`;
  const box = driver === "vagrant" ? await buildBox("tiny", tell) : undefined;
  const vms = driver === "vagrant" ? await libvirtVms(folder, controller) : fakeVms(join(folder, "data"));
  const faked = await fakedTime(folder);
  const listeners: Arena["listeners"] = new Set();
  const onLog = (entry: LogEntry) => {
    for (const listener of listeners) listener(entry);
  };
  const site = await startSite({
    ...{ driver, folder, controller, machines: LIMIT, box, storage: vms.storage, times: TIMES, onLog },
    env: faked.env,
    relay: true,
  }).catch(async (error: unknown) => {
    await vms.close();
    throw error;
  });
  const arena: Arena = {
    ...{ options, site, vms, folder, tell, listeners, limit: LIMIT, stepClock: faked.step },
    random: random(seed),
    did: new Map(),
    violations: [],
    harmed: new Set(),
    orders: new Map(),
    close: async () => {
      await site.close();
      await vms.close();
    },
  };
  listeners.add((entry) => note(arena, entry));
  return arena;
}

export function count({ did }: Arena, what: string, times = 1): void {
  did.set(what, (did.get(what) ?? 0) + times);
}

export const removeArena = ({ folder }: Arena): Promise<void> => rm(folder, { recursive: true, force: true });

function note(arena: Arena, { msg, step, machine }: LogEntry): void {
  if (msg !== "step done" || step !== "start") return;
  const name = String(machine);
  const times = (arena.orders.get(name) ?? 0) + 1;
  arena.orders.set(name, times);
  if (times > 1) arena.violations.push(`${name} was ordered ${times} times`);
}

type FakedTime = { env: Record<string, string>; step: (seconds: number) => Promise<void> };

/**
 * A clock for the controller alone, by Debian's package libfaketime. See: its README, FAKETIME_TIMESTAMP_FILE.
 * NB: the time that runs on (monotonic) is left as it is, as it is when a real clock is stepped. What the controller starts has a
 * clean environment, and so the true time.
 */
async function fakedTime(folder: string): Promise<FakedTime> {
  const [library] = globSync("/usr/lib/*/faketime/libfaketimeMT.so.1");
  if (library === undefined) throw new Error("libfaketime is not there: apt-get install libfaketime");
  const file = join(folder, "faketime");
  const step = (seconds: number) => writeFile(file, `${seconds < 0 ? "" : "+"}${seconds}\n`);
  await step(0);
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    },
    step,
  };
}
