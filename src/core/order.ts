import { poolKey } from "./facts.ts";
import { PROBE_AFTER } from "./patience.ts";
import { type Blocked, findRoom, isBlocked, type Room, take } from "./pools.ts";
import type { Sized } from "./size.ts";
import { candidateFor } from "./trials.ts";
import type { Draft, World } from "./world.ts";

/** A pool that is short, what was ordered for it so far in this pass, and what keeps it from more. */
type Wish = {
  pool: Sized;
  most: number;
  made: number;
  stuck: Blocked | undefined;
  forJobs: readonly number[];
};

/** A pool that lacks so many machines for its jobs, and what keeps it from another one. */
export type Stuck = { pool: Sized; blocked: Blocked; missing: number };

/**
 * Orders machines one at a time until nothing fits: for jobs before those that are kept hot, then for the repository that has the
 * fewest machines, then for the oldest job. Answers the pools that lack machines for their jobs all the same.
 */
export function orderFairly(pools: readonly Sized[], world: World, room: Room, draft: Draft): Stuck[] {
  const wishes = pools.filter(({ short }) => short > 0).map((pool) => newWish(pool, room));
  const order = (wish: Wish) => orderOne(wish, world, room, draft);
  takeTurns(wishes, ({ pool, most }) => Math.min(most, pool.shortOfJobs), room, order);
  takeTurns(wishes, ({ most }) => most, room, order);
  return wishes.flatMap(({ pool, made, stuck }) =>
    stuck && made < pool.shortOfJobs ? [{ pool, blocked: stuck, missing: pool.shortOfJobs - made }] : [],
  );
}

const newWish = (pool: Sized, room: Room): Wish => ({
  pool,
  most: mayOrder(pool, room),
  made: 0,
  stuck: undefined,
  forJobs: uncovered(pool),
});

/** After some failures in a row a pool has one machine on its way at a time, as a probe. */
function mayOrder({ repository, image, supply, short }: Sized, room: Room): number {
  const streak = room.state.streaks.get(poolKey({ repo: repository.name, image: image.name }));
  if (!streak || streak.failures < PROBE_AFTER) return short;
  return Math.min(
    short,
    Math.max(0, 1 - supply.coming.length - supply.handed.length - supply.failing.length),
  );
}

/** Waiting jobs that no machine on its way was made for, oldest first. */
function uncovered({ waiting, supply }: Sized): number[] {
  const covered = new Set([...supply.coming, ...supply.handed].map(({ machine }) => machine.forJob));
  return waiting.filter(({ id }) => !covered.has(id)).map(({ id }) => id);
}

/** Of the repositories that have the fewest machines each gets one more, before any of them gets a second. */
function takeTurns(
  wishes: readonly Wish[],
  wanted: (wish: Wish) => number,
  room: Room,
  order: (wish: Wish) => void,
): void {
  const isOpen = (wish: Wish) => !wish.stuck && wish.made < wanted(wish);
  const has = (name: string) => room.taken.ofRepository.get(name) ?? 0;
  const sorted = wishes.filter(isOpen).toSorted((a, b) => oldest(a) - oldest(b));
  let turns = [...Map.groupBy(sorted, ({ pool }) => pool.repository.name)];
  while (turns.length > 0) {
    const fewest = Math.min(...turns.map(([name]) => has(name)));
    for (const [name, mine] of turns) {
      for (let next = mine.find(isOpen); next && has(name) === fewest; next = mine.find(isOpen)) order(next);
    }
    turns = turns.filter(([, mine]) => mine.some(isOpen));
  }
}

const oldest = ({ pool: { waiting } }: Wish): number => waiting[0]?.queuedAt ?? Number.MAX_VALUE;

function orderOne(wish: Wish, world: World, room: Room, draft: Draft): void {
  const { repository, image } = wish.pool;
  const host = findRoom(room, repository, image);
  if (isBlocked(host)) {
    wish.stuck = host;
    if ("until" in host && host.until !== undefined) draft.isDue(host.until);
    return;
  }
  const place = { repo: repository.name, image: image.name, host: host.name };
  const machine = world.newName(image.name);
  const forJob = wish.forJobs[wish.made];
  const job = forJob === undefined ? undefined : world.state.jobs.get(forJob);
  const trial = candidateFor({ host, image, forJob: job }, machine, { world, draft });
  draft.facts.push({ kind: "machine-created", at: world.now, machine, ...place, forJob, trial });
  take(room, { ...place, createdAt: world.now });
  wish.made += 1;
}
