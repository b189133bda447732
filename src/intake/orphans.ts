import type { Logger } from "pino";
import { withLimit } from "../clock.ts";
import type { State } from "../core/facts.ts";
import { hasAccess } from "../core/pools.ts";
import type { RepoName } from "../core/types.ts";
import type { Clock, GitHub, OpenCheck } from "../ports.ts";

export type OrphanParts = {
  github: Pick<GitHub, "openChecks" | "closeCheck" | "job">;
  repositories: readonly RepoName[];
  state: () => State;
  clock: Clock;
  log: Logger;
};

/** A job waits a day at most, and its check run is open no longer than the job. */
const DAY_MS = 24 * 3_600_000;
/** Of the list, which is one call for each commit of the day. */
const LIST_LIMIT_MS = 5 * 60_000;
const LIMIT_MS = 60_000;
const WORDS = {
  title: "Mayfly lost sight of this job",
  summary:
    "Mayfly's store was lost or replaced while this job was open. The job is over; what became of it is in the job's own log.",
};

/**
 * Closes check runs of ours that nobody writes to any more, since the store that knew of them is lost. They would look as if they ran
 * until GitHub calls them stale, after two weeks. One whose job is not over is left alone: the sweep has found the job, and goes on
 * with the same check run. To be called once, when the first sweep is through.
 */
export async function closeOrphans(parts: OrphanParts, signal: AbortSignal): Promise<void> {
  for (const repo of parts.repositories) {
    if (signal.aborted) return;
    if (!hasAccess({ repo }, parts.state())) continue;
    try {
      await closeThoseOf(repo, parts, signal);
    } catch (error) {
      if (!signal.aborted) parts.log.warn({ repo, err: error }, "check runs left open could not be closed");
    }
  }
}

async function closeThoseOf(
  repo: RepoName,
  { github, state, clock, log }: OrphanParts,
  signal: AbortSignal,
): Promise<void> {
  const limited = <T>(limitMs: number, run: (both: AbortSignal) => Promise<T>): Promise<T> =>
    withLimit(clock, limitMs, run, signal);
  const isOurs = ({ job }: OpenCheck) => state().jobs.has(job);
  const since = clock.now() - DAY_MS;
  for (const check of await limited(LIST_LIMIT_MS, (both) => github.openChecks(repo, since, both))) {
    if (isOurs(check)) continue;
    const job = await limited(LIMIT_MS, (both) => github.job(repo, check.job, both));
    // NB: a webhook may have told of the job meanwhile; then its check run has a writer again.
    if ((job !== "gone" && job.status !== "done") || isOurs(check)) continue;
    await limited(LIMIT_MS, (both) => github.closeCheck(repo, check.id, WORDS, both));
    log.info({ repo, job: check.job }, "closed a check run that was left open");
  }
}
