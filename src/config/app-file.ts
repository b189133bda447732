import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { KeptApp } from "../ports/app.ts";
import { SetupError } from "../ports.ts";

/** The App that `mayfly setup` made: its credentials, in a file that nobody but Mayfly's own user can read. */
export const appFileIn = (data: string): string => join(data, "github-app.json");

export const isAppKept = (file: string): boolean => existsSync(file);

const shape = z.object({
  appId: z.int().positive(),
  slug: z.string(),
  pageUrl: z.url(),
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
  webhookSecret: z.string().min(1).optional(),
  privateKey: z.string().min(1),
  relayUrl: z.url().optional(),
});

/** Undefined: there is none. Throws `SetupError` when it cannot be used. NB: no sentence may quote what is in it. */
export function readAppFile(file: string): KeptApp | undefined {
  const text = readOwnFile(file);
  if (text === undefined) return undefined;
  try {
    return shape.parse(JSON.parse(text));
  } catch {
    throw new SetupError(
      `${file} is not what mayfly setup wrote. Put it back as it was; or move it away, and mayfly setup makes another App.`,
    );
  }
}

function readOwnFile(file: string): string | undefined {
  let handle: number;
  try {
    handle = openSync(file, "r");
  } catch (cause) {
    if (isCode(cause, "ENOENT")) return undefined;
    throw new SetupError(
      `${file} cannot be read (${reasonOf(cause)}). It belongs to the user that Mayfly runs as.`,
      { cause },
    );
  }
  try {
    refuseWideMode(file, fstatSync(handle).mode & 0o777);
    return readFileSync(handle, "utf8");
  } finally {
    closeSync(handle);
  }
}

function refuseWideMode(file: string, mode: number): void {
  if ((mode & 0o077) === 0) return;
  throw new SetupError(
    `${file} holds the App's private key, and others on this machine can read or change it (mode ${mode.toString(8)}). Take that away: chmod 600 ${file}. If somebody may have read it, make a new key on the App's page at GitHub.`,
  );
}

/** Written whole or not at all. Throws `SetupError` when it cannot be. */
export async function keepApp(file: string, app: KeptApp): Promise<void> {
  await write(file, `${JSON.stringify(shape.parse(app), undefined, 2)}\n`, async (part) => {
    await rename(part, file);
    // NB: a name is only safe from a power cut once its folder is.
    const folder = await open(dirname(file), "r");
    await folder.sync().finally(() => folder.close());
  });
}

/** Could the file be written? Looked at before the App is made, since its key is given out once. Throws `SetupError`. */
export const tryAppFile = (file: string): Promise<void> => write(file, "", (part) => rm(part));

async function write(file: string, text: string, then: (part: string) => Promise<void>): Promise<void> {
  // NB: of its own, since another page may try the file while the App is kept.
  const part = `${file}.${randomBytes(6).toString("hex")}.new`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o711 });
    const handle = await open(part, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await then(part);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => undefined);
    throw new SetupError(`${file} cannot be written (${reasonOf(cause)}).`, { cause });
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
