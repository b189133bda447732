import { poolKey } from "./facts.ts";
import type { Gate } from "./forks.ts";
import { clearTheWay, type InTheWay } from "./keep-out.ts";
import { findRepository } from "./labels.ts";
import { orderFairly, type Stuck } from "./order.ts";
import { type Demand, hasAccess, type Room } from "./pools.ts";
import type { Catalogue, Machine, Pool } from "./types.ts";
import { type Draft, type Member, type Supply, supplyOf, untoldUntil, type World } from "./world.ts";

/** One pool, with all that it has and wants. */
export type Sized = Demand & {
  supply: Supply;
  /** Jobs that wait, without those that a guest has begun already. */
  open: number;
  /** Machines that it lacks for its jobs, and in all: some may be kept hot. Below zero: it has too many. */
  shortOfJobs: number;
  short: number;
};

export type SizeContext = {
  world: World;
  members: readonly Member[];
  demand: ReadonlyMap<string, Demand>;
  room: Room;
  inTheWay: InTheWay;
  gate: Gate;
  draft: Draft;
};

/**
 * Compares waiting jobs with machines, pool by pool: hands out registrations, orders what is short, retires what is too many.
 * NB: it counts and never pairs. GitHub gives a waiting job to any idle runner that fits, also one that was made for another
 * job. See: runs-on/runs-on 546, actions/runner 620. So a pool hands out nothing while a job waits that may not have it.
 */
export function sizePools({ world, members, demand, room, inTheWay, gate, draft }: SizeContext): void {
  const membersOf = Map.groupBy(members, ({ machine }) => poolKey(machine));
  const pools = gatherPools(world, membersOf, demand);
  const sized: Sized[] = [];
  for (const [key, group] of membersOf) if (!pools.has(key)) retireAll(group, world, draft);
  for (const [key, pool] of pools)
    sized.push(sizePool(pool, supplyOf(membersOf.get(key) ?? [], world.now), world));
  const spare = new Set<Machine>();
  for (const pool of sized) {
    for (const member of pool.supply.begun) draft.isDue(untoldUntil(member));
    const jobs = inTheWay.get(keyOf(pool));
    if (!jobs) configure(pool, draft);
    else if (wantsRunners(pool)) clearTheWay(jobs, gate, draft);
    for (const machine of releaseSurplus(pool, world, draft)) spare.add(machine);
  }
  for (const stuck of orderFairly(sized, world, room, draft))
    makeRoom(stuck, spare, { world, members, draft });
}

/** As many spare machines leave as jobs of the other pool could have their places, less those that leave already. */
function makeRoom(
  stuck: Stuck,
  spare: Set<Machine>,
  { world, members, draft }: Pick<SizeContext, "world" | "members" | "draft">,
): void {
  const leaving = members.filter(({ machine, isLeaving }) => isLeaving && isInTheWay(machine, stuck)).length;
  const inTheWay = [...spare].filter((machine) => isInTheWay(machine, stuck));
  for (const machine of inTheWay.slice(0, Math.max(0, stuck.missing - leaving))) {
    spare.delete(machine);
    retireAsSurplus(machine, world, draft);
  }
}

const keyOf = ({ repository, image }: Demand): string =>
  poolKey({ repo: repository.name, image: image.name });

/** NB: GitHub might give what was handed out already to a job that may not have it. */
const wantsRunners = ({ waiting, supply }: Sized): boolean => waiting.length > 0 || supply.handed.length > 0;

/** Jobs of another pool could have its place. */
function isInTheWay(machine: Machine, { pool: { repository, image }, blocked }: Stuck): boolean {
  switch (blocked.why) {
    case "hosts-full":
    case "hosts-refuse":
      return blocked.hosts.includes(machine.host);
    case "image-limit":
      return machine.image === image.name;
    case "repository-limit":
      return machine.repo === repository.name;
    default:
      return false;
  }
}

