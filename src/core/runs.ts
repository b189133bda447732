import type { Fact, State } from "./facts.ts";
import type { Job, JobSeen } from "./types.ts";

/** How facts about runs are folded into the state. See: apply.ts. */

export const runKey = ({ runId, attempt }: Pick<JobSeen, "runId" | "attempt">): string =>
  `${runId}/${attempt}`;

/** NB: a run is cancelled with all of its jobs, so one call does for a whole matrix. */
export function cancelRun(state: State, fact: Extract<Fact, { kind: "run-cancelled" }>): void {
  const cancelled = state.jobs.get(fact.job);
  if (!cancelled) return;
  const news = fact.isForced ? { runForcedAt: fact.at } : { runCancelledAt: fact.at };
  changeJobsOf(state, runKey(cancelled), (job) => ({ ...job, ...news }));
}

/** What was seen first counts: where a run's commit comes from never changes. */
export function seeRun(state: State, { at, run }: Extract<Fact, { kind: "run-seen" }>): void {
  const key = runKey({ runId: run.id, attempt: run.attempt });
  const known = state.runs.get(key);
  if (known?.seen) return;
  state.runs.set(key, { id: run.id, attempt: run.attempt, ...known, at, seen: run });
}

/** NB: it may come before the run was looked up, and before the attempt has begun. Until then its jobs were held back by the rule. */
export function approveRun(state: State, fact: Extract<Fact, { kind: "run-approved" }>): void {
  const { at, run: id, attempt, sha, by } = fact;
  const key = runKey({ runId: id, attempt });
  const known = state.runs.get(key);
  if (known?.approved && (known.approved.sha === sha || known.approved.at >= at)) return;
  state.runs.set(key, { id, attempt, ...known, at, approved: { at, by, sha } });
  changeJobsOf(state, key, (job) => ({
    ...job,
    heldAt: job.heldAt ?? job.queuedAt,
    readyAt: Math.max(job.readyAt ?? 0, at),
  }));
}

function changeJobsOf({ jobs }: State, key: string, change: (job: Job) => Job): void {
  for (const job of jobs.values()) if (runKey(job) === key) jobs.set(job.id, change(job));
}
