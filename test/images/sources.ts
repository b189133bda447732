import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";

export const PROJECT = resolve(import.meta.dirname, "../..");

/** The files of this repository whose path ends so, as git knows them or would know them. */
export async function sourcesOf(end: string): Promise<string[]> {
  const { stdout } = await execa(
    "git",
    ["ls-files", "--cached", "--others", "--exclude-standard", `*${end}`],
    { cwd: PROJECT },
  );
  return stdout.split("\n").filter(Boolean);
}

export const readSource = (file: string): Promise<string> => readFile(join(PROJECT, file), "utf8");
