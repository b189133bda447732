import { withLimit } from "../clock.ts";
import { believeJob } from "../core/believe.ts";
import type { State } from "../core/facts.ts";
import { hasAccess } from "../core/pools.ts";
import type { Job, JobSeen, RepoName } from "../core/types.ts";
import { type GitHub, GitHubUnavailable } from "../ports.ts";
import { type AccessParts, noteAccess } from "./access.ts";
import { type Rounds, startRounds } from "./rounds.ts";

export type SweepParts = AccessParts & { github: Pick<GitHub, "openJobs" | "job">; everyMs?: number };

const EVERY_MS = 5 * 60_000;
/** However often somebody rings. */
const REST_MS = 5_000;
const LIMIT_MS = 60_000;
const MOST_FAILURES = 3;
/** Between two repositories, so that many of them are not asked about at once. */
const PAUSE_MS = 1_000;

/**
 * Asks GitHub at the start and every few minutes where the App is installed and which jobs are open, and writes the same facts as a
 * webhook would. So a webhook that never came, and one that came while the controller was down, is made up for.
 */
export function sweepJobs(parts: SweepParts, signal: AbortSignal): Rounds {
  const { clock, log, everyMs = EVERY_MS, repositories } = parts;
  const pauseMs = Math.min(PAUSE_MS, everyMs / 2 / repositories.length);
  const limits: Limits = new Map();
  const askedAt = new Map<RepoName, number>();
  const lastAsked = (repo: RepoName): number => askedAt.get(repo) ?? 0;
  let isFirst = true;

  async function round(): Promise<void> {
    await noteAccess(parts, signal).catch((error: unknown) => {
      if (!signal.aborted) log.warn({ err: error }, "where the App is installed could not be asked");
    });
    // NB: those that a limit kept from being asked come first, else the same ones would be left out each time.
    const inTurn = repositories.toSorted((a, b) => lastAsked(a) - lastAsked(b));
    for (const [index, repo] of inTurn.entries()) {
      // NB: jobs may wait since yesterday when the controller starts.
      if (index > 0 && !isFirst) await clock.until(clock.now() + pauseMs, signal);
      await sweepRepository(repo, parts, limits, signal);
      if (!isLimited(repo, limits, parts)) askedAt.set(repo, clock.now());
    }
    await lookUpAll(jobsElsewhere(parts), parts, limits, signal);
    isFirst = false;
  }

  const timing = { everyMs, restMs: REST_MS, failure: "the sweep failed" };
  return startRounds({ ...timing, round, clock, log }, signal);
}

/**
 * By owner: until when GitHub wants to be left alone. It limits each installation by itself, and an App has one installation for each
 * owner of repositories.
 */
type Limits = Map<string, number>;

const ownerOf = (repo: RepoName): string => repo.toLowerCase().split("/")[0] ?? "";

const isLimited = (repo: RepoName, limits: Limits, { clock }: SweepParts): boolean =>
  (limits.get(ownerOf(repo)) ?? 0) > clock.now();

function noteLimit(repo: RepoName, error: unknown, limits: Limits): void {
  if (error instanceof GitHubUnavailable && error.retryAt !== undefined)
    limits.set(ownerOf(repo), error.retryAt);
}

async function sweepRepository(
  repo: RepoName,
  parts: SweepParts,
  limits: Limits,
  signal: AbortSignal,
): Promise<void> {
  const { clock, github, state, log } = parts;
  if (signal.aborted || isLimited(repo, limits, parts) || !hasAccess({ repo }, state())) return;
  try {
    const ask = (limited: AbortSignal) => github.openJobs(repo, limited, (some) => writeNews(some, parts));
    const listed = await withLimit(clock, LIMIT_MS, ask, signal);
    await writeNews(listed, parts);
    const ids = new Set(listed.map(({ id }) => id));
    const missing = openJobs(state()).filter((job) => isOf(repo, job) && !ids.has(job.id));
    await lookUpAll(missing, parts, limits, signal);
  } catch (error) {
    noteLimit(repo, error, limits);
    if (!signal.aborted) log.warn({ repo, err: error }, "the open jobs could not be listed");
  }
}

/** Looks each job up by itself: one that GitHub stumbles over does not hide the others. A few in a row are GitHub's own trouble. */
async function lookUpAll(
  jobs: readonly Job[],
  parts: SweepParts,
  limits: Limits,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  for (const job of jobs) {
    if (signal.aborted || failures >= MOST_FAILURES) return;
    if (isLimited(job.repo, limits, parts)) continue;
    try {
      const ask = (limited: AbortSignal) => lookUp(job, parts, limited);
      const found = await withLimit(parts.clock, LIMIT_MS, ask, signal);
      if (found !== "unproven") await writeNews([found], parts);
      failures = 0;
    } catch (error) {
      failures += 1;
      noteLimit(job.repo, error, limits);
      if (!signal.aborted)
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

async function lookUp(
  job: Job,
  { github, clock, repositories }: SweepParts,
  signal: AbortSignal,
): Promise<JobSeen | "unproven"> {
  const found = await github.job(job.repo, job.id, signal);
  const isServed = repositories.some((repo) => isOf(repo, job));
  return believeJob(job, found, { now: clock.now(), isServed });
}
