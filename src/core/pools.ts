import type { CloudImageSeen } from "./clouds.ts";
import { ALL, poolKey, type State } from "./facts.ts";
import { admissionOf } from "./forks.ts";
import { type Capacity, type HostRoom, placeKey, type Refusal, refusalsOf, type Size } from "./host-room.ts";
import { type Match, matchLabels } from "./labels.ts";
import { isCurrentOver, untriedCandidate } from "./trials.ts";
import type { Catalogue, Host, Image, Job, Machine, Patience, Pool, RepoName, Repository } from "./types.ts";

/** Why no machine can be ordered for a pool just now. */
export type Blocked =
  /** `isByQuota`: the operator's own limits would let more in. `until`: one of them has refused, and is asked again then. */
  | { why: "hosts-full"; hosts: readonly string[]; isByQuota?: true | undefined; until?: number | undefined }
  /** They took no order the last time, and this is what one of them said. */
  | { why: "hosts-refuse"; hosts: readonly string[]; text: string; until: number }
  /** They have not what machines of this image need. */
  | { why: "image-refused"; hosts: readonly string[]; text: string; until: number }
  /** The cloud image that they have for it may not be used any more. */
  | { why: "image-ended"; hosts: readonly string[] }
  | { why: "hosts-drained"; hosts: readonly string[] }
  | { why: "hosts-unreachable"; hosts: readonly string[] }
  | { why: "image-limit"; limit: number }
  | { why: "repository-limit"; limit: number }
  /** `repo`: or all of them, if it is `ALL`. `by`: an operator, or the repository's own settings. */
  | { why: "paused"; repo: RepoName; by: "operator" | "settings" }
  | { why: "backoff"; until: number; failures: number }
  /** So many machines in a row have failed that one is made at a time, and that one is on its way. */
  | { why: "probe"; failures: number };

/** Counts of what is there, kept up to date while a pass orders machines. */
export type Room = {
  state: State;
  catalogue: Catalogue;
  patience: Patience;
  now: number;
  /** Hosts whose driver could be asked at the last look. */
  reachable: ReadonlySet<string>;
  hostRoom: ReadonlyMap<string, HostRoom>;
  cloudImages: ReadonlyMap<string, readonly CloudImageSeen[]>;
  taken: Taken;
  /** By image. */
  searches: Map<string, Search>;
};

/** Hosts that an image may still be tried on, in its order, and what to say when none is left. */
export type Search = { left: Host[]; blocked: () => Blocked };

/** What the machines take whose VM may exist. */
export type Taken = {
  ofImage: Map<string, number>;
  ofRepository: Map<RepoName, number>;
  onHost: Map<string, Load>;
  /** When the newest of them was ordered. By host, and by host and image. */
  newest: Map<string, number>;
};

export type Load = { machines: number; cpus: number; memoryMiB: number };

const NO_LOAD: Load = { machines: 0, cpus: 0, memoryMiB: 0 };

export const nothingTaken = (): Taken => ({
  ofImage: new Map(),
  ofRepository: new Map(),
  onHost: new Map(),
  newest: new Map(),
});

/** One more machine stands. NB: one whose image left the catalogue takes a place, but its size is not known any more. */
export function take(room: Pick<Room, "taken" | "catalogue" | "hostRoom">, machine: Place): void {
  const { taken, catalogue } = room;
  taken.ofImage.set(machine.image, (taken.ofImage.get(machine.image) ?? 0) + 1);
  taken.ofRepository.set(machine.repo, (taken.ofRepository.get(machine.repo) ?? 0) + 1);
  const image = catalogue.images.find(({ name }) => name === machine.image);
  const load = taken.onHost.get(machine.host) ?? NO_LOAD;
  const size = image && sizeOn(machine.host, image, room);
  taken.onHost.set(machine.host, {
    machines: load.machines + 1,
    cpus: load.cpus + (size?.cpus ?? 0),
    memoryMiB: load.memoryMiB + (size?.memoryMiB ?? 0),
  });
  for (const place of [placeKey({ host: machine.host }), placeKey(machine)])
    taken.newest.set(place, Math.max(taken.newest.get(place) ?? 0, machine.createdAt));
}

