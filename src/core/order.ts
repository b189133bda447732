import { poolKey } from "./facts.ts";
import { PROBE_AFTER } from "./patience.ts";
import { findRoom, isBlocked, type Room, take } from "./pools.ts";
import type { Sized } from "./size.ts";
import type { Draft, World } from "./world.ts";

/** A pool that is short, and what was ordered for it so far in this pass. */
type Wish = { pool: Sized; left: number; made: number; forJobs: readonly number[] };

/**
 * Orders one machine at a time until nothing fits: for a job before one that is kept hot, then for the repository that has the
 * fewest machines, then for the oldest job.
 */
export function orderFairly(pools: readonly Sized[], world: World, room: Room, draft: Draft): void {
  let wishes = pools.filter(({ short }) => short > 0).map((pool) => newWish(pool, room));
  for (;;) {
    wishes = wishes.filter(({ left }) => left > 0);
    const [first, ...others] = wishes;
    if (!first) return;
    const next = others.reduce((best, wish) => (byNeed(wish, best, room) < 0 ? wish : best), first);
    next.left = order(next, world, room, draft) ? next.left - 1 : 0;
    next.made += 1;
  }
}

const newWish = (pool: Sized, room: Room): Wish => ({
  pool,
  left: mayOrder(pool, room),
  made: 0,
  forJobs: uncovered(pool),
});

/** After some failures in a row a pool has one machine on its way at a time, as a probe. */
function mayOrder({ repository, image, supply, short }: Sized, room: Room): number {
  const streak = room.state.streaks.get(poolKey({ repo: repository.name, image: image.name }));
  if (!streak || streak.failures < PROBE_AFTER) return short;
  return Math.min(short, Math.max(0, 1 - supply.coming.length - supply.handed.length));
}

/** Waiting jobs that no machine on its way was made for, oldest first. */
function uncovered({ waiting, supply }: Sized): number[] {
  const covered = new Set([...supply.coming, ...supply.handed].map(({ machine }) => machine.forJob));
  return waiting.filter(({ id }) => !covered.has(id)).map(({ id }) => id);
}

function byNeed(a: Wish, b: Wish, room: Room): number {
  const isForJob = ({ pool, made }: Wish) => Number(made < pool.shortOfJobs);
  const has = ({ pool }: Wish) => room.taken.ofRepository.get(pool.repository.name) ?? 0;
  return isForJob(b) - isForJob(a) || has(a) - has(b) || oldest(a) - oldest(b);
}

const oldest = ({ pool: { waiting } }: Wish): number => waiting[0]?.queuedAt ?? Number.MAX_VALUE;

function order({ pool, made, forJobs }: Wish, world: World, room: Room, draft: Draft): boolean {
  const { repository, image } = pool;
  const host = findRoom(room, repository, image);
  if (isBlocked(host)) {
    if (host.why === "backoff") draft.isDue(host.until);
    return false;
  }
  const place = { repo: repository.name, image: image.name, host: host.name };
  const machine = world.newName(image.name);
  draft.facts.push({ kind: "machine-created", at: world.now, machine, ...place, forJob: forJobs[made] });
  take(room, place);
  return true;
}
