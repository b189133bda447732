import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { MachineName } from "../core/types.ts";
import type { Seed } from "../ports.ts";
import { ifThere } from "./files.ts";
import { seedText } from "./seed.ts";
import type { ChildRecord } from "./vagrant-child.ts";
import { seedDisk } from "./vagrant-order.ts";

const RUN = z.object({ pid: z.number(), started: z.string(), dotFolder: z.string() });
const END = z.object({ isOk: z.boolean(), text: z.string() });

/** The `vagrant up` of a machine, and the folder where it keeps what it knows of its VM. */
export type RunRecord = ChildRecord & { dotFolder: string };
/** How it ended. */
export type EndRecord = z.infer<typeof END>;

/** What the driver keeps of a machine on disk: enough for the next controller to list and to destroy it. */
export type MachineFolder = {
  path: string;
  order: string;
  console: string;
  log: string;
  seedDisk: string;
  userData: string;
  upload: string;
};

/** The folders of a host's machines. */
export type MachineFolders = {
  names: () => Promise<MachineName[]>;
  of: (name: MachineName) => MachineFolder;
  /** Throws if there is one of that name. */
  create: (name: MachineName) => Promise<MachineFolder>;
  remove: (name: MachineName) => Promise<void>;
};

export function machineFolders(root: string): MachineFolders {
  const of = (name: MachineName): MachineFolder => {
    const path = join(root, name);
    return {
      path,
      order: join(path, "order.json"),
      console: join(path, "console.log"),
      log: join(path, "vagrant.log"),
      seedDisk: join(path, "seed.img"),
      userData: join(path, "user-data"),
      upload: join(path, "upload"),
    };
  };
  return {
    names: async () => (await ifThere(readdir(root))) ?? [],
    of,
    create: async (name) => {
      await mkdir(root, { recursive: true, mode: 0o700 });
      await mkdir(join(root, name), { mode: 0o700 });
      return of(name);
    },
    remove: (name) => rm(join(root, name), { recursive: true, force: true }),
  };
}

export const writeRun = (folder: MachineFolder, record: RunRecord): Promise<void> =>
  replaceFile(join(folder.path, "run.json"), JSON.stringify(record));

export const readRun = (folder: MachineFolder): Promise<RunRecord | undefined> =>
  readRecord(join(folder.path, "run.json"), RUN);

export const writeEnd = (folder: MachineFolder, record: EndRecord): Promise<void> =>
  replaceFile(join(folder.path, "end.json"), JSON.stringify(record));

export const readEnd = (folder: MachineFolder): Promise<EndRecord | undefined> =>
  readRecord(join(folder.path, "end.json"), END);

export const writeSeedDisk = (folder: MachineFolder, seed: Seed): Promise<void> =>
  writeFile(folder.seedDisk, seedDisk(seed), { mode: 0o600 });

export const writeUserData = (folder: MachineFolder, seed: Seed): Promise<void> =>
  writeFile(folder.userData, seedText(seed), { mode: 0o600 });

/** Gathers what is copied into a VM over SSH: the seed, the guest program and the runner's version. */
export async function fillUpload(
  folder: MachineFolder,
  seed: Seed,
  guest: string,
  programs: readonly string[],
): Promise<void> {
  await mkdir(folder.upload, { mode: 0o700 });
  await writeFile(join(folder.upload, "seed.json"), JSON.stringify(seed), { mode: 0o600 });
  for (const program of programs)
    await cp(join(guest, program), join(folder.upload, program), { recursive: true });
  await cp(join(guest, "runner.lock.json"), join(folder.upload, "runner.lock.json"));
}

/** The seed has done its work: no copy of it stays with us. */
export async function dropSeed(folder: MachineFolder): Promise<void> {
  await rm(folder.upload, { recursive: true, force: true });
  for (const file of [folder.seedDisk, folder.userData]) await rm(file, { force: true });
}

async function readRecord<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await ifThere(readFile(path, "utf8"));
  // NB: a power cut may leave an empty file. No VM and no process has outlived it.
  return text === undefined || text === "" ? undefined : schema.parse(JSON.parse(text));
}

/** NB: whoever reads it while it is written gets the old record or the new one, never half of one. */
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