type HostAndImage = Pick<Machine, "host" | "image">;

/** NB: on a cloud a flavor may be larger than what the image asks for, and the quota counts the flavor. */
const sizeOn = (host: string, image: Image, { hostRoom }: Pick<Room, "hostRoom">): Size =>
  hostRoom.get(host)?.capacity?.sizes?.[image.name] ?? image;

export type Place = Pick<Machine, "repo" | "image" | "host" | "createdAt">;

/** Finds a host for one more machine of the pool, or says why there is none. */
export function findRoom(room: Room, repository: Repository, image: Image): Host | Blocked {
  const paused = [ALL, repository.name].find((name) => room.state.paused.has(name.toLowerCase()));
  if (paused !== undefined) return { why: "paused", repo: paused, by: "operator" };
  if (repository.isPaused) return { why: "paused", repo: repository.name, by: "settings" };
  const waitUntil = backoffUntil(room, { repo: repository.name, image: image.name });
  if (waitUntil !== undefined && room.now < waitUntil.until) return { why: "backoff", ...waitUntil };
  const ofImage = room.taken.ofImage.get(image.name) ?? 0;
  if (ofImage >= image.machines) return { why: "image-limit", limit: image.machines };
  const ofRepo = room.taken.ofRepository.get(repository.name) ?? 0;
  if (ofRepo >= repository.machines) return { why: "repository-limit", limit: repository.machines };
  return findHost(room, image);
}

export const isBlocked = (found: Host | Blocked): found is Blocked => "why" in found;

/** NB: hosts only fill up during a pass, so one without room for the image is not asked again. */
function findHost(room: Room, image: Image): Host | Blocked {
  const search = room.searches.get(image.name) ?? newSearch(room, image);
  room.searches.set(image.name, search);
  while (search.left[0] && !hasRoom(room, search.left[0], image)) search.left.shift();
  return search.left[0] ?? search.blocked();
}

function newSearch(room: Room, image: Image): Search {
  const hosts = image.hosts.flatMap((name) => room.catalogue.hosts.find((host) => host.name === name) ?? []);
  const open = hosts.filter(({ name }) => !room.state.drained.has(name));
  if (open.length === 0) return { left: [], blocked: () => ({ why: "hosts-drained", hosts: image.hosts }) };
  const left = open.filter(({ name }) => room.reachable.has(name));
  if (left.length === 0)
    return { left, blocked: () => ({ why: "hosts-unreachable", hosts: open.map(({ name }) => name) }) };
  const usable = left.filter((host) => !hasEnded(host, image, room));
  if (usable.length === 0)
    return { left: usable, blocked: () => ({ why: "image-ended", hosts: left.map(({ name }) => name) }) };
  return { left: [...usable], blocked: () => fullOf(usable, room, image) };
}

/** Its current cloud image there has an end, and that is over; and no candidate can take its place. */
const hasEnded = ({ name }: Host, image: Image, room: Room): boolean =>
  isCurrentOver(image, name, room) && untriedCandidate(image, name, room) === undefined;

/** What to say when none of them has room. */
function fullOf(open: readonly Host[], room: Room, image: Image): Blocked {
  const hosts = open.map(({ name }) => name);
  const refusals = hosts.flatMap((host) => standingRefusal({ host, image: image.name }, room) ?? []);
  const [first] = refusals.toSorted((a, b) => a.until - b.until);
  if (first && refusals.length === open.length)
    return {
      why: first.image === undefined ? "hosts-refuse" : "image-refused",
      ...{ hosts, text: first.text, until: first.until },
    };
  const isByQuota =
    open.some((host) => fits(loadOf(host, room), host, sizeOn(host.name, image, room))) || undefined;
  return { why: "hosts-full", hosts, isByQuota, until: first?.until };
}

/** The one that ends last. */
const standingRefusal = (place: HostAndImage, { hostRoom, now }: Room) =>
  refusalsOf(hostRoom, place)
    .filter(({ until }) => until > now)
    .toSorted((a, b) => b.until - a.until)[0];

