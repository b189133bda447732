import type { Job, Runner } from "./model.ts";
import { changed, later, type World } from "./world.ts";

/**
 * Gives waiting jobs to idle runners: GitHub's side of what design.md calls "count, never pair".
 * See: docs.github.com, "Using self-hosted runners in a workflow": a runner must have all labels asked for, and may have more.
 */
export function handOut(world: World): void {
  const waiting = inTurn(
    world,
    [...world.jobs.values()].filter((job) => job.status === "queued" && !job.runner),
  );
  for (const job of waiting) {
    const idle = [...world.runners.values()].filter((runner) => isIdle(runner) && fits(job, runner));
    const [runner] = inTurn(world, idle);
    if (runner) offer(world, job, runner);
  }
}

/** NB: case does not matter in labels; GitHub stores a runner's in lower case. */
function fits(job: Job, runner: Runner): boolean {
  return (
    runner.repo === job.run.repo && job.labels.every((label) => runner.labels.includes(label.toLowerCase()))
  );
}

const isIdle = (runner: Runner): boolean =>
  runner.session !== undefined && !runner.job && !runner.missedOffer && !(runner.ephemeral && runner.ranJob);

/** Oldest first, or in any order if the faults say so. Which of several GitHub takes is not documented. */
function inTurn<T>(world: World, things: T[]): T[] {
  if (!world.faults.randomHandout) return things;
  return things
    .map((thing) => ({ thing, rank: world.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ thing }) => thing);
}

/**
 * The runner has a minute to take the job; else it goes back to the queue.
 * See: docs.github.com, "Self-hosted runners reference", on routing precedence: 60 seconds.
 */
function offer(world: World, job: Job, runner: Runner): void {
  runner.job = job;
  job.runner = { id: runner.id, name: runner.name };
  changed(world);
  runner.wake?.();
  later(world, world.times.giveBackMs, () => {
    if (job.status !== "queued" || runner.job !== job) return;
    takeBack(job, runner);
    runner.missedOffer = true;
    changed(world);
    handOut(world);
  });
}

/** Ends an offer that was not taken. */
export function takeBack(job: Job, runner: Runner): void {
  runner.job = undefined;
  job.runner = undefined;
}
