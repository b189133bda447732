import { poolKey } from "./facts.ts";
import { clock } from "./markdown.ts";
import { PROBE_AFTER } from "./patience.ts";
import type { Matcher } from "./pools.ts";
import type { Story } from "./story.ts";
import type { Job } from "./types.ts";
import { blockedWords } from "./words.ts";
import type { Draft, World } from "./world.ts";

/**
 * Gives a job up that waits in vain: after a number of machines that failed, after a time in which all machines of its pool failed, or
 * after the longest time that a job may wait at all. GitHub would let it wait for a day, and then end it without a word.
 * See: github-aws-runners/terraform-aws-github-runner 2612, runs-on/runs-on 543 (users ask for a visible end).
 */
export function planGiveUp(job: Job, story: Story, { world, match, draft }: GiveUpContext): void {
  if (job.status !== "queued" || job.gaveUpAt !== undefined) return;
  const cause =
    triesCause(job, world) ??
    (story.is === "waiting" ? timeCause(job, story, { world, match, draft }) : undefined);
  if (cause !== undefined) draft.facts.push({ kind: "job-given-up", at: world.now, job: job.id, cause });
}

export type GiveUpContext = { world: World; match: Matcher; draft: Draft };

/** NB: an image whose runner GitHub refuses does not get better by trying. */
function triesCause({ tries, failure }: Job, { patience }: World): string | undefined {
  if (tries > 0 && failure?.why === "runner-outdated")
    return `GitHub refuses the runner of the image ${failure.image}, since it is too old. The image has to be built anew.`;
  return tries >= patience.tries
    ? `${tries === 1 ? "One machine" : `${tries} machines`} failed before the job could begin.`
    : undefined;
}

function timeCause(job: Job, story: Story & { is: "waiting" }, context: GiveUpContext): string | undefined {
  const { world, draft } = context;
  const { patience, now } = world;
  const readyAt = Math.max(job.readyAt ?? job.queuedAt, world.since);
  const failing = failingPool(job, context);
  // NB: what failed before the job came is no reason: perhaps nobody has tried since.
  if (failing && failing.at > readyAt && draft.isDue(Math.max(readyAt, failing.since) + patience.giveUpMs))
    return `The last ${failing.failures} machines of the image ${failing.image} failed.`;
  if (!draft.isDue(readyAt + patience.waitMs)) return undefined;
  const reason = story.blocked ? blockedWords(story.blocked, now) : "no machine came up";
  return `It has waited for ${clock(now - readyAt)} h: ${reason}.`;
}

/** Its pool, if so many machines have failed in a row that it makes one at a time. */
function failingPool(job: Job, { world, match }: GiveUpContext) {
  const { image } = match(job);
  const streak = image && world.state.streaks.get(poolKey({ repo: job.repo, image: image.name }));
  return image && streak && streak.failures >= PROBE_AFTER ? { ...streak, image: image.name } : undefined;
}
