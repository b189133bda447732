import { handOut, takeBack } from "./handout.ts";
import type { Conclusion, Job, Run, Runner } from "./model.ts";
import { jobPayload, jobsOf } from "./payloads/actions.ts";
import { installationOf, OCTOCAT, repoNamed } from "./population.ts";
import { sendEvent } from "./webhooks.ts";
import { changed, later, newSha, type World } from "./world.ts";

/** The life of runs and jobs. See: docs.github.com, webhook `workflow_job`, for the four actions. */

export type JobOrder = {
  name: string;
  labels: readonly string[];
  script: string;
  env?: Readonly<Record<string, string>> | undefined;
  /** The job waits until somebody approves it (`approveJob`). */
  environment?: string | undefined;
};

export type RunOrder = {
  name?: string | undefined;
  event?: string | undefined;
  headSha?: string | undefined;
  headBranch?: string | undefined;
  /** `owner/name` of the fork a pull request comes from, which nobody need have added. Null: it was deleted. */
  headRepository?: string | null | undefined;
  actor?: string | undefined;
  jobs: readonly JobOrder[];
};

/** Starts a workflow run: each of its jobs is queued, with a webhook, and given to an idle runner if there is one. */
export function queueRun(world: World, fullName: string, order: RunOrder): Run {
  const repo = repoNamed(world, fullName);
  const now = Date.now();
  const run: Run = {
    id: world.newId("run"),
    repo,
    number: [...world.runs.values()].filter((other) => other.repo === repo).length + 1,
    name: order.name ?? "Build",
    event: order.event ?? "push",
    headSha: order.headSha ?? newSha(),
    headBranch: order.headBranch ?? "main",
    headRepository: order.headRepository === undefined ? repo.fullName : order.headRepository,
    actor: order.actor ?? OCTOCAT,
    attempt: 1,
    createdAt: now,
    attemptedAt: now,
    updatedAt: now,
  };
  world.runs.set(run.id, run);
  for (const job of order.jobs) queueJob(world, run, { ...job, env: job.env ?? {} });
  handOut(world);
  return run;
}

/** A runner took the job that it was offered. */
export function beginJob(world: World, job: Job): void {
  job.status = "in_progress";
  job.startedAt = Date.now();
  const runner = runnerOf(world, job);
  if (runner) runner.ranJob = true;
  tell(world, job, "in_progress");
}

/** Ends a job that is not over yet. NB: a job that no runner had completes without ever having been in progress. */
export function completeJob(world: World, job: Job, conclusion: Conclusion): void {
  if (job.status === "completed") return;
  const runner = runnerOf(world, job);
  if (job.status !== "in_progress" && runner) takeBack(job, runner);
  job.status = "completed";
  job.conclusion = conclusion;
  job.completedAt = Date.now();
  if (runner?.job === job) runner.job = undefined;
  tell(world, job, "completed");
  handOut(world);
}

/**
 * Cancels a job: at once while it waits; one that runs is asked to end, and ended after five minutes.
 * See: docs.github.com, "Canceling a workflow". `force`: does not ask.
 */
export function cancelJob(world: World, job: Job, force = false): void {
  if (job.status === "completed") return;
  if (job.status !== "in_progress" || force) return completeJob(world, job, "cancelled");
  job.cancelRequested = true;
  changed(world);
  later(world, world.times.cancelMs, () => completeJob(world, job, "cancelled"));
}

/** Somebody approves the environment of a waiting job. NB: `queued` is sent a second time. See: cdk-github-runners issue 382. */
export function approveJob(world: World, job: Job): void {
  if (job.status !== "waiting") throw new Error(`job ${job.id} is not waiting for an approval`);
  job.status = "queued";
  tell(world, job, "queued");
  handOut(world);
}

/**
 * Starts a new attempt of the job's run in which the chosen jobs run again, under new ids.
 * NB: the others are carried over under new ids too, and GitHub sends `completed` for them once more.
 * See: the log in actions-runner-controller issue 4315.
 */
export function rerun(world: World, run: Run, chosen: (job: Job) => boolean): Job[] {
  const before = jobsOf(world, run);
  run.attempt += 1;
  run.attemptedAt = Date.now();
  const fresh: Job[] = [];
  for (const job of before) {
    if (chosen(job)) fresh.push(queueJob(world, run, job));
    else carryOver(world, job);
  }
  handOut(world);
  return fresh;
}

function queueJob(world: World, run: Run, order: JobOrder & Pick<Job, "env">): Job {
  const job: Job = {
    id: world.newId("job"),
    run,
    attempt: run.attempt,
    name: order.name,
    labels: [...order.labels],
    script: order.script,
    env: order.env,
    environment: order.environment,
    status: order.environment === undefined ? "queued" : "waiting",
    createdAt: Date.now(),
    cancelRequested: false,
    log: "",
  };
  world.jobs.set(job.id, job);
  // NB: GitHub says `queued` first also of a job that is held back; its status is `waiting` then. See: the examples in openapi/.
  tell(world, job, "queued");
  if (job.status === "waiting") tell(world, job, "waiting");
  later(world, world.times.queueMs, () => {
    if (job.status === "queued") completeJob(world, job, "cancelled");
  });
  return job;
}

function carryOver(world: World, before: Job): void {
  const job: Job = { ...before, id: world.newId("job"), attempt: before.run.attempt };
  world.jobs.set(job.id, job);
  tell(world, job, "completed");
}

const runnerOf = (world: World, job: Job): Runner | undefined =>
  job.runner && world.runners.get(job.runner.id);

function tell(world: World, job: Job, action: string): void {
  const { run } = job;
  run.updatedAt = Date.now();
  changed(world);
  const installation = installationOf(world, run.repo);
  if (!installation) return;
  const payload = { workflow_job: jobPayload(world, job) };
  sendEvent(world, {
    event: "workflow_job",
    action,
    installation,
    repo: run.repo,
    sender: run.actor,
    payload,
  });
}
