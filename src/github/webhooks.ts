import { z } from "zod";
import type { JobSeen, RepoName } from "../core/types.ts";
import { jobSeen, jobShape } from "./job-seen.ts";

const repository = z.object({ full_name: z.string() });
const workflowJob = z.object({
  action: z.string(),
  workflow_job: jobShape,
  repository,
  installation: z.object({ id: z.int() }).nullish(),
});
const checkRun = z.object({ check_run: z.object({ external_id: z.string().nullish() }), repository });

/** The repository a webhook is about. Throws `ZodError` if it names none. */
export function repositoryOf(payload: unknown): RepoName {
  return z.object({ repository }).parse(payload).repository.full_name;
}

/**
 * The job that a `workflow_job` webhook tells of. Throws `ZodError` if it is none.
 * NB: the action and the job's own status differ at times: a job that an environment holds back comes as action `queued` with status
 * `waiting`, and is neither queued nor lost. The status is the newer word, but a webhook of action `waiting` says it all by itself.
 */
export function jobFromWebhook(payload: unknown): JobSeen {
  const { action, workflow_job: job, repository, installation } = workflowJob.parse(payload);
  const status = action === "waiting" ? "waiting" : job.status;
  return jobSeen({ ...job, status }, { repo: repository.full_name, installation: installation?.id ?? 0 });
}

/** The job that one of our check runs is about; `undefined` if it is not one of ours. Throws `ZodError` if it is no check run. */
export function jobOfCheckRun(payload: unknown): number | undefined {
  return jobOfCheck(checkRun.parse(payload).check_run.external_id);
}

/** The same of the id that a check run bears, which every App writes in its own way. */
export function jobOfCheck(externalId: string | null | undefined): number | undefined {
  const id = Number(externalId || Number.NaN);
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}
