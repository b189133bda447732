import { waitsSince } from "./measure.ts";
import { parseName } from "./name.ts";
import { FAILURES } from "./turn.ts";
import type { Job, Machine, RepoName } from "./types.ts";

/** From a time to another, the latter not included. */
export type Span = { from: number; to: number };

/** What a repository used. See docs/operator.md for what exactly each figure counts. */
export type Usage = {
  /** Empty: machines that were adopted, whose repository is not known. */
  repo: RepoName;
  /** Jobs of ours that ended. */
  jobs: number;
  /** Time that VMs were there, in hours. */
  vmHours: number;
  /** From the queueing of these jobs to their start; undefined: none started. */
  queueP50Seconds: number | undefined;
  queueP95Seconds: number | undefined;
  machinesFailed: number;
  jobsGivenUp: number;
};

export type UsageParts = {
  jobs: Iterable<Job>;
  machines: Iterable<Machine>;
  span: Span;
  now: number;
  controller: string;
};

/** What each repository used in that time, the one with the most VM hours first. */
export function usageOf({ jobs, machines, span, now, controller }: UsageParts): Usage[] {
  const tallies = new Map<string, Tally>();
  const tallyOf = (repo: RepoName) => {
    const key = repo.toLowerCase();
    const tally = tallies.get(key) ?? {
      repo,
      jobs: 0,
      vmMs: 0,
      waitsMs: [],
      machinesFailed: 0,
      jobsGivenUp: 0,
    };
    tallies.set(key, tally);
    return tally;
  };
  for (const job of jobs) if (wasOurs(job, controller)) addJob(job, span, tallyOf);
  for (const machine of machines) addMachine(machine, span, now, tallyOf);
  return Array.from(tallies.values(), toUsage).toSorted(
    (a, b) => b.vmHours - a.vmHours || (a.repo < b.repo ? -1 : 1),
  );
}

type Tally = Pick<Usage, "repo" | "jobs" | "machinesFailed" | "jobsGivenUp"> & {
  vmMs: number;
  waitsMs: number[];
};

/** A machine of ours ran it, was made for it, or a check run of ours told of it. */
export const wasOurs = (job: Job, controller: string): boolean =>
  job.check !== undefined ||
  job.failure !== undefined ||
  job.gaveUpAt !== undefined ||
  (job.ranOn !== undefined && parseName(controller, job.ranOn) !== "not ours");

function addJob(job: Job, span: Span, tallyOf: (repo: RepoName) => Tally): void {
  const { doneAt, gaveUpAt, startedAt } = job;
  if (isIn(gaveUpAt, span)) tallyOf(job.repo).jobsGivenUp += 1;
  if (!isIn(doneAt, span)) return;
  const tally = tallyOf(job.repo);
  tally.jobs += 1;
  if (startedAt !== undefined) tally.waitsMs.push(Math.max(0, startedAt - waitsSince(job)));
}

function addMachine(machine: Machine, span: Span, now: number, tallyOf: (repo: RepoName) => Tally): void {
  const { retired } = machine;
  const vmMs = vmMsIn(machine, span, now);
  const hasFailed = retired !== undefined && FAILURES.has(retired.why) && isIn(retired.at, span);
  if (vmMs === 0 && !hasFailed) return;
  const tally = tallyOf(machine.repo);
  tally.vmMs += vmMs;
  if (hasFailed) tally.machinesFailed += 1;
}

/** NB: a VM that was adopted is older than its row; how much, nobody knows. */
function vmMsIn(
  { startedAt, adopted, createdAt, destroyedAt }: Machine,
  { from, to }: Span,
  now: number,
): number {
  const bornAt = startedAt ?? (adopted ? createdAt : undefined);
  if (bornAt === undefined) return 0;
  return Math.max(0, Math.min(destroyedAt ?? now, to) - Math.max(bornAt, from));
}

const isIn = (at: number | undefined, { from, to }: Span): boolean =>
  at !== undefined && at >= from && at < to;

function toUsage({ vmMs, waitsMs, ...rest }: Tally): Usage {
  const sorted = waitsMs.toSorted((a, b) => a - b);
  return {
    ...rest,
    vmHours: Math.round(vmMs / 36_000) / 100,
    queueP50Seconds: quantile(sorted, 0.5),
    queueP95Seconds: quantile(sorted, 0.95),
  };
}

/** The smallest of them that at least this share of all does not exceed. */
function quantile(sortedMs: readonly number[], share: number): number | undefined {
  const ms = sortedMs[Math.max(0, Math.ceil(sortedMs.length * share) - 1)];
  return ms === undefined ? undefined : Math.round(ms / 1000);
}
