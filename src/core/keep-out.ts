import { poolKey, type State } from "./facts.ts";
import { type Gate, isFork, isKeptOut, isOnOurs, reachOf } from "./forks.ts";
import { findRepository } from "./labels.ts";
import { CANCEL_AGAIN_MS } from "./patience.ts";
import { hasAccess } from "./pools.ts";
import { runKey } from "./runs.ts";
import type { Job } from "./types.ts";
import type { Draft, World } from "./world.ts";

/** By pool (see `poolKey`), jobs that wait at GitHub, that are not let in, and that GitHub could give the pool's runners all the same. */
export type InTheWay = ReadonlyMap<string, readonly Job[]>;

/** NB: it is no help to make no machine for a job: GitHub gives it to any runner that has its labels, also one made for another. */
export function jobsInTheWay({ state, catalogue }: Pick<World, "state" | "catalogue">, gate: Gate): InTheWay {
  const found = new Map<string, Job[]>();
  for (const job of state.jobs.values()) {
    if (job.status !== "queued" || gate(job) === "open") continue;
    const repository = findRepository(job.repo, catalogue);
    for (const { name: image } of repository ? reachOf(job, repository, catalogue) : []) {
      const key = poolKey({ repo: repository?.name ?? job.repo, image });
      found.set(key, [...(found.get(key) ?? []), job]);
    }
  }
  return found;
}

/**
 * Others want the runners that GitHub could give these jobs, so their runs are cancelled. Of one that is just being looked up it is
 * soon known what it is.
 * NB: GitHub knows no other way to take a job out of its queue, and cancels a run as a whole.
 */
export function clearTheWay(jobs: readonly Job[], gate: Gate, draft: Draft): void {
  const cancelled = new Set<string>();
  for (const job of jobs) {
    if (!isKeptOut(gate(job)) || cancelled.has(runKey(job))) continue;
    cancelled.add(runKey(job));
    cancelRun(job, draft);
  }
}

/**
 * Looks up the runs of jobs that want or have a machine, once for each attempt, ends the runs of intruders, and notes which jobs run by
 * right.
 */
export function planForks({ state, now }: World, gate: Gate, draft: Draft): void {
  const asked = new Set<string>();
  for (const job of state.jobs.values()) {
    if ((job.status !== "queued" && !isInside(job, state)) || !hasAccess(job, state)) continue;
    if (isInside(job, state) && isIntruder(job, gate)) cancelRun(job, draft);
    if (isInside(job, state) && isToAdmit(job, state, gate))
      draft.facts.push({ kind: "job-admitted", at: now, job: job.id });
    if (gate(job) !== "unknown" || asked.has(runKey(job))) continue;
    asked.add(runKey(job));
    draft.effects.push({ do: "look-up-run", job: job.id });
  }
}

/**
 * It runs, and may not: GitHub gave it a runner before we knew of it. One that began by right is none, see `Job.admittedAt`. Its machine is destroyed at once.
 */
export const isIntruder = (job: Job | undefined, gate: Gate): boolean =>
  job?.status === "running" && isKeptOut(gate(job));

/** NB: one that is known to be no fork's is let in by every rule, and that need not be noted. */
function isToAdmit(job: Job, { runs }: Pick<State, "runs">, gate: Gate): boolean {
  const seen = runs.get(runKey(job))?.seen;
  return job.admittedAt === undefined && gate(job) === "open" && (!seen || isFork(seen));
}

const isInside = (job: Job, state: Pick<State, "machines">): boolean =>
  job.status === "running" && isOnOurs(job, state);

function cancelRun({ id, runCancelledAt, runForcedAt = runCancelledAt }: Job, draft: Draft): void {
  if (runForcedAt === undefined || draft.isDue(runForcedAt + CANCEL_AGAIN_MS))
    draft.effects.push({ do: "cancel-run", job: id, isForced: runCancelledAt !== undefined });
}
