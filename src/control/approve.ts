import { storiesOf } from "../core/plan.ts";
import type { Story } from "../core/story.ts";
import type { JobSeen } from "../core/types.ts";
import type { GitHub, Store } from "../ports.ts";
import type { Told, VerbParts } from "./verbs.ts";

export type ApproveParts = Pick<VerbParts, "ring" | "clock" | "log"> & {
  store: Pick<Store, "record">;
  github: Pick<GitHub, "run" | "rerunRun">;
};

type ApproveByIdParts = ApproveParts & {
  store: Pick<Store, "findJob">;
  github: Pick<GitHub, "job">;
  world: VerbParts["world"];
};

const APPROVE_MS = 30_000;

/** As from its check run, which only has the button if it waits for it. The job is looked up first, since it may have ended meanwhile. */
export async function approveById(id: number, by: string, parts: ApproveByIdParts): Promise<Told> {
  const { store, github, clock, world } = parts;
  const known = await store.findJob(id);
  if (!known) return { status: 404, sentence: `Nothing is known of job ${id}.` };
  if (!isUnapproved(storiesOf(world())(known)))
    return { status: 409, sentence: `Job ${id} waits for nobody's approval. mayfly why ${id} says more.` };
  const signal = AbortSignal.timeout(APPROVE_MS);
  const job = await github.job(known.repo, id, signal);
  if (job === "gone") return { status: 404, sentence: `GitHub has no job ${id} any more.` };
  await store.record([{ kind: "job-seen", at: clock.now(), job }]);
  return approveJob({ job, by }, parts, signal);
}

/** It waits for somebody's approval, or ended for want of it. */
export const isUnapproved = (story: Story): boolean =>
  story.is === "unapproved" || (story.is === "done" && story.kept?.is === "unapproved");

/** `by`: the person's login at GitHub. */
export type Approval = { job: JobSeen; by: string };

/**
 * A fork's job that waits may run, with all of its attempt of the run. One that ended unapproved is over: what is approved is the attempt
 * that runs it again. NB: the same click may be told twice, and the second time that attempt is there already.
 */
export async function approveJob(
  { job: { repo, ...job }, by }: Approval,
  { store, github, clock, log, ring }: ApproveParts,
  signal: AbortSignal,
): Promise<Told> {
  const about = { repo, job: job.id, by };
  const isOver = job.status === "done";
  const run = isOver ? await github.run(repo, job.runId, signal) : undefined;
  if (isOver && (job.ranOn !== undefined || run === "gone" || run?.attempt !== job.attempt)) {
    log.info(about, "nothing to approve: the job has run, or its run was run again");
    return NOTHING_TO_APPROVE;
  }
  const approved = { run: job.runId, attempt: isOver ? job.attempt + 1 : job.attempt, sha: job.headSha };
  await store.record([{ kind: "run-approved", at: clock.now(), job: job.id, by, ...approved }]);
  const rerun = isOver ? await github.rerunRun(repo, job.runId, signal) : undefined;
  log.info({ ...about, ...approved, rerun }, "approved");
  ring();
  return rerun === "refused" ? RERUN_REFUSED : { status: 200, sentence: isOver ? RUN_AGAIN : MAY_RUN };
}

const MAY_RUN =
  "The jobs of this attempt of the run get machines now. Another commit has to be approved anew.";
const RUN_AGAIN =
  "The job had ended, so GitHub was asked to run its run again; those jobs get machines. Another commit has to be approved anew.";
const NOTHING_TO_APPROVE: Told = {
  status: 409,
  sentence: "There is nothing to approve: the job has run, or its run was run again.",
};
const RERUN_REFUSED: Told = {
  status: 409,
  sentence:
    "It is approved, but GitHub does not run it again just now, for instance since other jobs of its run are not over. Press Re-run on the run's page at GitHub when they are.",
};
