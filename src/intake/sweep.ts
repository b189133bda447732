import type { Logger } from "pino";
import { withLimit } from "../clock.ts";
import type { Fact, State } from "../core/facts.ts";
import type { Job, JobSeen, RepoName } from "../core/types.ts";
import type { Clock, GitHub, Ring } from "../ports.ts";

export type SweepParts = {
  github: Pick<GitHub, "openJobs" | "job">;
  repositories: readonly RepoName[];
  state: () => State;
  record: (facts: readonly Fact[]) => Promise<void>;
  clock: Clock;
  ring: Ring;
  log: Logger;
  everyMs?: number;
};

const EVERY_MS = 5 * 60_000;
const LIMIT_MS = 60_000;
/** A job that was queued a moment ago may not be in the list yet. */
const YOUNG_MS = 60_000;

/**
 * Asks GitHub at the start and every few minutes which jobs are open, and writes the same facts as a webhook would.
 * So a webhook that never came, and one that came while the controller was down, is made up for.
 * Resolves when the signal is aborted.
 */
export async function sweepJobs(parts: SweepParts, signal: AbortSignal): Promise<void> {
  const { clock, everyMs = EVERY_MS } = parts;
  while (!signal.aborted) {
    for (const repo of parts.repositories) await sweepRepository(repo, parts, signal);
    await clock.until(clock.now() + everyMs, signal);
  }
}

async function sweepRepository(repo: RepoName, parts: SweepParts, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  try {
    const startedAt = parts.clock.now();
    const ask = <T>(question: (signal: AbortSignal) => Promise<T>) =>
      withLimit(parts.clock, LIMIT_MS, question);
    const listed = await ask((limited) => parts.github.openJobs(repo, limited));
    await writeNews(listed, parts);
    const ids = new Set(listed.map(({ id }) => id));
    const missing = openJobsOf(repo, parts.state()).filter(
      ({ id, queuedAt }) => !ids.has(id) && startedAt - queuedAt >= YOUNG_MS,
    );
    for (const job of missing) await writeNews([await ask((limited) => lookUp(job, parts, limited))], parts);
  } catch (error) {
    if (!signal.aborted) parts.log.warn({ repo, err: error }, "the open jobs could not be listed");
  }
}

/** Only news is written: the history must not grow with every look. */
async function writeNews(
  seen: readonly JobSeen[],
  { state, record, clock, ring }: SweepParts,
): Promise<void> {
  const news = seen.filter((job) => isNews(job, state()));
  if (news.length === 0) return;
  await record(news.map((job) => ({ kind: "job-seen", at: clock.now(), job })));
  ring();
}

function isNews(seen: JobSeen, { jobs, closed }: State): boolean {
  const known = jobs.get(seen.id);
  if (!known) return !closed.has(seen.id);
  return known.status !== seen.status || (known.ranOn === undefined && seen.ranOn !== undefined);
}

const openJobsOf = (repo: RepoName, { jobs }: State): Job[] =>
  Array.from(jobs.values()).filter(
    (job) => job.repo.toLowerCase() === repo.toLowerCase() && job.status !== "done",
  );

async function lookUp(job: Job, { github, clock }: SweepParts, signal: AbortSignal): Promise<JobSeen> {
  const found = await github.job(job.repo, job.id, signal);
  return found === "gone" ? { ...job, status: "done", conclusion: "gone", doneAt: clock.now() } : found;
}
