import type { Logger } from "pino";
import { withLimit } from "../clock.ts";
import type { State } from "../core/facts.ts";
import { hasAccess } from "../core/pools.ts";
import type { RepoName } from "../core/types.ts";
import type { Clock, GitHub, OpenCheck } from "../ports.ts";
import { type Rounds, startRounds } from "./rounds.ts";

export type OrphanParts = {
  github: Pick<GitHub, "openChecks" | "closeCheck" | "job">;
  repositories: readonly RepoName[];
  state: () => State;
  /** The store has just been made: an earlier one may be lost. */
  isNew: boolean;
  clock: Clock;
  log: Logger;
};

/** While there is no reason to look, a round costs GitHub nothing: so it comes often, and sees a short loss of access, too. */
const EVERY_MS = 60_000;
/** After a look that failed. Each may cost a hundred calls. */
const AGAIN_MS = 10 * 60_000;
/** A job waits a day at most, and its check run is open no longer than the job. */
const DAY_MS = 24 * 3_600_000;
/** Of the list, which is one call for each commit of the day. */
const LIST_LIMIT_MS = 5 * 60_000;
const LIMIT_MS = 60_000;
const WORDS = {
  title: "Mayfly lost sight of this job",
  summary:
    "While this job was open Mayfly's store was lost, or the App was not installed here. The job is over; what became of it is in the job's own log.",
};

/**
 * Closes check runs of ours that nobody writes to any more, since the store that knew of them is lost, or their job ended while the App
 * was not installed. They would look as if they ran until GitHub calls them stale, after two weeks. One whose job is not over is left
 * alone: the sweep has found the job, and goes on with the same check run. To be started when the first sweep is through. A repository
 * is looked at on a new store, and when the App is installed there again, until that has succeeded once.
 */
export function closeOrphans(parts: OrphanParts, signal: AbortSignal): Rounds {
  const { repositories, state, isNew, clock, log } = parts;
  /** From when on a repository is to be looked at. */
  const due = new Map<RepoName, number>(isNew ? repositories.map((repo) => [repo, 0]) : []);

  async function look(repo: RepoName): Promise<void> {
    try {
      await closeThoseOf(repo, parts, signal);
      due.delete(repo);
    } catch (error) {
      due.set(repo, clock.now() + AGAIN_MS);
      if (!signal.aborted) log.warn({ repo, err: error }, "check runs left open could not be closed");
    }
  }

  async function round(): Promise<void> {
    for (const repo of repositories) {
      if (signal.aborted) return;
      if (!hasAccess({ repo }, state())) due.set(repo, 0);
      else if ((due.get(repo) ?? Number.POSITIVE_INFINITY) <= clock.now()) await look(repo);
    }
  }

  const timing = { everyMs: EVERY_MS, restMs: 0, failure: "check runs left open could not be looked for" };
  return startRounds({ ...timing, round, clock, log }, signal);
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
