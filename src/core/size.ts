import { poolKey } from "./facts.ts";
import { findRepository } from "./labels.ts";
import { PROBE_AFTER } from "./patience.ts";
import { type Demand, findRoom, isBlocked, type Room } from "./pools.ts";
import type { Catalogue, Machine, Pool } from "./types.ts";
import { type Draft, type Member, type Supply, supplyOf, type World } from "./world.ts";

/** One pool: the jobs that wait, the machines it has, and how many more it wants. */
type Sized = Demand & { supply: Supply; short: number };

export type SizeContext = {
  world: World;
  members: readonly Member[];
  demand: ReadonlyMap<string, Demand>;
  room: Room;
  draft: Draft;
};

/**
 * Compares waiting jobs with machines, pool by pool: hands out registrations, orders what is short, retires what is too many.
 * NB: it counts and never pairs. GitHub gives a waiting job to any idle runner that fits, also one that was made for another
 * job. See: runs-on/runs-on 546, actions/runner 620.
 */
export function sizePools({ world, members, demand, room, draft }: SizeContext): void {
  const pools = gatherPools(world.catalogue, members, demand);
  for (const pool of pools) {
    configure(pool, draft);
    releaseSurplus(pool, world, draft);
  }
  orderFairly(pools, world, room, draft);
}

function gatherPools(
  catalogue: Catalogue,
  members: readonly Member[],
  demand: ReadonlyMap<string, Demand>,
): Sized[] {
  const membersOf = Map.groupBy(members, ({ machine }) => poolKey(machine));
  const keys = new Map<string, Demand>(demand);
  for (const { machine } of members) addPool(keys, machine, catalogue);
  for (const { name, hot } of catalogue.repositories) {
    for (const image of Object.keys(hot)) addPool(keys, { repo: name, image }, catalogue);
  }
  return Array.from(keys, ([key, pool]) => sizePool(pool, supplyOf(membersOf.get(key) ?? [])));
}

/** A pool whose image or repository left the catalogue has no demand and wants nothing: its machines end by their own rules. */
function addPool(keys: Map<string, Demand>, pool: Pool, catalogue: Catalogue): void {
  if (keys.has(poolKey(pool))) return;
  const repository = findRepository(pool.repo, catalogue);
  const image = catalogue.images.find(({ name }) => name === pool.image);
  if (repository && image) keys.set(poolKey(pool), { repository, image, waiting: [] });
}

function sizePool(demand: Demand, supply: Supply): Sized {
  const wanted = demand.waiting.length + (demand.repository.hot[demand.image.name] ?? 0);
  return { ...demand, supply, short: wanted - supply.coming.length - supply.handed.length };
}

/** Hands registrations to guests that ask, longest asking first, as many as jobs wait beyond those already handed out. */
function configure({ waiting, supply }: Sized, draft: Draft): void {
  const needed = waiting.length - supply.handed.length;
  if (needed <= 0) return;
  const asking = supply.coming.filter(
    ({ belief: { guest, runner } }) => guest === "asking" && (runner === "none" || runner === "unknown"),
  );
  const chosen = asking.toSorted(byAge).slice(0, needed);
  draft.effects.push(...chosen.map(({ machine }) => ({ do: "configure" as const, machine: machine.name })));
}

const byAge = (a: Member, b: Member): number =>
  (a.machine.askedAt ?? a.machine.createdAt) - (b.machine.askedAt ?? b.machine.createdAt);

/** Machines that no job needs: first those that have not booted yet, then the youngest; idle runners only if GitHub agrees. */
function releaseSurplus({ image, supply, short, waiting }: Sized, world: World, draft: Draft): void {
  const surplus = supply.coming.toSorted(byUse).slice(0, Math.max(0, -short));
  for (const { machine } of surplus) {
    if (!draft.isDue((machine.askedAt ?? machine.createdAt) + image.limits.idleMs)) continue;
    draft.facts.push({ kind: "machine-retired", at: world.now, machine: machine.name, why: "surplus" });
  }
  const idle = supply.handed.filter(({ belief }) => belief.runner === "idle");
  for (const { machine } of idle.slice(0, Math.max(0, supply.handed.length - waiting.length))) {
    if (!draft.isDue((machine.configuredAt ?? 0) + world.patience.settleMs)) continue;
    draft.effects.push({ do: "release", machine: machine.name });
  }
}

const byUse = (a: Member, b: Member): number =>
  Number(a.machine.askedAt !== undefined) - Number(b.machine.askedAt !== undefined) || byAge(b, a);

/** Orders one machine at a time for the repository that has the fewest, then for the oldest job, until nothing fits. */
function orderFairly(pools: readonly Sized[], world: World, room: Room, draft: Draft): void {
  const open = pools
    .filter(({ short }) => short > 0)
    .map((pool) => ({ pool, left: mayOrder(pool, room), made: 0 }));
  for (;;) {
    const next = open.filter(({ left }) => left > 0).toSorted((a, b) => byNeed(a.pool, b.pool, room))[0];
    if (!next) return;
    const ordered = order(next.pool, next.made, world, room, draft);
    next.left = ordered ? next.left - 1 : 0;
    next.made += 1;
  }
}

/** After some failures in a row a pool has one machine on its way at a time, as a probe. */
function mayOrder({ repository, image, supply, short }: Sized, room: Room): number {
  const streak = room.state.streaks.get(poolKey({ repo: repository.name, image: image.name }));
  if (!streak || streak.failures < PROBE_AFTER) return short;
  return Math.min(short, Math.max(0, 1 - supply.coming.length - supply.handed.length));
}

function byNeed(a: Sized, b: Sized, room: Room): number {
  const has = ({ repository }: Sized) => room.standing.filter(({ repo }) => repo === repository.name).length;
  return has(a) - has(b) || oldest(a) - oldest(b);
}

const oldest = ({ waiting }: Sized): number => waiting[0]?.queuedAt ?? Number.POSITIVE_INFINITY;

function order(pool: Sized, index: number, world: World, room: Room, draft: Draft): boolean {
  const { repository, image } = pool;
  const host = findRoom(room, repository, image);
  if (isBlocked(host)) return false;
  const name = world.newName(image.name);
  const forJob = uncovered(pool)[index];
  const fact = { machine: name, repo: repository.name, image: image.name, host: host.name, forJob };
  draft.facts.push({ kind: "machine-created", at: world.now, ...fact });
  room.standing.push(asRow(fact, world.now));
  return true;
}

/** Waiting jobs that no machine on its way was made for, oldest first. */
function uncovered({ waiting, supply }: Sized): number[] {
  const covered = new Set([...supply.coming, ...supply.handed].map(({ machine }) => machine.forJob));
  return waiting.filter(({ id }) => !covered.has(id)).map(({ id }) => id);
}

const asRow = (
  { machine, ...row }: { machine: string; repo: string; image: string; host: string },
  now: number,
): Machine => ({ name: machine, ...row, createdAt: now });