/** NB: after a refusal one machine shows whether there is room again, before others follow. */
function hasRoom(room: Room, host: Host, image: Image): boolean {
  const here = loadOf(host, room);
  const { capacity = {} } = room.hostRoom.get(host.name) ?? {};
  const place = { host: host.name, image: image.name };
  if (refusalsOf(room.hostRoom, place).some((refusal) => keepsOut(refusal, host.name, room))) return false;
  const size = sizeOn(host.name, image, room);
  return fits(here, host, size) && fits(here, capacity, size);
}

function keepsOut({ at, until, image }: Refusal, host: string, { taken, now }: Room): boolean {
  const newestAt = taken.newest.get(placeKey({ host, image })) ?? 0;
  return until > now || newestAt > at;
}

const loadOf = ({ name }: Host, { taken }: Room): Load => taken.onHost.get(name) ?? NO_LOAD;

/** NB: what is not said has no limit. */
const fits = (here: Load, most: Capacity, { cpus, memoryMiB }: Size): boolean =>
  here.machines < (most.machines ?? Number.POSITIVE_INFINITY) &&
  here.cpus + cpus <= (most.cpus ?? Number.POSITIVE_INFINITY) &&
  here.memoryMiB + memoryMiB <= (most.memoryMiB ?? Number.POSITIVE_INFINITY);

/** Failed machines in a row make their pool wait, longer each time. */
function backoffUntil(room: Room, pool: Pool): { until: number; failures: number } | undefined {
  const streak = room.state.streaks.get(poolKey(pool));
  if (!streak) return undefined;
  const { backoffMs, backoffMaxMs } = room.patience;
  const waitMs = Math.min(backoffMs * 2 ** (streak.failures - 1), backoffMaxMs);
  const restMs = Math.round(waitMs * jitter(`${poolKey(pool)} ${streak.at}`));
  return { until: streak.at + restMs, failures: streak.failures };
}

/** From 0.75 to 1: pools that failed at the same moment, with their host, do not come back at the same moment. */
function jitter(seed: string): number {
  let hash = 0x811c9dc5;
  // FNV-1a. NB: the core asks no chance; what differs from pool to pool and from time to time will do.
  for (let index = 0; index < seed.length; index += 1)
    hash = Math.imul(hash ^ seed.charCodeAt(index), 0x01000193);
  return 0.75 + ((hash >>> 0) / 2 ** 32) * 0.25;
}

/** May we act in its repository? The App may have been removed there, or suspended. */
export const hasAccess = (
  { repo }: { repo: RepoName },
  { withoutAccess }: Pick<State, "withoutAccess">,
): boolean => !withoutAccess.has(repo.toLowerCase());

/** Jobs by the pool that serves them. Jobs that no image fits are left out. */
export type Demand = { repository: Repository; image: Image; waiting: Job[] };

/**
 * Groups the jobs that wait for a machine by pool, oldest first. Jobs that were given up are not waited for any more, and those that
 * the rule for forks does not let in, or not yet, get none.
 * `match` is asked once per set of labels.
 */
export function groupDemand(
  state: Pick<State, "jobs" | "withoutAccess" | "runs">,
  match: Matcher,
): Map<string, Demand> {
  const pools = new Map<string, Demand>();
  for (const job of state.jobs.values()) {
    if (job.status !== "queued" || job.gaveUpAt !== undefined || !hasAccess(job, state)) continue;
    const found = match(job);
    if (!found.image || admissionOf(job, found.repository, state) !== "open") continue;
    const key = poolKey({ repo: found.repository.name, image: found.image.name });
    const demand = pools.get(key);
    if (demand) demand.waiting.push(job);
    else pools.set(key, { repository: found.repository, image: found.image, waiting: [job] });
  }
  for (const demand of pools.values()) demand.waiting.sort((a, b) => a.queuedAt - b.queuedAt || a.id - b.id);
  return pools;
}

export type Matcher = (job: Pick<Job, "repo" | "labels">) => Match;

/** Matches labels, remembering the answer for each set of labels: ten thousand jobs have few. */
export function matcher(catalogue: Catalogue): Matcher {
  const known = new Map<string, Match>();
  return ({ repo, labels }) => {
    const key = `${repo}\n${labels.join("\n")}`;
    const match = known.get(key) ?? matchLabels(labels, repo, catalogue);
    known.set(key, match);
    return match;
  };
}
