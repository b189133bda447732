import { storiesOf } from "../core/plan.ts";
import { runKey } from "../core/runs.ts";
import type { Story } from "../core/story.ts";
import type { Job, JobSeen } from "../core/types.ts";
import { forkWords } from "../core/words.ts";
import type { World } from "../core/world.ts";
import type { GitHub, Store } from "../ports.ts";
import type { Told, VerbParts } from "./verbs.ts";

export type ApproveParts = Pick<VerbParts, "ring" | "clock" | "log" | "world"> & {
  store: Pick<Store, "record" | "findJob">;
  github: Pick<GitHub, "run" | "rerunRun">;
};

type ApproveByIdParts = ApproveParts & { github: Pick<GitHub, "job"> };

const APPROVE_MS = 30_000;

/** As from its check run, which only has the button if it waits for it. The job is looked up first, since it may have ended meanwhile. */
export async function approveById(id: number, by: string, parts: ApproveByIdParts): Promise<Told> {
  const { store, github, clock, world } = parts;
  const known = await store.findJob(id);
  if (!known) return { status: 404, sentence: `Nothing is known of job ${id}.` };
  const obstacle = obstacleTo(known, world());
  if (obstacle) return obstacle;
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
  { job, by }: Approval,
  { store, github, clock, log, ring, world }: ApproveParts,
  signal: AbortSignal,
): Promise<Told> {
  const { id, repo, runId, headSha: sha } = job;
  const about = { repo, job: id, by };
  const isOver = job.status === "done";
  const run = isOver ? await github.run(repo, runId, signal) : undefined;
  // NB: what is known of a run is forgotten in time, and GitHub runs it again for longer than that.
  if (run && run !== "gone") await store.record([{ kind: "run-seen", at: clock.now(), job: id, run }]);
  const isPast = isOver && (job.ranOn !== undefined || run === "gone" || run?.attempt !== job.attempt);
  const known = (await store.findJob(id)) ?? { ...job, tries: 0 };
  const obstacle = isPast ? NOTHING_TO_APPROVE : obstacleTo(known, world());
  if (obstacle) {
    log.info({ ...about, why: obstacle.sentence }, "nothing to approve");
    return obstacle;
  }
  const approved = { run: runId, attempt: isOver ? job.attempt + 1 : job.attempt, sha };
  await store.record([{ kind: "run-approved", at: clock.now(), job: id, by, ...approved }]);
  const rerun = isOver ? await github.rerunRun(repo, runId, signal) : undefined;
  log.info({ ...about, ...approved, rerun }, "approved");
  ring();
  return rerun === "refused" ? RERUN_REFUSED : { status: 200, sentence: isOver ? RUN_AGAIN : MAY_RUN };
}

/** Why the job cannot be approved. NB: an approval that is kept all the same would count as soon as the rule is another. */
function obstacleTo(job: Job, world: World): Told | undefined {
  const story = storiesOf(world)(job);
  return isUnapproved(story)
    ? undefined
    : { status: 409, sentence: `Job ${job.id} cannot be approved. ${obstacleWords(job, story, world)}` };
}

function obstacleWords(job: Job, story: Story, { state }: World): string {
  const kept = story.is === "done" ? story.kept : story;
  if (kept?.is === "refused") return forkWords(kept);
  if (story.is === "looked-at")
    return "GitHub is being asked whether it comes from a fork. Try again in a minute.";
  if (story.is === "running" || job.ranOn !== undefined) return "It has a machine already, or had one.";
  const { by } = state.runs.get(runKey(job))?.approved ?? {};
  if (by !== undefined) return `${by} has approved it already.`;
  return `It waits for nobody's approval: it is no fork's, or this repository lets forks run. mayfly why ${job.id} says more.`;
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
