import { poolKey } from "./facts.ts";
import { span } from "./markdown.ts";
import type { Blocked } from "./pools.ts";
import type { Story } from "./story.ts";
import type { Machine, Pool } from "./types.ts";
import type { World } from "./world.ts";

/** How long a job will most likely wait until it runs, in milliseconds; undefined: nobody knows. */
export type Likely = (pool: Pool, story: Story) => number | undefined;

/** From so many on, the median of what there was says something. */
const ENOUGH = 3;

/** Guesses from `past`, the last machines that are over: what booting took, and what their jobs took. It is a guess, and called so. */
export function likelyWaits(past: readonly Machine[], world: World): Likely {
  const boots = usualBoots(past);
  const jobs = mediansBy(poolKey, jobOf, past);
  return (pool, story) => {
    const bootMs = boots.get(pool.image);
    if (bootMs === undefined) return undefined;
    if (story.is === "booting") return restOf(bootMs, story.machine, world.now);
    if (story.is !== "waiting") return undefined;
    if (!story.blocked) return bootMs;
    const freeMs = untilFree(story.blocked, {
      pool,
      place: story.place,
      jobMs: jobs.get(poolKey(pool)),
      world,
    });
    return freeMs === undefined ? undefined : freeMs + bootMs;
  };
}

/** What booting usually takes, by image: the median of those machines, where enough of them have booted. */
export const usualBoots = (past: readonly Machine[]): Map<string, number> =>
  mediansBy(({ image }) => image, bootOf, past);

const bootOf = ({ startedAt, askedAt }: Machine): number | undefined =>
  startedAt === undefined || askedAt === undefined ? undefined : askedAt - startedAt;

/** NB: GitHub may tell of the end before the guest does, and then the guest never does. */
function jobOf({ workingAt, endedAt, retired }: Machine): number | undefined {
  const end = endedAt ?? (retired?.why === "finished" ? retired.at : undefined);
  return workingAt === undefined || end === undefined ? undefined : end - workingAt;
}

function mediansBy(
  keyOf: (machine: Machine) => string,
  tookMs: (machine: Machine) => number | undefined,
  machines: readonly Machine[],
): Map<string, number> {
  const medians = new Map<string, number>();
  for (const [key, group] of Map.groupBy(machines, keyOf)) {
    const times = group.flatMap((machine) => tookMs(machine) ?? []).toSorted((a, b) => a - b);
    const median = times[Math.floor(times.length / 2)];
    if (median !== undefined && times.length >= ENOUGH) medians.set(key, median);
  }
  return medians;
}

function restOf(bootMs: number, machine: Machine | undefined, now: number): number {
  if (machine?.askedAt !== undefined) return 0;
  return Math.max(0, bootMs - (now - (machine?.startedAt ?? now)));
}

type Queue = { pool: Pool; place: number; jobMs: number | undefined; world: World };

/** Of so many places that jobs hold, the first is free after a part of a job's time, and so on. */
function untilFree(blocked: Blocked, { pool, place, jobMs, world }: Queue): number | undefined {
  if (blocked.why === "backoff" || blocked.why === "hosts-refuse" || blocked.why === "image-refused")
    return Math.max(0, blocked.until - world.now);
  const isInTheWay = heldBy(blocked, pool);
  if (jobMs === undefined || !isInTheWay) return undefined;
  const held = [...world.state.machines.values()].filter(
    (machine) => machine.configuredAt !== undefined && !machine.retired && isInTheWay(machine),
  );
  return (jobMs * place) / Math.max(1, held.length);
}

/** Which machines hold the places that a pool waits for; undefined: no machine's end would help. */
function heldBy(blocked: Blocked, pool: Pool): ((machine: Machine) => boolean) | undefined {
  switch (blocked.why) {
    case "hosts-full":
      return ({ host }) => blocked.hosts.includes(host);
    case "image-limit":
      return ({ image }) => image === pool.image;
    case "repository-limit":
      return ({ repo }) => repo === pool.repo;
    default:
      return undefined;
  }
}

const SOON_MS = 5_000;
const MINUTE_MS = 60_000;

/** `about 4 min`. NB: it is a guess, so it is not told to the second. */
export function likelyWords(likelyMs: number): string {
  if (likelyMs < SOON_MS) return "any moment";
  const stepMs = likelyMs < MINUTE_MS ? SOON_MS : MINUTE_MS;
  return `about ${span(Math.ceil(likelyMs / stepMs) * stepMs)}`;
}
