import { open, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import type { Logger } from "pino";
import { z } from "zod";
import { boxWords } from "../core/image-age.ts";
import type { Box, Image } from "../core/types.ts";
import { type Clock, SetupError } from "../ports.ts";
import { ifThere } from "./files.ts";

/** Until when a box may be used. See: packer_windows/scripts/85-verify.ps1. */
const NAME = "expiry.json";
const EXPIRY = z.object({ expiresAt: z.iso.datetime().optional() });

/** As much as the first file of a box takes, packed, and its header. NB: at most 4 MiB when unpacked. */
const HEAD_BYTES = 4096;
const HEADER_BYTES = 512;
const AGAIN_MS = 24 * 3_600_000;

/** Refuses a box that has ended, and warns in the log of one that soon will, once a day. */
export function expiryGuard({ clock, log }: { clock: Clock; log: Logger }) {
  const warnedAt = new Map<string, number>();
  return async (box: Box, folder: string): Promise<void> => {
    const now = clock.now();
    const expiresAt = await (box.file === undefined ? expiryInFolder(folder) : expiryInFile(box.file));
    const words = boxWords(`The box ${box.name}`, expiresAt, now);
    if (words === undefined) return;
    if (expiresAt !== undefined && expiresAt < now) throw new SetupError(words);
    if (now < (warnedAt.get(box.name) ?? 0) + AGAIN_MS) return;
    log.warn(words);
    warnedAt.set(box.name, now);
  };
}

/** What there is to say of the images' boxes, in sentences. Of boxes that come by name nothing is known before they are there. */
export async function endingBoxes(images: readonly Image[], now: number): Promise<string[]> {
  const words = images.map(async ({ name, box }) =>
    box?.file === undefined ? undefined : boxWords(`The box of ${name}`, await expiryInFile(box.file), now),
  );
  return (await Promise.all(words)).filter((sentence) => sentence !== undefined);
}

async function expiryInFolder(folder: string): Promise<number | undefined> {
  const text = await ifThere(readFile(join(folder, NAME), "utf8"));
  return text === undefined ? undefined : timeIn(text);
}

/**
 * From the head of a box, where it is the first file: a box may have ten gigabytes.
 * See: Vagrant docs, "Box file format": a tar archive, mostly packed by gzip; POSIX.1-1988, "ustar".
 */
async function expiryInFile(path: string): Promise<number | undefined> {
  const head = unpacked(await readHead(resolve(path)));
  if (head.length < HEADER_BYTES) return undefined;
  const name = head.toString("latin1", 0, 100).replace(/\0.*$/s, "");
  if (name !== NAME && name !== `./${NAME}`) return undefined;
  const bytes = Number.parseInt(head.toString("latin1", 124, 136), 8);
  return timeIn(head.toString("utf8", HEADER_BYTES, HEADER_BYTES + bytes));
}

async function readHead(path: string): Promise<Buffer> {
  const file = await ifThere(open(path));
  if (!file) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** NB: the head ends somewhere in the middle, which is no fault. */
function unpacked(head: Buffer): Buffer {
  const isPacked = head[0] === 0x1f && head[1] === 0x8b;
  return isPacked ? gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH }) : head;
}

function timeIn(text: string): number | undefined {
  const { expiresAt } = EXPIRY.parse(JSON.parse(text));
  return expiresAt === undefined ? undefined : Date.parse(expiresAt);
}
