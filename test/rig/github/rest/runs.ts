import { cancelJob, rerun } from "../jobs.ts";
import type { Job, Run } from "../model.ts";
import { jobPayload, jobsOf, runPayload, runStatus } from "../payloads/actions.ts";
import type { World } from "../world.ts";
import { notFound, refuse } from "./answer.ts";
import type { RepoCall, RepoHandlers } from "./handlers.ts";
import { pageOf } from "./pages.ts";

/** Workflow runs and their jobs. */
export const runs = {
  "actions/list-workflow-runs-for-repo": ({ world, repo, query, url }) => {
    const wanted = [...world.runs.values()]
      .filter((run) => run.repo === repo && isWanted(world, run, query))
      .reverse();
    const { entries, headers } = pageOf(wanted, query, url);
    const workflow_runs = entries.map((run) => runPayload(world, run));
    return { status: 200, body: { total_count: wanted.length, workflow_runs }, headers };
  },

  "actions/get-workflow-run": (call) => {
    const run = findRun(call);
    return run ? { status: 200, body: runPayload(call.world, run) } : notFound();
  },

  "actions/list-jobs-for-workflow-run": (call) => {
    const run = findRun(call);
    if (!run) return notFound();
    const { world, query, url } = call;
    const all = [...world.jobs.values()].filter((job) => job.run === run);
    const wanted = query.filter === "all" ? all : all.filter((job) => job.attempt === run.attempt);
    const { entries, headers } = pageOf(wanted, query, url);
    return {
      status: 200,
      body: { total_count: wanted.length, jobs: entries.map((job) => jobPayload(world, job)) },
      headers,
    };
  },

  "actions/get-job-for-workflow-run": (call) => {
    const job = findJob(call);
    return job ? { status: 200, body: jobPayload(call.world, job) } : notFound();
  },

  "actions/cancel-workflow-run": (call) => cancel(call, false),

  "actions/force-cancel-workflow-run": (call) => cancel(call, true),

  "actions/re-run-job-for-workflow-run": (call) => {
    const job = findJob(call);
    if (!job) return notFound();
    if (isOpen(call.world, job.run))
      return refuse(403, "The workflow run containing this job is already running");
    rerun(call.world, job.run, (one) => one.id === job.id);
    return { status: 201, body: {} };
  },

  "actions/re-run-workflow-failed-jobs": (call) => {
    const run = findRun(call);
    if (!run) return notFound();
    if (isOpen(call.world, run)) return refuse(403, "This workflow run is already running");
    rerun(call.world, run, (job) => job.conclusion !== "success");
    return { status: 201, body: {} };
  },
} satisfies RepoHandlers;

type Filter = RepoCall<"actions/list-workflow-runs-for-repo">["query"];

/** See: REST "List workflow runs for a repository": `status` is a status or a conclusion. */
function isWanted(world: World, run: Run, filter: Filter): boolean {
  const { status, conclusion } = runStatus(jobsOf(world, run));
  if (filter.status !== undefined && filter.status !== status && filter.status !== conclusion) return false;
  if (filter.head_sha !== undefined && filter.head_sha !== run.headSha) return false;
  if (filter.branch !== undefined && filter.branch !== run.headBranch) return false;
  if (filter.actor !== undefined && filter.actor !== run.actor) return false;
  return filter.event === undefined || filter.event === run.event;
}

type RunCall = Pick<RepoCall<"actions/get-workflow-run">, "world" | "repo"> & { path: { run_id: number } };

function findRun({ world, repo, path }: RunCall): Run | undefined {
  const run = world.runs.get(path.run_id);
  return run?.repo === repo ? run : undefined;
}

type JobCall = Pick<RepoCall<"actions/get-job-for-workflow-run">, "world" | "repo"> & {
  path: { job_id: number };
};

function findJob({ world, repo, path }: JobCall): Job | undefined {
  const job = world.jobs.get(path.job_id);
  return job?.run.repo === repo ? job : undefined;
}

/** See: REST "Cancel a workflow run" (409 when there is nothing to cancel) and "Force cancel a workflow run". */
function cancel(call: RunCall, force: boolean) {
  const run = findRun(call);
  if (!run) return notFound();
  if (!isOpen(call.world, run)) return refuse(409, "Cannot cancel a workflow run that is completed.");
  for (const job of jobsOf(call.world, run)) cancelJob(call.world, job, force);
  return { status: 202 as const, body: {} };
}

const isOpen = (world: World, run: Run): boolean => runStatus(jobsOf(world, run)).status !== "completed";
