import { z } from "zod";
import { RETRY } from "../core/report.ts";
import type { JobSeen, RepoName } from "../core/types.ts";
import { jobSeen, jobShape } from "./job-seen.ts";

const repository = z.object({ full_name: z.string() });
const workflowJob = z.object({
  action: z.string(),
  workflow_job: jobShape,
  repository,
  installation: z.object({ id: z.int() }).nullish(),
});
const click = z.object({
  action: z.enum(["rerequested", "requested_action"]),
  check_run: z.object({ external_id: z.string().nullish(), conclusion: z.string().nullish() }),
  requested_action: z.object({ identifier: z.string() }).nullish(),
  repository,
  sender: z.object({ login: z.string() }),
});

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

/** Somebody pressed a button of one of our check runs. */
export type Click = {
  repo: RepoName;
  job: number;
  /** The person's login. NB: GitHub's page shows buttons to everybody with write access; what it sends says nothing of rights. */
  by: string;
  /** The job is to be tried again: our own button, or GitHub's "Re-run" of a check run that failed. If not, it is only doubted. */
  isRetry: boolean;
};

/** `undefined`: the check run is none of ours, or the button. Throws `ZodError` if it is no click. */
export function clickFromWebhook(payload: unknown): Click | undefined {
  const { action, check_run: check, requested_action: button, repository, sender } = click.parse(payload);
  const job = jobOfCheck(check.external_id);
  if (job === undefined) return undefined;
  const isOurButton = button?.identifier === RETRY;
  if (action === "requested_action" && !isOurButton) return undefined;
  const isRetry = isOurButton || check.conclusion === "failure";
  return { repo: repository.full_name, job, by: sender.login, isRetry };
}

/** The job that a check run of ours is about, by its external id; `undefined` if that is none of ours. */
export function jobOfCheck(externalId: string | null | undefined): number | undefined {
  const id = Number(externalId || Number.NaN);
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}
