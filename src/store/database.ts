import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { SetupError } from "../ports.ts";

/**
 * Makes the file, and its folder, if it is not there. Throws `SetupError` when that cannot be.
 * NB: webhooks of private repositories are in it. SQLite gives its other files the same mode as this one.
 */
export function makePrivateFile(file: string): void {
  try {
    // NB: others may pass through the folder: QEMU opens a box's kernel further down under a user of its own.
    mkdirSync(dirname(file), { recursive: true, mode: 0o711 });
    closeSync(openSync(file, "a", 0o600));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SetupError(
      `The store ${file} cannot be opened (${reason}). Give the folder to the user that runs Mayfly, or set another one with "data" in mayfly.yml.`,
      { cause },
    );
  }
}

/** Opens SQLite in the mode that a store needs. Throws `SetupError` when the file is not one of SQLite's. */
export function openDatabase(file: string): Database.Database {
  const database = new Database(file, { timeout: 5000 });
  try {
    database.pragma("journal_mode = WAL");
    // NB: in WAL mode the default, NORMAL, syncs at checkpoints only: a power cut would take back the last answers to GitHub,
    // and registrations would be handed out twice. See: sqlite.org/pragma.html#pragma_synchronous
    database.pragma("synchronous = FULL");
    return database;
  } catch (cause) {
    database.close();
    throw new SetupError(
      `${file} is not a store of Mayfly, or it is damaged. Move it away, and its -wal file with it, or restore a copy. Without it Mayfly starts afresh: it finds left-over VMs by their names and lets running jobs end.`,
      { cause },
    );
  }
}
