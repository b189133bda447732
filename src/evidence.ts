import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "./core/types.ts";

/** Folder of what is known of machines that failed: one folder each, kept for a number of days. */
export type Evidence = {
  /** Writes the files into the machine's folder (mode 700), and answers the last lines of the most telling one. */
  keep: (machine: Machine, files: Record<string, string>) => Promise<string>;
  /** Deletes what is older than `before` (epoch milliseconds). */
  prune: (before: number) => Promise<void>;
};

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
      const story = { ...files, "machine.json": `${JSON.stringify(machine, undefined, 2)}\n` };
      for (const [name, text] of Object.entries(story)) {
        await writeFile(join(home, name), text, { mode: 0o600 });
      }
      return tailOf(files);
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
