import type { Job, Runner } from "./model.ts";
import { jobsOf, type RunStatus, runStatus } from "./payloads/actions.ts";
import { installationOf } from "./population.ts";
import type { World } from "./world.ts";

/** The world as plain data, for other processes: ids and names instead of references. Times are epoch milliseconds. */
export type Snapshot = {
  /** Grows with each change. */
  version: number;
  repos: { name: string; private: boolean; installed: boolean }[];
  runs: (RunStatus & {
    id: number;
    repo: string;
    name: string;
    headSha: string;
    attempt: number;
    jobs: number[];
  })[];
  jobs: JobSnapshot[];
  runners: RunnerSnapshot[];
  checkRuns: CheckSnapshot[];
  deliveries: {
    id: number;
    guid: string;
    event: string;
    action: string | null;
    status: string;
    redelivery: boolean;
  }[];
  violations: string[];
};

export type JobSnapshot = Pick<
  Job,
  "id" | "name" | "attempt" | "labels" | "status" | "conclusion" | "log"
> & {
  repo: string;
  runId: number;
  headSha: string;
  createdAt: number;
  startedAt?: number | undefined;
  completedAt?: number | undefined;
  /** Name of the runner that was offered the job or has it. */
  runner?: string | undefined;
};

export type RunnerSnapshot = Pick<Runner, "id" | "name" | "labels" | "ephemeral"> & {
  repo: string;
  online: boolean;
  busy: boolean;
  version?: string | undefined;
};

export type CheckSnapshot = {
  id: number;
  repo: string;
  name: string;
  headSha: string;
  status: string;
  conclusion?: string | undefined;
  title: string | null;
  summary: string | null;
  text: string | null;
  writes: number;
};

/** The whole state as plain data. */
export function snapshot(world: World): Snapshot {
  return {
    version: world.version,
    repos: [...world.repos.values()].map((repo) => ({
      name: repo.fullName,
      private: repo.private,
      installed: installationOf(world, repo) !== undefined,
    })),
    runs: [...world.runs.values()].map((run) => {
      const jobs = jobsOf(world, run);
      const { id, name, headSha, attempt } = run;
      return {
        id,
        repo: run.repo.fullName,
        name,
        headSha,
        attempt,
        jobs: jobs.map((job) => job.id),
        ...runStatus(jobs),
      };
    }),
    jobs: [...world.jobs.values()].map(jobSnapshot),
    runners: [...world.runners.values()].map(runnerSnapshot),
    checkRuns: [...world.checkRuns.values()].map(({ repo, output, ...check }) => ({
      id: check.id,
      repo: repo.fullName,
      name: check.name,
      headSha: check.headSha,
      status: check.status,
      conclusion: check.conclusion,
      title: output.title,
      summary: output.summary,
      text: output.text,
      writes: check.writes,
    })),
    deliveries: world.deliveries.map(({ id, guid, event, action, status, redelivery }) => ({
      id,
      guid,
      event,
      action,
      status,
      redelivery,
    })),
    violations: world.violations,
  };
}

function jobSnapshot({ run, runner, ...job }: Job): JobSnapshot {
  const { id, name, attempt, labels, status, conclusion, log, createdAt, startedAt, completedAt } = job;
  const about = { repo: run.repo.fullName, runId: run.id, headSha: run.headSha, runner: runner?.name };
  return { id, name, attempt, labels, status, conclusion, log, createdAt, startedAt, completedAt, ...about };
}

const runnerSnapshot = (runner: Runner): RunnerSnapshot => ({
  id: runner.id,
  repo: runner.repo.fullName,
  name: runner.name,
  labels: runner.labels,
  ephemeral: runner.ephemeral,
  online: runner.session !== undefined,
  busy: runner.job !== undefined,
  version: runner.session?.version,
});
