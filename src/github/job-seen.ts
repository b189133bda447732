import { z } from "zod";
import type { JobSeen, RepoName } from "../core/types.ts";

const time = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .nullish();
const orNothing = <T extends z.ZodType>(shape: T) => shape.nullish().transform((value) => value ?? undefined);

/**
 * A job as the REST API and webhooks show it, as far as we need it.
 * NB: webhooks of old leave out attempt, workflow and time of creation; see GitHub's own examples in test/rig/github/openapi.
 */
export const jobShape = z.object({
  id: z.int(),
  run_id: z.int(),
  run_attempt: z.int().nullish(),
  name: z.string(),
  workflow_name: z.string().nullish(),
  labels: z.array(z.string()),
  head_sha: z.string(),
  html_url: z.string().nullish(),
  status: z.enum(["queued", "in_progress", "completed", "waiting", "requested", "pending"]),
  conclusion: orNothing(z.string()),
  created_at: time,
  started_at: time,
  completed_at: time,
  runner_name: z.string().nullish(),
});

export type RawJob = z.infer<typeof jobShape>;

/** `requested` and `pending` jobs are held back too, by GitHub's own queue or by a concurrency group. */
const STATUS: Record<RawJob["status"], JobSeen["status"]> = {
  requested: "waiting",
  pending: "waiting",
  waiting: "waiting",
  queued: "queued",
  in_progress: "running",
  completed: "done",
};

/** Whose job it is. A job itself does not tell. `installation`: 0 if it is not known. */
type Where = { repo: RepoName; installation: number; isPublic?: boolean | undefined };

/** GitHub's job in our words. */
export function jobSeen(raw: RawJob, where: Where): JobSeen {
  const status = STATUS[raw.status];
  // NB: GitHub writes "" or null for no runner. A queued job may name one that then lets it go by, so that one does not count.
  const ranOn = status === "running" || status === "done" ? raw.runner_name || undefined : undefined;
  return {
    ...where,
    id: raw.id,
    runId: raw.run_id,
    attempt: raw.run_attempt ?? 1,
    name: raw.name,
    workflow: raw.workflow_name ?? "",
    labels: raw.labels,
    headSha: raw.head_sha,
    url: raw.html_url ?? "",
    status,
    conclusion: raw.conclusion,
    queuedAt: raw.created_at ?? raw.started_at ?? 0,
    // NB: GitHub sets started_at when the job is queued; it means a start only once a runner has the job.
    startedAt: ranOn === undefined ? undefined : (raw.started_at ?? undefined),
    doneAt: status === "done" ? (raw.completed_at ?? undefined) : undefined,
    ranOn,
  };
}
