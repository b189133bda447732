import { randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { SetupError } from "../ports.ts";

const KEY = /^[0-9a-f]{64}$/;

/** The key that cookies are signed with, made at the first start. Throws `SetupError` when the file holds something else. */
export async function openKey(file: string): Promise<string> {
  const kept = await readKey(file);
  if (kept === undefined) return await makeKey(file);
  if (KEY.test(kept)) return kept;
  throw new SetupError(
    `${file} is not the key that cookies are signed with. Delete it: another is made, and everybody has to sign in again.`,
  );
}

async function readKey(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** NB: renamed into its place, so that a kill in between leaves no half of a key. */
async function makeKey(file: string): Promise<string> {
  const key = randomBytes(32).toString("hex");
  await writeFile(`${file}.new`, `${key}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return key;
}
