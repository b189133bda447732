import type { Transaction } from "kysely";
import type { Trial } from "../core/trials.ts";
import type { RunAttempt } from "../core/types.ts";
import type { Delivery } from "../ports.ts";
import type { Changes } from "./fold.ts";
import { inParts, LOG_POSITION, type Tables } from "./tables.ts";

/** Keeps webhooks. Answers the ids that were not there before. */
export async function insertDeliveries(
  transaction: Transaction<Tables>,
  deliveries: readonly Delivery[],
): Promise<Set<string>> {
  const added = new Set<string>();
  for (const some of inParts(deliveries)) {
    const rows = some.map(({ id, event, payload, receivedAt }) => ({
      id,
      event,
      payload,
      received_at: receivedAt,
      read_at: null,
    }));
    const returned = await transaction
      .insertInto("delivery")
      .values(rows)
      .onConflict((conflict) => conflict.column("id").doNothing())
      .returning("id")
      .execute();
    for (const { id } of returned) added.add(id);
  }
  return added;
}

/** Marks webhooks as read. */
export async function markDeliveries(
  transaction: Transaction<Tables>,
  ids: readonly string[],
  at: number,
): Promise<void> {
  for (const some of inParts(ids)) {
    await transaction.updateTable("delivery").set({ read_at: at }).where("id", "in", some).execute();
  }
}

/** Notes how far the delivery log has been read. */
export async function writeLogPosition(transaction: Transaction<Tables>, to: number): Promise<void> {
  await transaction
    .insertInto("meta")
    .values({ key: LOG_POSITION, value: String(to) })
    .onConflict((conflict) => conflict.column("key").doUpdateSet({ value: String(to) }))
    .execute();
}

/** Writes what facts changed: history rows, and the rows of jobs, machines and the rest, each once. */
export async function writeChanges(transaction: Transaction<Tables>, changes: Changes): Promise<void> {
  for (const rows of inParts(changes.facts)) await transaction.insertInto("fact").values(rows).execute();
  await writeJobs(transaction, changes);
  await writeMachines(transaction, changes);
  for (const [name, at] of changes.drained) await writeName(transaction, "drained_host", { name, at });
  for (const [name, at] of changes.paused) await writeName(transaction, "paused_repository", { name, at });
  for (const [name, at] of changes.revoked) await writeName(transaction, "revoked_repository", { name, at });
  for (const [id, limit] of changes.limited) {
    await transaction
      .insertInto("limited_installation")
      .values({ id, ...limit })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(limit))
      .execute();
  }
  for (const run of changes.runs.values()) await writeRun(transaction, run);
  for (const [pool, hold] of changes.holds) {
    const doc = JSON.stringify(hold);
    await transaction
      .insertInto("hold")
      .values({ pool, doc })
      .onConflict((conflict) => conflict.column("pool").doUpdateSet({ doc }))
      .execute();
  }
  for (const [candidate, trial] of changes.trials) await writeTrial(transaction, candidate, trial);
  await writeSettings(transaction, changes);
}

async function writeJobs(transaction: Transaction<Tables>, { jobs }: Changes): Promise<void> {
  for (const rows of inParts([...jobs.values()])) {
    await transaction
      .insertInto("job")
      .values(rows)
      .onConflict((conflict) =>
        conflict.column("id").doUpdateSet(({ ref }) => ({
          repo: ref("excluded.repo"),
          status: ref("excluded.status"),
          closed_at: ref("excluded.closed_at"),
          doc: ref("excluded.doc"),
        })),
      )
      .execute();
  }
}

async function writeMachines(transaction: Transaction<Tables>, { machines }: Changes): Promise<void> {
  for (const rows of inParts([...machines.values()])) {
    await transaction
      .insertInto("machine")
      .values(rows)
      .onConflict((conflict) =>
        conflict.column("name").doUpdateSet(({ ref }) => ({
          repo: ref("excluded.repo"),
          image: ref("excluded.image"),
          host: ref("excluded.host"),
          forgotten_at: ref("excluded.forgotten_at"),
          doc: ref("excluded.doc"),
        })),
      )
      .execute();
  }
}

/** A name that is in the table since then; none: it is not in it any more. */
async function writeName(
  transaction: Transaction<Tables>,
  table: "drained_host" | "paused_repository" | "revoked_repository",
  { name, at }: { name: string; at: number | undefined },
): Promise<void> {
  await transaction.deleteFrom(table).where("name", "=", name).execute();
  if (at !== undefined) await transaction.insertInto(table).values({ name, at }).execute();
}

async function writeRun(transaction: Transaction<Tables>, run: RunAttempt): Promise<void> {
  const { id, attempt, at } = run;
  const doc = JSON.stringify(run);
  await transaction
    .insertInto("run")
    .values({ id, attempt, at, doc })
    .onConflict((conflict) => conflict.columns(["id", "attempt"]).doUpdateSet({ at, doc }))
    .execute();
}

async function writeTrial(
  transaction: Transaction<Tables>,
  candidate: string,
  trial: Trial | undefined,
): Promise<void> {
  await transaction.deleteFrom("trial").where("candidate", "=", candidate).execute();
  if (!trial) return;
  await transaction
    .insertInto("trial")
    .values({ candidate, doc: JSON.stringify(trial) })
    .execute();
}

async function writeSettings(
  transaction: Transaction<Tables>,
  { settings, settingsFacts }: Changes,
): Promise<void> {
  for (const [repo, after] of settings) {
    const doc = JSON.stringify(after);
    await transaction
      .insertInto("settings")
      .values({ repo, doc })
      .onConflict((conflict) => conflict.column("repo").doUpdateSet({ doc }))
      .execute();
  }
  for (const fact of settingsFacts) {
    const change = { repo: fact.repo.toLowerCase(), doc: JSON.stringify(fact) };
    await transaction.insertInto("settings_change").values(change).execute();
  }
}
