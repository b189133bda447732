import type { Kysely } from "kysely";
import { emptyState, type State } from "../core/facts.ts";
import type { HoldNext } from "../core/holds.ts";
import { runKey } from "../core/runs.ts";
import type { RepoSettings } from "../core/settings.ts";
import type { Trial } from "../core/trials.ts";
import type { Job, Machine, RunAttempt } from "../core/types.ts";
import { SetupError } from "../ports.ts";
import { past, pastJob, pastLimit, pastMachine, pastRun, pastSettings } from "./past.ts";
import type { Tables } from "./tables.ts";

/** How long a closed job is remembered. NB: GitHub keeps webhooks for a redelivery for 3 days, a GitHub Enterprise Server for 7. */
export const REMEMBER_CLOSED_MS = 7 * 24 * 3_600_000;

/** What is open, as it was when the process ended. */
export async function load(db: Kysely<Tables>, now: number): Promise<State> {
  const state = emptyState();
  const jobs = await db
    .selectFrom("job")
    .select("doc")
    .where("closed_at", "is", null)
    .where("doc", "is not", null)
    .$narrowType<{ doc: string }>()
    .execute();
  for (const { doc } of jobs) {
    const job = pastJob(JSON.parse(doc) as Job, now);
    state.jobs.set(job.id, job);
  }
  const machines = await db.selectFrom("machine").select("doc").where("forgotten_at", "is", null).execute();
  for (const { doc } of machines) {
    const machine = pastMachine(JSON.parse(doc) as Machine, now);
    state.machines.set(machine.name, machine);
  }
  const closed = await db
    .selectFrom("job")
    .select("id")
    .where("closed_at", ">=", now - REMEMBER_CLOSED_MS)
    .execute();
  for (const { id } of closed) state.closed.add(id);
  const drained = await db.selectFrom("drained_host").select("name").execute();
  for (const { name } of drained) state.drained.add(name);
  const paused = await db.selectFrom("paused_repository").select("name").execute();
  for (const { name } of paused) state.paused.add(name);
  const revoked = await db.selectFrom("revoked_repository").select("name").execute();
  for (const { name } of revoked) state.withoutAccess.add(name);
  const limited = await db.selectFrom("limited_installation").selectAll().execute();
  for (const { id, at, until } of limited) state.limited.set(id, pastLimit({ at, until }, now));
  const runs = await db.selectFrom("run").select("doc").execute();
  for (const { doc } of runs) {
    const run = pastRun(JSON.parse(doc) as RunAttempt, now);
    state.runs.set(runKey({ runId: run.id, attempt: run.attempt }), run);
  }
  const settings = await db.selectFrom("settings").selectAll().execute();
  state.settings = new Map(
    settings.map(({ repo, doc }) => [repo, pastSettings(JSON.parse(doc) as RepoSettings, now)]),
  );
  const holds = await db.selectFrom("hold").selectAll().execute();
  for (const { pool, doc } of holds) state.holds.set(pool, past(JSON.parse(doc) as HoldNext, now));
  const trials = await db.selectFrom("trial").selectAll().execute();
  for (const { candidate, doc } of trials) state.trials.set(candidate, JSON.parse(doc) as Trial);
  return state;
}

/**
 * Writes down whose store it is. Throws `SetupError` when it holds machines of another name: nobody would look for their VMs
 * any more.
 */
export async function claimName(db: Kysely<Tables>, controller: string, file: string): Promise<void> {
  const owner = await db
    .selectFrom("meta")
    .select("value")
    .where("key", "=", "controller")
    .executeTakeFirst();
  if (owner?.value === controller) return;
  const live = await db.selectFrom("machine").select("name").where("forgotten_at", "is", null).execute();
  if (owner && live.length > 0) {
    throw new SetupError(
      `${file} holds ${live.length} machines of the controller ${owner.value}, and the catalogue names it ${controller}. Put "controller: ${owner.value}" back until "mayfly ps" shows no machine, or use another data folder.`,
    );
  }
  await db
    .insertInto("meta")
    .values({ key: "controller", value: controller })
    .onConflict((conflict) => conflict.column("key").doUpdateSet({ value: controller }))
    .execute();
}