/** Pools that have jobs, machines, or machines to be kept hot; without those whose image or repository left the catalogue. */
function gatherPools(
  { catalogue, state }: World,
  membersOf: ReadonlyMap<string, readonly Member[]>,
  demand: ReadonlyMap<string, Demand>,
): Map<string, Demand> {
  const pools = new Map(demand);
  for (const [first] of membersOf.values()) if (first) addPool(pools, first.machine, catalogue);
  for (const { name, hot } of catalogue.repositories) {
    if (!hasAccess({ repo: name }, state)) continue;
    for (const image of Object.keys(hot)) addPool(pools, { repo: name, image }, catalogue);
  }
  return pools;
}

function addPool(pools: Map<string, Demand>, pool: Pool, catalogue: Catalogue): void {
  if (pools.has(poolKey(pool))) return;
  const repository = findRepository(pool.repo, catalogue);
  const image = catalogue.images.find(({ name }) => name === pool.image);
  if (repository && image) pools.set(poolKey(pool), { repository, image, waiting: [] });
}

/** Nobody will ever need them: their image or their repository left the catalogue. Those that may have work end by themselves. */
function retireAll(members: readonly Member[], world: World, draft: Draft): void {
  for (const { machine } of supplyOf(members, world.now).coming) retireAsSurplus(machine, world, draft);
}

function retireAsSurplus({ name }: Machine, { now }: World, draft: Draft): void {
  draft.facts.push({ kind: "machine-retired", at: now, machine: name, why: "surplus" });
}

function sizePool(demand: Demand, supply: Supply, { state }: World): Sized {
  const open = Math.max(0, demand.waiting.length - supply.begun.length);
  const shortOfJobs = open - supply.coming.length - supply.handed.length - supply.failing.length;
  const { name, hot: wanted } = demand.repository;
  const hot = hasAccess({ repo: name }, state) ? (wanted[demand.image.name] ?? 0) : 0;
  return { ...demand, supply, open, shortOfJobs, short: shortOfJobs + hot };
}

/** Hands registrations to guests that ask, longest asking first, as many as jobs wait beyond those already handed out. */
function configure({ open, supply }: Sized, draft: Draft): void {
  const needed = open - supply.handed.length;
  if (needed <= 0) return;
  const asking = supply.coming.filter(
    ({ belief: { guest, runner } }) => guest === "asking" && (runner === "none" || runner === "unknown"),
  );
  const chosen = asking.toSorted(byAge).slice(0, needed);
  draft.effects.push(...chosen.map(({ machine }) => ({ do: "configure" as const, machine: machine.name })));
}

const byAge = (a: Member, b: Member): number =>
  (a.machine.askedAt ?? a.machine.createdAt) - (b.machine.askedAt ?? b.machine.createdAt);

/**
 * Machines that no job needs: first those that have not booted yet, at once, then the youngest; those with a registration only if GitHub agrees.
 * NB: an idle runner too many is no reason to retire a machine that is kept hot.
 * Answers those that the image's idle time keeps.
 */
function releaseSurplus({ image, supply, short, open }: Sized, world: World, draft: Draft): Machine[] {
  const unneeded = Math.max(0, supply.handed.length - open);
  // NB: a machine that fails is no reason to retire a good one: it counts until its failure is written down, and no longer.
  const count = Math.max(0, -short - unneeded - supply.failing.length);
  const surplus = supply.coming.toSorted(byUse).slice(0, count);
  const spare: Machine[] = [];
  for (const { machine } of surplus) {
    if (machine.askedAt !== undefined && !draft.isDue(machine.askedAt + image.limits.idleMs))
      spare.push(machine);
    else retireAsSurplus(machine, world, draft);
  }
  // NB: whether one of them has a job by now only GitHub knows, and it refuses to remove a runner that has.
  for (const { machine } of supply.handed.toSorted(byRunner).slice(0, unneeded))
    draft.effects.push({ do: "release", machine: machine.name });
  return spare;
}

/** Runners that are known to be idle first. */
const byRunner = (a: Member, b: Member): number =>
  Number(b.belief.runner === "idle") - Number(a.belief.runner === "idle") || byAge(b, a);

const byUse = (a: Member, b: Member): number =>
  Number(a.machine.askedAt !== undefined) - Number(b.machine.askedAt !== undefined) || byAge(b, a);
