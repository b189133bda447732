import { setImmediate as letOthersIn } from "node:timers/promises";
import { type Kysely, sql } from "kysely";
import type { State } from "../core/facts.ts";
import { REMEMBER_CLOSED_MS } from "./load.ts";
import { inParts, type Tables } from "./tables.ts";

/** NB: a delete blocks the process, so a month's worth is taken away in small bites. */
const BITE = 500;

/**
 * Deletes facts, webhooks, closed jobs, forgotten machines and runs older than `before`. What is open keeps its whole history, and
 * closed jobs are remembered for a week at least, as is what was learnt of runs.
 */
export async function prune(db: Kysely<Tables>, state: State, before: number, now: number): Promise<void> {
  await repeat(async () => {
    const { numAffectedRows } = await oldFacts(before).execute(db);
    return { numDeletedRows: numAffectedRows ?? 0n };
  });
  await repeat(() =>
    db
      .deleteFrom("delivery")
      .where("seq", "in", (old) =>
        old.selectFrom("delivery").select("seq").where("received_at", "<", before).limit(BITE),
      )
      .executeTakeFirst(),
  );
  await db.deleteFrom("machine").where("forgotten_at", "<", before).execute();
  const closed = await db
    .deleteFrom("job")
    .where("closed_at", "<", Math.min(before, now - REMEMBER_CLOSED_MS))
    .returning("id")
    .execute();
  for (const { id } of closed) state.closed.delete(id);
  await pruneRuns(db, state, Math.min(before, now - REMEMBER_CLOSED_MS));
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

async function repeat(bite: () => Promise<{ numDeletedRows: bigint }>): Promise<void> {
  while ((await bite()).numDeletedRows > 0n) await letOthersIn();
}
