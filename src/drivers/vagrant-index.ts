import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseName } from "../core/name.ts";
import type { MachineName } from "../core/types.ts";
import type { Clock } from "../ports.ts";
import { CommandError, type Output, run } from "./exec.ts";
import { ifThere } from "./files.ts";
import type { Found, Hypervisor, HypervisorParts, ToRemove } from "./vagrant-hypervisor.ts";
import type { VagrantOrder } from "./vagrant-order.ts";

const STATUS_LIMIT_MS = 25_000;
const DESTROY_LIMIT_MS = 100_000;
/** `vagrant status` keeps a CPU busy for a second: a machine's last answer serves for so long. */
const STATUS_SERVES_MS = 20_000;
const LOCKED_TRIES = 5;
const LOCKED_WAIT_MS = 3000;

/**
 * Any other hypervisor, through Vagrant alone: its index says which machines it has made, and `vagrant status` how each is.
 * NB: a VM whose index entry and folder are both lost cannot be found this way.
 */
export function vagrantIndex(parts: HypervisorParts): Hypervisor {
  const { controller, clock, vagrantHome } = parts;
  const index = join(vagrantHome, "data", "machine-index", "index");
  const statuses = statusKeeper(parts);

  return {
    seedBy: "ssh",
    endsBuildsWith: "SIGINT",
    survey: async (signal) => {
      const found = new Map<MachineName, Found>();
      for (const entry of await readIndex(index)) {
        if (parseName(controller, entry.name) === "not ours") continue;
        const word = await statuses(entry, signal);
        if (word !== "not_created") found.set(entry.name, lookOf(word));
      }
      return found;
    },
    prepare: async () => ({}),
    remove: async (machine, signal) => {
      const entry = (await readIndex(index)).find(({ name }) => name === machine.name);
      const dotFolder = machine.dotFolder ?? entry?.local_data_path;
      if (dotFolder === undefined) return;
      const env = await environment(parts, { ...machine, dotFolder });
      await destroy(env, clock, signal);
    },
    check: async () => [],
  };
}

const INDEX = z.object({
  machines: z.record(z.string(), z.object({ name: z.string(), local_data_path: z.string() })),
});
type Entry = { name: string; local_data_path: string };

/** See: Vagrant, lib/vagrant/machine_index.rb. */
async function readIndex(path: string): Promise<Entry[]> {
  const text = await ifThere(readFile(path, "utf8"));
  return text === undefined ? [] : Object.values(INDEX.parse(JSON.parse(text)).machines);
}

function statusKeeper(parts: HypervisorParts): (entry: Entry, signal: AbortSignal) => Promise<string> {
  const known = new Map<string, { word: string; at: number }>();
  return async ({ name, local_data_path: dotFolder }, signal) => {
    const last = known.get(name);
    const now = parts.clock.now();
    if (last && now - last.at < STATUS_SERVES_MS) return last.word;
    const order = join(parts.machines, name, "order.json");
    const env = await environment(parts, { name, order, dotFolder });
    const { stdout } = await vagrant(["status", "--machine-readable"], env, signal);
    const word = /^\d+,[^,]*,state,(.+)$/m.exec(stdout)?.[1] ?? "";
    known.set(name, { word, at: now });
    return word;
  };
}

/** NB: every command reads the Vagrantfile, which wants an order. One that is lost is replaced by the least that will do. */
async function environment(
  parts: HypervisorParts,
  machine: ToRemove & { dotFolder: string },
): Promise<Record<string, string>> {
  let order = machine.order;
  if ((await ifThere(readFile(order))) === undefined) {
    order = join(machine.dotFolder, "order.json");
    await writeFile(order, JSON.stringify(leastOrder(machine.name)), { mode: 0o600 });
  }
  return {
    ...parts.env,
    VAGRANT_CWD: parts.vagrantfile,
    VAGRANT_DOTFILE_PATH: machine.dotFolder,
    MAYFLY_MACHINE: order,
  };
}

const leastOrder = (name: MachineName): VagrantOrder => ({
  name,
  ...{ guest: "linux", box: { name: "lost" }, cpus: 1, memoryMiB: 512, bootSeconds: 1, console: "/dev/null" },
});

async function destroy(env: Record<string, string>, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await vagrant(["destroy", "--force", "--machine-readable"], env, signal);
      return;
    } catch (error) {
      const isLocked = error instanceof CommandError && error.said.includes("MachineActionLocked");
      if (!isLocked || attempt === LOCKED_TRIES) throw error;
      await clock.until(clock.now() + LOCKED_WAIT_MS, signal);
    }
  }
}

const vagrant = (
  args: readonly string[],
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<Output> =>
  run(["vagrant", ...args], {
    signal,
    env,
    limitMs: args[0] === "destroy" ? DESTROY_LIMIT_MS : STATUS_LIMIT_MS,
  });

/** What the providers' plug-ins call the states of their VMs. */
const STATES: ReadonlyMap<string, Found["state"]> = new Map(
  Object.entries<Found["state"]>({
    preparing: "building",
    build: "building",
    starting: "building",
    running: "up",
    active: "up",
    stopped: "off",
    poweroff: "off",
    not_running: "off",
    shutoff: "off",
    suspended: "broken",
    saved: "broken",
    aborted: "broken",
    error: "broken",
  }),
);

const lookOf = (word: string): Found => ({
  kind: "vm",
  state: STATES.get(word) ?? "unknown",
  text: word === "running" ? undefined : `Vagrant: ${word}`,
});
