import { z } from "zod";
import { APPROVE, HOLD_NEXT, RETRY } from "../core/report.ts";
import type { JobSeen, RepoName } from "../core/types.ts";
import { jobSeen, jobShape } from "./job-seen.ts";

const repository = z.object({ full_name: z.string(), private: z.boolean().nullish() });
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
  const { full_name: repo, private: isPrivate } = repository;
  const isPublic = typeof isPrivate === "boolean" ? !isPrivate : undefined;
  return jobSeen({ ...job, status }, { repo, installation: installation?.id ?? 0, isPublic });
}

/** Somebody pressed a button of one of our check runs. */
export type Click = {
  repo: RepoName;
  job: number;
  /** The person's login. NB: GitHub's page shows buttons to everybody with write access; what it sends says nothing of rights. */
  by: string;
  /**
   * `retry`: the job is to be tried again, by our own button or by GitHub's "Re-run" of a check run that failed. `approve`: it is a
   * fork's, and may run. `hold-next`: the next machine like it that fails is to be held. `look`: what we say of it is only doubted.
   */
  wants: "retry" | "approve" | "hold-next" | "look";
};

/** `undefined`: the check run is none of ours, or the button. Throws `ZodError` if it is no click. */
export function clickFromWebhook(payload: unknown): Click | undefined {
  const { action, check_run: check, requested_action: button, repository, sender } = click.parse(payload);
  const job = jobOfCheck(check.external_id);
  if (job === undefined) return undefined;
  const about = { repo: repository.full_name, job, by: sender.login };
  if (action === "rerequested") return { ...about, wants: check.conclusion === "failure" ? "retry" : "look" };
  const wants = button?.identifier;
  return wants === RETRY || wants === APPROVE || wants === HOLD_NEXT ? { ...about, wants } : undefined;
}

/** The job that a check run of ours is about, by its external id; `undefined` if that is none of ours. */
export function jobOfCheck(externalId: string | null | undefined): number | undefined {
  const id = Number(externalId || Number.NaN);
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}
