import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Logger } from "pino";
import { z } from "zod";
import { boxWords } from "../core/image-age.ts";
import type { Box, Image } from "../core/types.ts";
import { type Clock, SetupError } from "../ports.ts";
import { filesAtHead } from "./box-head.ts";
import { ifThere } from "./files.ts";

/** Until when a box may be used. See: packer_windows/scripts/85-verify.ps1. */
const NAME = "expiry.json";
const EXPIRY = z.object({ expiresAt: z.iso.datetime().optional() });

const AGAIN_MS = 24 * 3_600_000;

/**
 * Refuses a box that has ended, or of which that cannot be read, by a `SetupError`; and warns in the log of one that soon will, once a day.
 * `folder`: where Vagrant has a box that comes by name.
 */
export function expiryGuard({ clock, log }: { clock: Clock; log: Logger }) {
  const warnedAt = new Map<string, number>();
  return async (box: Box, folder: string): Promise<void> => {
    const now = clock.now();
    const title = `The box ${box.name}`;
    const expiresAt = await (box.file === undefined
      ? expiryInFolder(title, folder)
      : expiryInFile(title, box.file));
    const words = boxWords(title, expiresAt, now);
    if (words === undefined) return;
    if (expiresAt !== undefined && expiresAt < now) throw new SetupError(words);
    if (now < (warnedAt.get(box.name) ?? 0) + AGAIN_MS) return;
    log.warn(words);
    warnedAt.set(box.name, now);
  };
}

/** What there is to say of the images' boxes, in sentences. Of boxes that come by name nothing is known before they are there. */
export async function endingBoxes(images: readonly Image[], now: number): Promise<string[]> {
  const words = images.map(async ({ name, box }) => {
    if (box?.file === undefined) return undefined;
    const title = `The box of ${name}`;
    return boxWords(title, await expiryInFile(title, box.file), now);
  });
  const said = words.map((sentence) =>
    sentence.catch((error: unknown) => {
      if (!(error instanceof SetupError)) throw error;
      return error.message;
    }),
  );
  return (await Promise.all(said)).filter((sentence) => sentence !== undefined);
}

async function expiryInFolder(title: string, folder: string): Promise<number | undefined> {
  const path = join(folder, NAME);
  return timeIn(await ifThere(readFile(path, "utf8")), title, path);
}

/** NB: only where it comes first, for a box is large. See: packer_windows/pack.sh. */
async function expiryInFile(title: string, path: string): Promise<number | undefined> {
  const file = resolve(path);
  const files = await filesAtHead(file).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : `${cause}`;
    throw new SetupError(
      `${title} cannot be read: ${file} (${why}). Mend that, or build it anew (docs/images.md).`,
      {
        cause,
      },
    );
  });
  return timeIn(files.get(NAME), title, file);
}

function timeIn(text: string | undefined, title: string, path: string): number | undefined {
  if (text === undefined) return undefined;
  const read = EXPIRY.safeParse(parsed(text));
  if (!read.success)
    throw new SetupError(
      `${title} does not say in its ${NAME} until when it may be used, so no machine is made from it: ${path}. Build it anew (docs/images.md).`,
    );
  const { expiresAt } = read.data;
  return expiresAt === undefined ? undefined : Date.parse(expiresAt);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
