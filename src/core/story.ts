import { poolKey } from "./facts.ts";
import { forkOf, type Gate, isKeptOut } from "./forks.ts";
import type { InTheWay } from "./keep-out.ts";
import { PROBE_AFTER } from "./patience.ts";
import { type Blocked, type Demand, findRoom, hasAccess, isBlocked, type Room } from "./pools.ts";
import type { Image, Job, Machine, RepoName, Repository } from "./types.ts";
import { type Member, supplyOf } from "./world.ts";

/** A job of a fork's pull request that may not run, or not yet. `from`: the fork, unless it is gone. */
export type Kept = { is: "refused" | "unapproved"; from: RepoName | undefined };

/**
 * Where a job stands. `machine`: the one that runs it, ran it, or will most likely take it. `behind`: the job of a fork that has to
 * leave GitHub's queue before it gets a runner.
 */
export type Story = { machine?: Machine | undefined; behind?: number | undefined } & (
  | { is: "held" }
  /** `place`: 1 is the next that gets a machine. `blocked` undefined: a machine is about to be ordered. */
  | { is: "waiting"; place: number; blocked: Blocked | undefined }
  | { is: "booting" }
  | { is: "running" }
  | { is: "given-up" }
  /** GitHub is being asked whether it is a fork's. */
  | { is: "looked-at" }
  | Kept
  /** No image of the catalogue fits it, or none any more. */
  | { is: "unserved" }
  /** Its repository has removed the App, or suspended it. */
  | { is: "no-access" }
  /** `kept`: it ended without having been let in. */
  | { is: "done"; kept?: Kept | undefined }
);

export type StoryContext = {
  members: readonly Member[];
  demand: ReadonlyMap<string, Demand>;
  room: Room;
  inTheWay: InTheWay;
  gate: Gate;
};

/** Tells of each job where it stands. NB: jobs and machines of a pool are counted, not paired: the first jobs get the first machines. */
export function storyteller(context: StoryContext): (job: Job) => Story {
  const waiting = new Map<number, Story>();
  const membersOf = Map.groupBy(context.members, ({ machine }) => poolKey(machine));
  for (const [key, demand] of context.demand) {
    const behind = context.inTheWay.get(key)?.[0]?.id;
    for (const [id, story] of tellPool(demand, membersOf.get(key) ?? [], context.room))
      waiting.set(id, { ...story, behind });
  }
  const machines = new Map(context.members.map(({ machine }) => [machine.name, machine]));
  return (job) => {
    const machine = job.ranOn === undefined ? undefined : machines.get(job.ranOn);
    switch (job.status) {
      case "waiting":
        return { is: "held" };
      case "running":
        return { is: "running", machine };
      case "done":
        return { is: "done", machine, kept: job.ranOn === undefined ? keptOut(job, context) : undefined };
      case "queued":
        return waiting.get(job.id) ?? whyNotWaiting(job, context);
    }
  };
}

function whyNotWaiting(job: Job, context: StoryContext): Story {
  if (job.gaveUpAt !== undefined) return { is: "given-up" };
  if (!hasAccess(job, context.room.state)) return { is: "no-access" };
  if (context.gate(job) === "unknown") return { is: "looked-at" };
  return keptOut(job, context) ?? { is: "unserved" };
}

function keptOut(job: Job, { gate, room: { state } }: StoryContext): Kept | undefined {
  const is = gate(job);
  return isKeptOut(is) ? { is, from: forkOf(job, state) } : undefined;
}

function tellPool(
  { repository, image, waiting }: Demand,
  members: readonly Member[],
  room: Room,
): [number, Story][] {
  const { coming, handed, begun, failing } = supplyOf(members, room.now);
  const supply = [
    ...begun,
    ...handed,
    ...coming.toSorted((a, b) => a.machine.createdAt - b.machine.createdAt),
    ...failing,
  ];
  const found = waiting.length > supply.length ? findRoom(room, repository, image) : undefined;
  const isProbed = coming.length + handed.length + failing.length > 0;
  const blocked = found && isBlocked(found) ? found : isProbed ? probeOf(room, repository, image) : undefined;
  return waiting.map((job, index) => {
    const machine = supply[index]?.machine;
    if (machine) return [job.id, { is: "booting", machine }];
    return [job.id, { is: "waiting", place: index - supply.length + 1, blocked }];
  });
}

/** Others wait for what becomes of it. See: order.ts. */
function probeOf({ state }: Room, repository: Repository, image: Image): Blocked | undefined {
  const streak = state.streaks.get(poolKey({ repo: repository.name, image: image.name }));
  return streak && streak.failures >= PROBE_AFTER ? { why: "probe", failures: streak.failures } : undefined;
}
