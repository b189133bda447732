import type { State } from "./facts.ts";
import { findRepository, fits, imagesOf, type Match } from "./labels.ts";
import { runKey } from "./runs.ts";
import type { Catalogue, ForkRule, Job, RepoName, Repository, RunSeen } from "./types.ts";

/**
 * What the rule for forks makes of a job: the jobs of a fork's pull request run a stranger's program.
 * `unknown`: GitHub has to be asked about its run first. `unapproved`: a fork's, and nobody has let it run yet.
 */
export type Admission = "open" | "unknown" | "refused" | "unapproved";

/** Says of each job what the rule for forks makes of it. */
export type Gate = (job: Job) => Admission;

type GateParts = {
  catalogue: Catalogue;
  state: Pick<State, "runs" | "machines">;
  match: (job: Job) => Match;
};

/**
 * NB: GitHub gives a job to any runner that has all labels it asks for. So one that asks for general labels only, and that no machine
 * is ever made for, could have a runner that was made for another job. Nobody can approve such a one.
 * NB: a runner keeps the labels it was registered with. So of a job that one of our machines has, today's labels tell nothing.
 */
export function gatekeeper({ catalogue, state, match }: GateParts): Gate {
  return (job) => {
    // NB: a job that began by right goes on, whatever the rule has become since.
    if (job.admittedAt !== undefined) return "open";
    if (isOnOurs(job, state)) {
      const repository = findRepository(job.repo, catalogue);
      return repository ? admissionOf(job, repository, state) : "open";
    }
    const found = match(job);
    if (found.image) return admissionOf(job, found.repository, state);
    const repository = found.why === "only-generic" ? findRepository(job.repo, catalogue) : undefined;
    if (!repository || reachOf(job, repository, catalogue).length === 0) return "open";
    const admission = admissionOf(job, repository, state);
    return admission === "unapproved" ? "refused" : admission;
  };
}

/** GitHub said that it runs, or ran, in a machine of ours. */
export const isOnOurs = ({ ranOn }: Pick<Job, "ranOn">, { machines }: Pick<State, "machines">): boolean =>
  ranOn !== undefined && machines.has(ranOn);

/** What the rule of its repository makes of a job that a machine of ours could run. */
export function admissionOf(
  job: Pick<Job, "runId" | "attempt" | "headSha" | "isPublic">,
  { forks }: Pick<Repository, "forks">,
  { runs }: Pick<State, "runs">,
): Admission {
  const run = runs.get(runKey(job));
  const rule = forks ?? defaultRule(job.isPublic || (run?.seen?.isPublic ?? job.isPublic));
  if (rule === "allow") return "open";
  if (!run?.seen) return "unknown";
  if (!isFork(run.seen)) return "open";
  if (rule === "refuse") return "refused";
  return run.approved?.sha === job.headSha ? "open" : "unapproved";
}

/** NB: in a private repository GitHub runs no pull requests of forks, unless an administrator has told it to. */
const defaultRule = (isPublic: boolean | undefined): ForkRule => (isPublic === false ? "allow" : "refuse");

/**
 * Events of a fork's pull request that start a workflow of the repository itself, not one of the fork's.
 * See: docs.github.com, "Events that trigger workflows", `pull_request_target` and `workflow_run`.
 */
const OWN_WORKFLOW: ReadonlySet<string> = new Set(["pull_request_target", "workflow_run"]);

/** NB: a run of a fork that was deleted since then has no head any more. */
export const isFork = ({ event, head, repo }: Pick<RunSeen, "event" | "head" | "repo">): boolean =>
  head?.toLowerCase() !== repo.toLowerCase() && !OWN_WORKFLOW.has(event);

/** It is known that no machine of ours may run it. */
export const isKeptOut = (admission: Admission): admission is "refused" | "unapproved" =>
  admission === "refused" || admission === "unapproved";

/** The fork that a job's run comes from, as far as it is known. */
export const forkOf = (job: Job, { runs }: Pick<State, "runs">): RepoName | undefined =>
  runs.get(runKey(job))?.seen?.head;

/** Images whose runners GitHub could give the job. */
export const reachOf = ({ labels }: Pick<Job, "labels">, repository: Repository, catalogue: Catalogue) =>
  imagesOf(repository, catalogue).filter((image) => fits(labels, image));
