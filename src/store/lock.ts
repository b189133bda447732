import { once } from "node:events";
import { createServer } from "node:net";
import Database from "better-sqlite3";
import { SetupError } from "../ports.ts";

/** A lock that the kernel frees when the process ends, however it ends. */
export type Hold = { release(): void };

/**
 * Keeps a second controller away from a data folder. Throws `SetupError` when there is one.
 * The lock is SQLite's own on an empty file beside the database, so that the database itself stays open to other readers.
 */
export function holdFile(file: string): Hold {
  const lock = new Database(file, { timeout: 0 });
  try {
    lock.exec("begin exclusive");
  } catch (error) {
    lock.close();
    if (!isCode(error, "SQLITE_BUSY")) throw error;
    throw new SetupError(
      `Another Mayfly holds ${file}. Stop that one first, or give this one its own data folder and its own controller name.`,
    );
  }
  return { release: () => void lock.close() };
}

/**
 * Keeps a second controller of the same name away from this machine: each would take the other's VMs for its own.
 * Throws `SetupError` when there is one. NB: abstract sockets are Linux only; elsewhere the data folder alone is locked.
 * See: unix(7), "Abstract sockets".
 */
export async function holdName(controller: string): Promise<Hold> {
  if (process.platform !== "linux") return { release: () => undefined };
  const server = createServer((socket) => void socket.destroy()).unref();
  server.listen({ path: `\0mayfly-controller-${controller}` });
  try {
    await once(server, "listening");
  } catch (error) {
    if (!isCode(error, "EADDRINUSE")) throw error;
    throw new SetupError(
      `A controller named ${controller} runs on this machine already. Stop that one first, or change "controller" in mayfly.yml.`,
    );
  }
  return { release: () => void server.close() };
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;
