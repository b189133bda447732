import type { Limit } from "../core/facts.ts";
import type { RepoSettings } from "../core/settings.ts";
import type { Job, Machine, RunAttempt } from "../core/types.ts";

/**
 * What a store holds has happened, so none of it lies ahead. NB: the clock may have been stepped back while the controller was
 * down; a machine whose order seems to be of the next hour would be waited for an hour too long, or for ever.
 * GitHub's own times (when a job was queued, started, done) are left as they are.
 */
export function pastMachine(machine: Machine, now: number): Machine {
  const { stage, retired } = machine;
  return {
    ...withPast(machine, MACHINE_TIMES, now),
    ...(stage && { stage: past(stage, now) }),
    ...(retired && { retired: past(retired, now) }),
  };
}

const MACHINE_TIMES = [
  "createdAt",
  "startedAt",
  "upAt",
  "askedAt",
  "configuredAt",
  "workingAt",
  "endedAt",
  "destroyedAt",
] as const satisfies readonly (keyof Machine)[];

export function pastJob(job: Job, now: number): Job {
  const { failure, limited } = job;
  return {
    ...withPast(job, JOB_TIMES, now),
    ...(failure && { failure: past(failure, now) }),
    ...(limited && { limited: pastLimit(limited, now) }),
  };
}

const JOB_TIMES = [
  "readyAt",
  "heldAt",
  "gaveUpAt",
  "runCancelledAt",
  "runForcedAt",
] as const satisfies readonly (keyof Job)[];

export const pastRun = ({ approved, ...run }: RunAttempt, now: number): RunAttempt => ({
  ...past(run, now),
  ...(approved && { approved: past(approved, now) }),
});

export const pastSettings = ({ page, file }: RepoSettings, now: number): RepoSettings => ({
  ...(page && { page: past(page, now) }),
  ...(file && { file: past(file, now) }),
});

/** NB: its end may well lie ahead, but no further than when it began. */
export function pastLimit({ at, until }: Limit, now: number): Limit {
  const aheadMs = Math.max(0, at - now);
  return { at: at - aheadMs, until: until - aheadMs };
}

function withPast<T extends Partial<Record<K, number | undefined>>, K extends string>(
  row: T,
  times: readonly K[],
  now: number,
): T {
  const ahead = times.filter((key) => (row[key] ?? 0) > now);
  return { ...row, ...Object.fromEntries(ahead.map((key) => [key, now])) };
}

export const past = <T extends { at: number }>(thing: T, now: number): T => ({
  ...thing,
  at: Math.min(thing.at, now),
});
