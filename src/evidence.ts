import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withLimit } from "./clock.ts";
import type { Machine, MachineName } from "./core/types.ts";
import type { Clock, Driver } from "./ports.ts";

/** Folder of what is known of machines that failed: one folder each, kept for a number of days. */
export type Evidence = {
  /** Writes the files into the machine's folder (mode 700), and answers the last lines of the most telling one. */
  keep: (machine: Machine, files: Record<string, string>) => Promise<string>;
  /** The files that were kept of a machine, but for its row; none if there are none. */
  read: (name: MachineName) => Promise<Record<string, string>>;
  /** Deletes what is older than `before` (epoch milliseconds). */
  prune: (before: number) => Promise<void>;
};

const ROW = "machine.json";
const TAIL_LINES = 60;
/** A check run's text holds 65,535 characters; the tail shares it with a few sentences. */
const TAIL_CHARACTERS = 16_000;
/** Guest first: it knows most. Then the VM's own words, then the driver's. */
const TELLING = ["guest.log", "console.log"];

export function evidence(folder: string): Evidence {
  return {
    keep: async (machine, files) => {
      const home = join(folder, machine.name);
      await mkdir(home, { recursive: true, mode: 0o700 });
      const story = { ...files, [ROW]: `${JSON.stringify(machine, undefined, 2)}\n` };
      for (const [name, text] of Object.entries(story)) {
        await writeFile(join(home, name), text, { mode: 0o600 });
      }
      return tailOf(files);
    },
    read: async (name) => {
      const home = join(folder, name);
      const names = await readdir(home).catch(noneIfMissing);
      const read = async (file: string) => [file, await readFile(join(home, file), "utf8")] as const;
      return Object.fromEntries(await Promise.all(names.filter((file) => file !== ROW).map(read)));
    },
    prune: async (before) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      for (const name of await readdir(folder)) {
        const { mtimeMs } = await stat(join(folder, name));
        if (mtimeMs < before) await rm(join(folder, name), { recursive: true, force: true });
      }
    },
  };
}

function noneIfMissing(error: unknown): string[] {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
  throw error;
}

/** How long a driver may take to read what its VM said. */
const DRIVER_LIMIT_MS = 10_000;

type FileParts = { drivers: ReadonlyMap<string, Driver>; kept: Pick<Evidence, "read">; clock: Clock };

/** Reads the logs of a machine: what its driver has of them now (`host`: where it lives), else what was kept. */
export function fileReader({ drivers, kept, clock }: FileParts) {
  return async ({
    name,
    host,
  }: {
    name: MachineName;
    host: string | undefined;
  }): Promise<Record<string, string>> => {
    const old = await kept.read(name);
    const driver = host === undefined ? undefined : drivers.get(host);
    if (!driver) return old;
    const now = await withLimit(clock, DRIVER_LIMIT_MS, (signal) => driver.evidence(name, signal)).catch(
      (error: unknown) => ({
        "driver.log": `The driver could not be asked: ${error instanceof Error ? error.message : String(error)}\n`,
      }),
    );
    return { ...old, ...now };
  };
}

/** The last lines of the most telling file that says anything. Control characters but tab and newline are left out. */
export function tailOf(files: Record<string, string>): string {
  const names = [...TELLING, ...Object.keys(files)];
  const text = names.map((name) => files[name]?.trim() ?? "").find((candidate) => candidate !== "");
  const lines = clean(text ?? "").split("\n");
  return lines.slice(-TAIL_LINES).join("\n").slice(-TAIL_CHARACTERS);
}

/** Terminal colours and other control sequences mean nothing in a check run. */
const clean = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, "").replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");
