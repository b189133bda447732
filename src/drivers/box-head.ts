import { open } from "node:fs/promises";
import { constants, gunzipSync } from "node:zlib";
import { ifThere } from "./files.ts";

/** As much as the small files of a box take, packed, with their headers. NB: at most 16 MiB when unpacked. */
const HEAD_BYTES = 16 * 1024;
const HEADER_BYTES = 512;
/** What is larger is a disk. */
const SMALL_BYTES = 64 * 1024;

/**
 * The small files at the head of a box, by name, up to the first large one: a box may have ten gigabytes. None if it is not there.
 * See: Vagrant docs, "Box file format": a tar archive, mostly packed by gzip; POSIX.1-1988, "ustar".
 */
export async function filesAtHead(path: string): Promise<Map<string, string>> {
  return new Map(filesIn(unpacked(await readHead(path))));
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

function* filesIn(head: Buffer): Generator<[string, string]> {
  let at = 0;
  while (at + HEADER_BYTES <= head.length) {
    const name = head.toString("latin1", at, at + 100).replace(/\0.*$/s, "");
    const bytes = Number.parseInt(head.toString("latin1", at + 124, at + 136), 8);
    const from = at + HEADER_BYTES;
    // NB: also what is no number, as in an archive of another kind.
    if (!(bytes <= SMALL_BYTES) || from + bytes > head.length) return;
    yield [name.replace(/^\.\//, ""), head.toString("utf8", from, from + bytes)];
    at = from + Math.ceil(bytes / HEADER_BYTES) * HEADER_BYTES;
  }
}
