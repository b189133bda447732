import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SYSTEMS, type System } from "../core/systems.ts";
import type { Host } from "../core/types.ts";
import { type Clock, type Seed, SetupError, type StartOrder } from "../ports.ts";
import { readTail } from "./files.ts";
import { slots } from "./slots.ts";
import type { Boxes } from "./vagrant-box.ts";
import { type Child, type Ending, GRACE_MS, signalGroup } from "./vagrant-child.ts";
import {
  dropSeed,
  fillUpload,
  type MachineFolder,
  writeRun,
  writeSeedDisk,
  writeUserData,
} from "./vagrant-folder.ts";
import type { Hypervisor, SeedWay } from "./vagrant-hypervisor.ts";
import { type Bootstrap, vagrantOrder } from "./vagrant-order.ts";
import { failure } from "./vagrant-said.ts";
import type { Waiting, WaitingVagrants } from "./vagrant-waiting.ts";

export type BuilderParts = {
  host: Host;
  hypervisor: Hypervisor;
  boxes: Boxes;
  vagrants: WaitingVagrants;
  clock: Clock;
  /** Mayfly's own folder, that holds `vagrant/` and `guest/`. */
  project: string;
  /** Where to get the runner from, instead of GitHub. */
  runnerMirror?: string | undefined;
};

/** Makes one VM. Resolves when Vagrant has done its part; throws why it has not. The signal's reason says how to end what runs. */
export type Builder = (order: StartOrder, folder: MachineFolder, signal: AbortSignal) => Promise<void>;

/** Reason of a signal that ends a build: how `vagrant up` is told. `none`: one that has its order goes on without us. */
export class Halt extends Error {
  override name = "Halt";
  readonly how: NodeJS.Signals | "none";
  constructor(how: NodeJS.Signals | "none") {
    super("the machine's building was called off");
    this.how = how;
  }
}

const BOOTSTRAPPED = "mayfly: the guest program was started";

export function builder(parts: BuilderParts): Builder {
  const { host, clock } = parts;
  const places = slots(host.starting);

  return async (order, folder, signal) => {
    const leave = await places.take(signal);
    try {
      await buildWith(await parts.vagrants.take(), order, {
        folder,
        limitMs: order.image.limits.bootMs,
        clock,
        signal,
      });
    } finally {
      leave();
    }
  };

  async function buildWith(child: Waiting, order: StartOrder, watch: Watch): Promise<void> {
    const { folder, signal } = watch;
    let hasOrder = false;
    try {
      await writeRun(folder, { ...child.record, dotFolder: child.dotFolder });
      await rename(child.log, folder.log);
      const text = await prepare(order, folder, parts, signal);
      signal.throwIfAborted();
      hasOrder = true;
      child.give(text);
      await finish(child, watch);
    } catch (error) {
      const how = signal.reason instanceof Halt ? signal.reason.how : "SIGKILL";
      // NB: it may still be about to read the seed.
      if (how === "none" && hasOrder) throw error;
      // NB: also after its own end, for what it has started may still be there.
      await halt(child, how === "none" ? "SIGKILL" : how, clock);
      await dropSeed(folder);
      throw error;
    }
    await dropSeed(folder);
  }
}

/** Readies the box, the disks and the seed while Ruby starts; answers what `vagrant up` waits for. */
async function prepare(
  order: StartOrder,
  folder: MachineFolder,
  parts: BuilderParts,
  signal: AbortSignal,
): Promise<string> {
  const { hypervisor, host } = parts;
  const { box: asked } = order.image;
  if (!asked) throw new SetupError(`The image ${order.image.name} has no box, which ${host.name} needs.`);
  const ready = await parts.boxes.ready(asked, { signal, log: folder.log });
  const box = { name: ready.name, version: ready.version };
  const way = order.image.prepared ? hypervisor.seedBy : "ssh";
  const system = SYSTEMS[order.image.os];
  const bootstrap = way === "ssh" ? bootstrapOf(order, system, folder, parts) : undefined;
  await WRITE_SEED[way](folder, order.seed, join(parts.project, "guest"), system.folders);
  const common = vagrantOrder(order, { box, console: folder.console, bootstrap });
  const seedDisk = way === "disk" ? folder.seedDisk : undefined;
  const userData = way === "user data" ? folder.userData : undefined;
  const settings = await hypervisor.prepare(
    { order: common, boxFolder: ready.folder, seedDisk, userData, log: folder.log },
    signal,
  );
  const text = JSON.stringify({ ...common, [host.provider]: settings });
  await writeFile(folder.order, text, { mode: 0o600 });
  return text;
}

type SeedWriter = (
  folder: MachineFolder,
  seed: Seed,
  guest: string,
  programs: readonly string[],
) => Promise<void>;

const WRITE_SEED: Record<SeedWay, SeedWriter> = {
  disk: writeSeedDisk,
  "user data": writeUserData,
  ssh: fillUpload,
};

function bootstrapOf(
  { image }: StartOrder,
  system: System,
  folder: MachineFolder,
  parts: BuilderParts,
): Bootstrap {
  if (parts.hypervisor.seedBy === "user data")
    throw new Error(
      `The box of image ${image.name} must hold the guest program (\`prepared: true\`): a VM on a cloud cannot be given it.`,
    );
  return {
    folder: folder.upload,
    to: system.upload,
    script: join(parts.project, "vagrant", system.bootstrap),
    shell: system.shell,
    env: parts.runnerMirror === undefined ? {} : { MAYFLY_RUNNER_MIRROR: parts.runnerMirror },
  };
}

type Watch = { folder: MachineFolder; limitMs: number; clock: Clock; signal: AbortSignal };

/** NB: Vagrant itself waits without bound, for an address for instance. */
async function finish(child: Child, { folder, limitMs, clock, signal }: Watch): Promise<void> {
  const ending = await endsWithin(child, limitMs, clock, signal);
  signal.throwIfAborted();
  if (ending === "late") {
    await halt(child, "SIGINT", clock);
    throw new Error(
      `vagrant up had not ended after ${limitMs / 1000} s. ${failure(await readTail(folder.log))}`,
    );
  }
  const said = await readTail(folder.log);
  // NB: a guest may be done, and its VM off, before Vagrant has said goodbye to it.
  if (ending.isOk || said.includes(BOOTSTRAPPED)) return;
  throw new Error(failure(said) || `vagrant up: ${ending.text}`);
}

async function halt(child: Child, how: NodeJS.Signals, clock: Clock): Promise<void> {
  signalGroup(child.record, how);
  const ending = how === "SIGKILL" ? undefined : await endsWithin(child, GRACE_MS, clock);
  if (ending === "late") signalGroup(child.record, "SIGKILL");
  await child.ended;
}

async function endsWithin(
  child: Child,
  limitMs: number,
  clock: Clock,
  signal?: AbortSignal,
): Promise<Ending | "late"> {
  const timer = new AbortController();
  const stop = signal ? AbortSignal.any([timer.signal, signal]) : timer.signal;
  const late = clock.until(clock.now() + limitMs, stop).then(() => "late" as const);
  try {
    return await Promise.race([child.ended, late]);
  } finally {
    timer.abort();
  }
}
