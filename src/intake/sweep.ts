import type { Logger } from "pino";
import { withLimit } from "../clock.ts";
import type { Fact, State } from "../core/facts.ts";
import { YOUNG_MS } from "../core/patience.ts";
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
const MOST_FAILURES = 3;

/**
 * Asks GitHub at the start and every few minutes which jobs are open, and writes the same facts as a webhook would.
 * So a webhook that never came, and one that came while the controller was down, is made up for.
 * Resolves when the signal is aborted.
 */
export async function sweepJobs(parts: SweepParts, signal: AbortSignal): Promise<void> {
  const { clock, everyMs = EVERY_MS } = parts;
  while (!signal.aborted) {
    for (const repo of parts.repositories) await sweepRepository(repo, parts, signal);
    await lookUpAll(jobsElsewhere(parts), parts, signal);
    await clock.until(clock.now() + everyMs, signal);
  }
}

async function sweepRepository(repo: RepoName, parts: SweepParts, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  try {
    const listed = await withLimit(parts.clock, LIMIT_MS, (limited) => parts.github.openJobs(repo, limited));
    await writeNews(listed, parts);
    const ids = new Set(listed.map(({ id }) => id));
    const missing = openJobs(parts.state()).filter((job) => isOf(repo, job) && !ids.has(job.id));
    await lookUpAll(missing, parts, signal);
  } catch (error) {
    if (!signal.aborted) parts.log.warn({ repo, err: error }, "the open jobs could not be listed");
  }
}

/** Looks each job up by itself: one that GitHub stumbles over does not hide the others. A few in a row are GitHub's own trouble. */
async function lookUpAll(jobs: readonly Job[], parts: SweepParts, signal: AbortSignal): Promise<void> {
  let failures = 0;
  for (const job of jobs) {
    if (signal.aborted || failures >= MOST_FAILURES) return;
    try {
      await writeNews(
        [await withLimit(parts.clock, LIMIT_MS, (limited) => lookUp(job, parts, limited))],
        parts,
      );
      failures = 0;
    } catch (error) {
      failures += 1;
      parts.log.warn({ repo: job.repo, job: job.id, err: error }, "a job could not be looked up");
    }
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

const openJobs = ({ jobs }: State): Job[] =>
  Array.from(jobs.values()).filter(({ status }) => status !== "done");

const isOf = (repo: RepoName, job: Job): boolean => job.repo.toLowerCase() === repo.toLowerCase();

/** Jobs whose repository has left the catalogue: no webhook of theirs is read any more, and they have to end all the same. */
const jobsElsewhere = ({ repositories, state }: SweepParts): Job[] =>
  openJobs(state()).filter((job) => !repositories.some((repo) => isOf(repo, job)));

/**
 * NB: GitHub also says "gone" of a job that it does not know yet, and of a repository that it hides from us. A job that runs must
 * not end by that: its VM would be destroyed.
 */
async function lookUp(
  job: Job,
  { github, clock, repositories }: SweepParts,
  signal: AbortSignal,
): Promise<JobSeen> {
  const found = await github.job(job.repo, job.id, signal);
  const isServed = repositories.some((repo) => isOf(repo, job));
  const isYoung = clock.now() - job.queuedAt < YOUNG_MS;
  if (found === "gone" && (isYoung || (job.status === "running" && !isServed))) return job;
  return found === "gone" ? { ...job, status: "done", conclusion: "gone", doneAt: clock.now() } : found;
}
