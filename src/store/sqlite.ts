import { Kysely } from "kysely";
import type { Logger } from "pino";
import { apply } from "../core/apply.ts";
import { emptyState, type Fact, type State } from "../core/facts.ts";
import type { Delivery, Store } from "../ports.ts";
import { makePrivateFile, openDatabase } from "./database.ts";
import { sqliteDialect } from "./dialect.ts";
import { fold } from "./fold.ts";
import { grouped } from "./group.ts";
import { claimName, load } from "./load.ts";
import { holdFile, holdName } from "./lock.ts";
import { migrate } from "./migrate.ts";
import { prune } from "./prune.ts";
import {
  factsAbout,
  findJob,
  findMachine,
  knownDeliveries,
  readClosedJobs,
  readLately,
  readLogPosition,
  readPastMachines,
  readSettingsHistory,
  unreadDeliveries,
} from "./read.ts";
import type { Tables } from "./tables.ts";
import { insertDeliveries, markDeliveries, writeChanges, writeLogPosition } from "./write.ts";

export type StoreOptions = {
  /** The database. Its folder is made if it is not there. */
  file: string;
  /** The controller's name, which no other controller on this machine may have. */
  controller: string;
  /** Epoch milliseconds. */
  now: () => number;
  log: Logger;
  /** Told of each fact that is durable, with the state before it. */
  onFact?: ((fact: Fact, before: State) => void) | undefined;
  /** Told of each transaction; `failure`: why there was none. */
  onCommit?: ((tookMs: number, failure?: unknown) => void) | undefined;
};

/**
 * Opens the store, makes or migrates its tables, and loads what is open.
 * Throws `SetupError` when another controller has the file or the name, or when the file is none of ours.
 */
export async function openStore({ file, controller, ...rest }: StoreOptions): Promise<Store> {
  const { now, log } = rest;
  const opened: (() => unknown)[] = [];
  const closeAll = async () => {
    for (const close of opened.toReversed()) await close();
  };
  try {
    opened.push((await holdName(controller)).release);
    makePrivateFile(file);
    makePrivateFile(`${file}.lock`);
    opened.push(holdFile(`${file}.lock`).release);
    const db = new Kysely<Tables>({ dialect: sqliteDialect(openDatabase(file)) });
    opened.push(() => db.destroy());
    const migrations = await migrate(db, file);
    if (migrations.length > 0) log.info({ migrations }, "store migrated");
    await claimName(db, controller, file);
    const state = await load(db, now());
    return storeOn({ ...rest, db, state, close: closeAll });
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** What is waiting for the next transaction. */
type Write = { facts: readonly Fact[] } | { delivery: Delivery } | { read: string } | { position: number };

/** A commit holds up every webhook's answer: one that takes this long is worth a warning. */
const SLOW_MS = 500;

type Parts = Omit<StoreOptions, "file" | "controller"> & {
  db: Kysely<Tables>;
  state: State;
  close: () => Promise<void>;
};

function storeOn({ db, state, now, log, onFact, onCommit, close }: Parts): Store {
  const writes = grouped(timed(commit));

  function timed<T, R>(work: (items: T) => Promise<R>): (items: T) => Promise<R> {
    return async (items) => {
      const startedAt = now();
      try {
        const results = await work(items);
        const tookMs = now() - startedAt;
        if (tookMs > SLOW_MS) log.warn({ tookMs }, "store is slow to commit");
        onCommit?.(tookMs);
        return results;
      } catch (error) {
        onCommit?.(now() - startedAt, error);
        throw error;
      }
    };
  }

  /** NB: the state is what readers see, so it changes after the commit only; what a commit would make of it is tried on a copy. */
  async function commit(group: readonly Write[]): Promise<("new" | "done")[]> {
    const facts = group.flatMap((write) => ("facts" in write ? write.facts : []));
    const deliveries = group.flatMap((write) => ("delivery" in write ? [write.delivery] : []));
    const read = group.flatMap((write) => ("read" in write ? [write.read] : []));
    const position = group.findLast((write) => "position" in write)?.position;
    const changes = fold(facts.length === 0 ? emptyState() : copyOf(state), facts);
    const added = await db.transaction().execute(async (transaction) => {
      const ids = await insertDeliveries(transaction, deliveries);
      await markDeliveries(transaction, read, now());
      await writeChanges(transaction, changes);
      if (position !== undefined) await writeLogPosition(transaction, position);
      return ids;
    });
    for (const fact of facts) {
      onFact?.(fact, state);
      apply(state, fact);
    }
    // NB: of two with one id in the same group, the first is the new one.
    return group.map((write) => ("delivery" in write && added.delete(write.delivery.id) ? "new" : "done"));
  }

  return {
    state,
    record: async (facts) => void (await writes.add({ facts })),
    history: (about) => factsAbout(db, about),
    findJob: (id) => findJob(db, id),
    findMachine: (name) => findMachine(db, name),
    settingsHistory: (repo, most) => readSettingsHistory(db, repo, most),
    lately: (most) => readLately(db, most),
    closedJobs: (which) => readClosedJobs(db, which),
    pastMachines: (which) => readPastMachines(db, which),
    keep: async (delivery) => ((await writes.add({ delivery })) === "new" ? "new" : "known"),
    known: (ids) => knownDeliveries(db, ids),
    logPosition: () => readLogPosition(db),
    moveLogPosition: async (position) => void (await writes.add({ position })),
    unread: (which) => unreadDeliveries(db, which),
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
  paused: new Set(state.paused),
  withoutAccess: new Set(state.withoutAccess),
  settings: state.settings,
  limited: new Map(state.limited),
  runs: new Map(state.runs),
  holds: new Map(state.holds),
  trials: new Map(state.trials),
  streaks: new Map(state.streaks),
});
