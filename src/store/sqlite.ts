import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { Kysely } from "kysely";
import type { Logger } from "pino";
import { apply, emptyState, type Fact, type State } from "../core/facts.ts";
import { type Delivery, SetupError, type Store } from "../ports.ts";
import { sqliteDialect } from "./dialect.ts";
import { fold } from "./fold.ts";
import { grouped } from "./group.ts";
import { claimName, load } from "./load.ts";
import { holdFile, holdName } from "./lock.ts";
import { migrate } from "./migrate.ts";
import { prune } from "./prune.ts";
import { factsAbout, unreadDeliveries } from "./read.ts";
import type { Tables } from "./tables.ts";
import { insertDeliveries, markDeliveries, writeChanges } from "./write.ts";

export type StoreOptions = {
  /** The database. Its folder is made if it is not there. */
  file: string;
  /** The controller's name, which no other controller on this machine may have. */
  controller: string;
  /** Epoch milliseconds. */
  now: () => number;
  log: Logger;
};

/**
 * Opens the store, makes or migrates its tables, and loads what is open.
 * Throws `SetupError` when another controller has the file or the name, or when the file is none of ours.
 */
export async function openStore({ file, controller, now, log }: StoreOptions): Promise<Store> {
  const opened: (() => unknown)[] = [];
  const closeAll = async () => {
    for (const close of opened.toReversed()) await close();
  };
  try {
    opened.push((await holdName(controller)).release);
    makePrivateFile(file);
    opened.push(holdFile(`${file}.lock`).release);
    const db = new Kysely<Tables>({ dialect: sqliteDialect(openDatabase(file)) });
    opened.push(() => db.destroy());
    const migrations = await migrate(db, file);
    if (migrations.length > 0) log.info({ migrations }, "store migrated");
    await claimName(db, controller, file);
    const state = await load(db, now());
    return storeOn({ db, state, now, log, close: closeAll });
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** NB: webhooks of private repositories are in it. SQLite gives its other files the same mode as this one. */
function makePrivateFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, "a", 0o600));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SetupError(
      `The store ${file} cannot be opened (${reason}). Give the folder to the user that runs Mayfly, or set another one with "data" in mayfly.yml.`,
      { cause },
    );
  }
}

function openDatabase(file: string): Database.Database {
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

/** What is waiting for the next transaction. */
type Write = { facts: readonly Fact[] } | { delivery: Delivery } | { read: string };

/** A commit holds up every webhook's answer: one that takes this long is worth a warning. */
const SLOW_MS = 500;

type Parts = {
  db: Kysely<Tables>;
  state: State;
  now: () => number;
  log: Logger;
  close: () => Promise<void>;
};

function storeOn({ db, state, now, log, close }: Parts): Store {
  const writes = grouped(commit);

  /** NB: the state is what readers see, so it changes after the commit only; what a commit would make of it is tried on a copy. */
  async function commit(group: readonly Write[]): Promise<("new" | "done")[]> {
    const startedAt = now();
    const facts = group.flatMap((write) => ("facts" in write ? write.facts : []));
    const deliveries = group.flatMap((write) => ("delivery" in write ? [write.delivery] : []));
    const read = group.flatMap((write) => ("read" in write ? [write.read] : []));
    const changes = fold(facts.length === 0 ? emptyState() : copyOf(state), facts);
    const added = await db.transaction().execute(async (transaction) => {
      const ids = await insertDeliveries(transaction, deliveries);
      await markDeliveries(transaction, read, startedAt);
      await writeChanges(transaction, changes);
      return ids;
    });
    for (const fact of facts) apply(state, fact);
    const tookMs = now() - startedAt;
    if (tookMs > SLOW_MS) log.warn({ tookMs }, "store is slow to commit");
    // NB: of two with one id in the same group, the first is the new one.
    return group.map((write) => ("delivery" in write && added.delete(write.delivery.id) ? "new" : "done"));
  }

  return {
    state,
    record: async (facts) => void (await writes.add({ facts })),
    history: (about) => factsAbout(db, about),
    keep: async (delivery) => ((await writes.add({ delivery })) === "new" ? "new" : "known"),
    unread: () => unreadDeliveries(db),
    markRead: async (id) => void (await writes.add({ read: id })),
    prune: (before) => prune(db, state, before, now()),
    close: async () => {
      await writes.idle();
      await close();
    },
  };
}

/** Entries are never changed in place, so the copies may share them. */
const copyOf = (state: State): State => ({
  jobs: new Map(state.jobs),
  machines: new Map(state.machines),
  closed: new Set(state.closed),
  drained: new Set(state.drained),
  streaks: new Map(state.streaks),
});
