import { setImmediate as letOthersIn } from "node:timers/promises";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { State } from "../core/facts.ts";
import { REMEMBER_CLOSED_MS } from "./load.ts";
import { inParts, type Tables } from "./tables.ts";

/** NB: a delete blocks the process, so a month's worth is taken away in small bites. */
const BITE = 500;
const DAY_MS = 24 * 3_600_000;

/**
 * Deletes facts and webhooks older than `facts`, closed jobs and forgotten machines older than `rows`. What is open keeps its whole
 * history, and closed jobs are remembered for a week at least, as is what was learnt of runs. Jobs that were none of ours, and logs, go
 * with the facts.
 */
export async function prune(
  db: Kysely<Tables>,
  state: State,
  before: { facts: number; rows: number },
  now: number,
): Promise<void> {
  const remembered = now - REMEMBER_CLOSED_MS;
  const { facts } = before;
  await repeat(db, oldFacts(facts));
  await repeat(db, oldDeliveries(facts));
  await repeat(db, oldMachines(before.rows));
  await repeat(db, oldJobs(Math.min(before.rows, remembered)));
  // NB: to look into every row takes long, so it is done a day at a time.
  for (let from = Math.min(before.rows, remembered); from < facts; from += DAY_MS) {
    const to = Math.min(from + DAY_MS, facts);
    await repeat(db, othersJobs(from, Math.min(to, remembered)));
    await repeat(db, guestLogs(from, to));
    await repeat(db, failureTails(from, to));
  }
  await forgetClosed(db, state, remembered);
  await pruneRuns(db, state, Math.min(facts, remembered));
}

/** NB: jobs of a run may come late, after others of it; one that comes later still asks again. */
async function pruneRuns(db: Kysely<Tables>, { jobs, runs }: State, before: number): Promise<void> {
  const open = new Set(Array.from(jobs.values(), ({ runId }) => runId));
  const old = Array.from(runs).filter(([, { id, at }]) => at < before && !open.has(id));
  for (const some of inParts(old)) {
    const ids = some.map(([, { id }]) => id);
    await db.deleteFrom("run").where("id", "in", ids).where("at", "<", before).execute();
    for (const [key] of some) runs.delete(key);
  }
}

const oldFacts = (before: number) => sql`
  delete from fact where seq in (
    select seq from fact
    where at < ${before}
      and not exists (select 1 from job where job.id = fact.job and job.closed_at is null)
      and not exists (select 1 from machine where machine.name = fact.machine and machine.forgotten_at is null)
    limit ${BITE}
  )`;

const oldDeliveries = (before: number) => sql`
  delete from delivery where seq in (select seq from delivery where received_at < ${before} limit ${BITE})`;

const oldMachines = (before: number) => sql`
  delete from machine where name in (select name from machine where forgotten_at < ${before} limit ${BITE})`;

const oldJobs = (before: number) => sql`
  delete from job where id in (select id from job where closed_at < ${before} limit ${BITE})`;

/** NB: every job of a repository has a row, also those that GitHub's own runners took. */
const othersJobs = (from: number, to: number) => sql`
  delete from job where id in (
    select id from job
    where closed_at >= ${from} and closed_at < ${to}
      and (doc is null or (
        json_extract(doc, '$.check') is null and json_extract(doc, '$.failure') is null
        and not exists (select 1 from machine where machine.name = json_extract(job.doc, '$.ranOn'))))
    limit ${BITE}
  )`;

/** The logs in the rows go when the evidence does. */
const guestLogs = (from: number, to: number) => sql`
  update machine set doc = json_remove(doc, '$.guestLog') where name in (
    select name from machine
    where forgotten_at >= ${from} and forgotten_at < ${to} and json_extract(doc, '$.guestLog') is not null
    limit ${BITE}
  )`;

const failureTails = (from: number, to: number) => sql`
  update job set doc = json_remove(doc, '$.failure.tail') where id in (
    select id from job
    where closed_at >= ${from} and closed_at < ${to} and json_extract(doc, '$.failure.tail') is not null
    limit ${BITE}
  )`;

async function forgetClosed(db: Kysely<Tables>, { closed }: State, before: number): Promise<void> {
  for (const ids of inParts([...closed])) {
    const young = await db
      .selectFrom("job")
      .select("id")
      .where("id", "in", ids)
      .where("closed_at", ">=", before)
      .execute();
    const kept = new Set(young.map(({ id }) => id));
    for (const id of ids) if (!kept.has(id)) closed.delete(id);
  }
}

async function repeat(db: Kysely<Tables>, bite: RawBuilder<unknown>): Promise<void> {
  while (((await bite.execute(db)).numAffectedRows ?? 0n) > 0n) await letOthersIn();
}
