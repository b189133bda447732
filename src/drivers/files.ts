import { open } from "node:fs/promises";

/** Logs and consoles may be large; their end is what tells. */
const TAIL_BYTES = 64 * 1024;

/** What a file system call answers; undefined if there is no such file. */
export async function ifThere<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** The end of a file, 64 KiB at most; empty if there is none. */
export async function readTail(path: string): Promise<string> {
  const file = await ifThere(open(path));
  if (!file) return "";
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, from);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}
