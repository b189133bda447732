import type { Job, Run, Runner } from "../model.ts";
import { isoTime, nodeId, type World } from "../world.ts";
import { accountPayload } from "./people.ts";
import { minimalRepository } from "./repository.ts";
import type { Schema } from "./schema.ts";

/**
 * A job, the same in the API and in webhooks. NB: nothing in it says which event started the run, or whether it is a fork's.
 * Before a runner has it, its fields are null; `started_at` is then the time of creation.
 */
export function jobPayload(world: World, job: Job): Schema<"job"> {
  const { run } = job;
  const api = `${world.apiUrl}/repos/${run.repo.fullName}`;
  const runner = job.status === "queued" ? undefined : job.runner;
  return {
    id: job.id,
    run_id: run.id,
    workflow_name: run.name,
    head_branch: run.headBranch,
    run_url: `${api}/actions/runs/${run.id}`,
    run_attempt: job.attempt,
    node_id: nodeId("CR", job.id),
    head_sha: run.headSha,
    url: `${api}/actions/jobs/${job.id}`,
    html_url: jobPage(world, job),
    status: job.status,
    conclusion: job.conclusion ?? null,
    created_at: isoTime(job.createdAt),
    started_at: isoTime(job.startedAt ?? job.createdAt),
    completed_at: job.completedAt === undefined ? null : isoTime(job.completedAt),
    name: job.name,
    steps: stepsOf(job),
    check_run_url: `${api}/check-runs/${job.id}`,
    labels: [...job.labels],
    runner_id: runner?.id ?? null,
    runner_name: runner?.name ?? null,
    runner_group_id: runner ? 1 : null,
    runner_group_name: runner ? "Default" : null,
  };
}

/** Where people look at a job. */
export const jobPage = (world: World, job: Job): string =>
  `${world.url}/${job.run.repo.fullName}/actions/runs/${job.run.id}/job/${job.id}`;

/** Two steps, so that there is something; a job that no runner had has none. */
function stepsOf(job: Job): NonNullable<Schema<"job">["steps"]> {
  if (job.startedAt === undefined || !job.runner) return [];
  const startedAt = isoTime(job.startedAt);
  if (job.status !== "completed") {
    return [
      {
        name: "Set up job",
        number: 1,
        status: "in_progress",
        conclusion: null,
        started_at: startedAt,
        completed_at: null,
      },
    ];
  }
  const completedAt = isoTime(job.completedAt ?? job.startedAt);
  return [
    {
      name: "Set up job",
      number: 1,
      status: "completed",
      conclusion: "success",
      started_at: startedAt,
      completed_at: startedAt,
    },
    {
      name: "Run script",
      number: 2,
      status: "completed",
      conclusion: job.conclusion ?? null,
      started_at: startedAt,
      completed_at: completedAt,
    },
  ];
}

/** A run; its status and conclusion follow from the jobs of its newest attempt. */
export function runPayload(world: World, run: Run): Schema<"workflow-run"> {
  const api = `${world.apiUrl}/repos/${run.repo.fullName}`;
  const self = `${api}/actions/runs/${run.id}`;
  const head = headRepository(world, run);
  return {
    id: run.id,
    name: run.name,
    node_id: nodeId("WFR", run.id),
    check_suite_id: suiteId(run),
    check_suite_node_id: nodeId("CS", suiteId(run)),
    head_branch: run.headBranch,
    head_sha: run.headSha,
    path: ".github/workflows/build.yml",
    run_number: run.number,
    run_attempt: run.attempt,
    referenced_workflows: [],
    event: run.event,
    ...runStatus(jobsOf(world, run)),
    workflow_id: 1,
    url: self,
    html_url: `${world.url}/${run.repo.fullName}/actions/runs/${run.id}`,
    pull_requests: [],
    created_at: isoTime(run.createdAt),
    updated_at: isoTime(run.updatedAt),
    actor: accountPayload(world, { id: 1, login: run.actor, kind: "User" }),
    triggering_actor: accountPayload(world, { id: 1, login: run.actor, kind: "User" }),
    run_started_at: isoTime(run.attemptedAt),
    jobs_url: `${self}/jobs`,
    logs_url: `${self}/logs`,
    check_suite_url: `${api}/check-suites/${suiteId(run)}`,
    artifacts_url: `${self}/artifacts`,
    cancel_url: `${self}/cancel`,
    rerun_url: `${self}/rerun`,
    previous_attempt_url: run.attempt > 1 ? `${self}/attempts/${run.attempt - 1}` : null,
    workflow_url: `${api}/actions/workflows/1`,
    head_commit: {
      id: run.headSha,
      tree_id: run.headSha,
      message: `A commit on ${run.headBranch}`,
      timestamp: isoTime(run.createdAt),
      author: { name: run.actor, email: `${run.actor}@users.noreply.github.com` },
      committer: { name: run.actor, email: `${run.actor}@users.noreply.github.com` },
    },
    repository: minimalRepository(world, run.repo),
    // NB: the types of GitHub's description have no null here, see schemas.ts.
    head_repository: head as Schema<"minimal-repository">,
    ...(head && { head_repository_id: head.id }),
    display_title: `A commit on ${run.headBranch}`,
  };
}

/** Where a run's commit comes from. Null: that repository was deleted. A fork that nobody added is as good as any other. */
function headRepository(world: World, run: Run): Schema<"minimal-repository"> | null {
  if (run.headRepository === null) return null;
  const known = world.repos.get(run.headRepository.toLowerCase());
  if (known) return minimalRepository(world, known);
  const [login = "", name = ""] = run.headRepository.split("/");
  const owner = { id: 1, login, kind: "User" as const };
  return minimalRepository(world, { ...run.repo, id: 2, owner, name, fullName: run.headRepository });
}

/** The jobs of a run's newest attempt, or of the attempt given. */
export const jobsOf = (world: World, run: Run, attempt = run.attempt): Job[] =>
  [...world.jobs.values()].filter((job) => job.run === run && job.attempt === attempt);

const suiteId = (run: Run): number => run.id + 1_000_000;

export type RunStatus = { status: string; conclusion: string | null };

/** See: docs.github.com, REST "List workflow runs for a repository", parameter `status`: one word stands for a status or a conclusion. */
export function runStatus(jobs: readonly Job[]): RunStatus {
  if (jobs.every((job) => job.status === "completed")) {
    for (const conclusion of ["failure", "cancelled"]) {
      if (jobs.some((job) => job.conclusion === conclusion)) return { status: "completed", conclusion };
    }
    return { status: "completed", conclusion: "success" };
  }
  if (jobs.some((job) => job.status === "in_progress" || job.status === "completed")) {
    return { status: "in_progress", conclusion: null };
  }
  return { status: jobs.every((job) => job.status === "waiting") ? "waiting" : "queued", conclusion: null };
}

/**
 * A runner. NB: it is offline from its registration until its program opens a session.
 * See: docs.github.com, "Monitoring self-hosted runners".
 */
export function runnerPayload(runner: Runner): Schema<"runner"> {
  return {
    id: runner.id,
    runner_group_id: 1,
    name: runner.name,
    os: runner.session ? "linux" : "unknown",
    status: runner.session ? "online" : "offline",
    busy: runner.job !== undefined,
    ephemeral: runner.ephemeral,
    labels: runner.labels.map((name, index) => ({ id: index + 1, name, type: "custom" })),
  };
}
