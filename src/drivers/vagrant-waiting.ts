import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../ports.ts";
import { ifThere } from "./files.ts";
import { type Child, signalGroup, spawnChild } from "./vagrant-child.ts";
import { type MachineFolders, readRun } from "./vagrant-folder.ts";

/** A `vagrant up` that has no order yet, the folder where it will keep what it knows of its VM, and the file it writes to. */
export type Waiting = Child & { dotFolder: string; log: string };

/** Vagrants that wait for an order. */
export type WaitingVagrants = {
  /** One that waits: the spare one if it is there, else a new one. It is the caller's from then on. */
  take: () => Promise<Waiting>;
  close: () => Promise<void>;
};

export type WaitingParts = {
  /** Arguments and environment of `vagrant`. */
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Folder of the folders where each keeps what it knows. */
  dotFolders: string;
  machines: MachineFolders;
  clock: Clock;
  log: Logger;
};

/** Ruby's start would take the CPU from a VM that boots: the next spare one is started when that is over. */
const SPARE_AFTER_MS = 20_000;

/**
 * Keeps one Vagrant started, loaded and waiting: Ruby's start and Vagrant's are half of the time from an order to a running VM.
 * It costs 60 MB of memory and no CPU. If we die, its input ends, and so does it.
 */
export function waitingVagrants(parts: WaitingParts): WaitingVagrants {
  const { clock, log } = parts;
  const closing = new AbortController();
  const swept = sweep(parts).catch((err: unknown) => log.warn({ err }, "old folders of Vagrant stay"));
  let spare: Waiting | undefined;
  let later = new AbortController();
  let keeping = Promise.resolve();

  async function spawn(): Promise<Waiting> {
    await swept;
    const dotFolder = join(parts.dotFolders, randomUUID());
    const file = join(dotFolder, "vagrant.log");
    await mkdir(dotFolder, { recursive: true, mode: 0o700 });
    const env = { ...parts.env, VAGRANT_DOTFILE_PATH: dotFolder, MAYFLY_MACHINE: "-" };
    return { ...(await spawnChild({ args: parts.args, env, log: file })), dotFolder, log: file };
  }

  async function keepSpare(signal: AbortSignal): Promise<void> {
    await clock.until(clock.now() + SPARE_AFTER_MS, signal);
    if (signal.aborted || spare) return;
    const made = await spawn();
    spare = made;
    // NB: one that ends by itself, as Vagrant is not there or broken, is not replaced before the next order.
    void made.ended.then(() => {
      if (spare === made) spare = undefined;
    });
  }

  function planSpare(): void {
    later.abort();
    later = new AbortController();
    const signal = AbortSignal.any([later.signal, closing.signal]);
    keeping = Promise.all([keeping, keepSpare(signal)])
      .then(() => undefined)
      .catch((err: unknown) => log.warn({ err }, "no spare Vagrant could be started"));
  }

  planSpare();
  return {
    take: async () => {
      const taken = spare;
      spare = undefined;
      planSpare();
      return taken ?? (await spawn());
    },
    close: async () => {
      closing.abort();
      await keeping;
      if (spare) await discard(spare);
    },
  };
}

async function discard({ record, ended, dotFolder }: Waiting): Promise<void> {
  signalGroup(record, "SIGKILL");
  await ended;
  await rm(dotFolder, { recursive: true, force: true });
}

/** Removes what Vagrants kept that had no machine when their controller was killed. */
async function sweep({ machines, dotFolders }: WaitingParts): Promise<void> {
  const runs = await Promise.all((await machines.names()).map((name) => readRun(machines.of(name))));
  const used = new Set(runs.map((run) => run?.dotFolder));
  for (const entry of (await ifThere(readdir(dotFolders))) ?? []) {
    const folder = join(dotFolders, entry);
    if (!used.has(folder)) await rm(folder, { recursive: true, force: true });
  }
}
