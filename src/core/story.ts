import { poolKey, type State } from "./facts.ts";
import { PROBE_AFTER } from "./patience.ts";
import { type Blocked, type Demand, findRoom, hasAccess, isBlocked, type Room } from "./pools.ts";
import type { Image, Job, Machine, Repository } from "./types.ts";
import { type Member, supplyOf } from "./world.ts";

/** Where a job stands. `machine`: the one that runs it, ran it, or will most likely take it. */
export type Story = { machine?: Machine | undefined } & (
  | { is: "held" }
  /** `place`: 1 is the next that gets a machine. `blocked` undefined: a machine is about to be ordered. */
  | { is: "waiting"; place: number; blocked: Blocked | undefined }
  | { is: "booting" }
  | { is: "running" }
  | { is: "given-up" }
  /** No image of the catalogue fits it, or none any more. */
  | { is: "unserved" }
  /** Its repository has removed the App, or suspended it. */
  | { is: "no-access" }
  | { is: "done" }
);

export type StoryContext = {
  members: readonly Member[];
  demand: ReadonlyMap<string, Demand>;
  room: Room;
};

/** Tells of each job where it stands. NB: jobs and machines of a pool are counted, not paired: the first jobs get the first machines. */
export function storyteller(context: StoryContext): (job: Job) => Story {
  const waiting = new Map<number, Story>();
  const membersOf = Map.groupBy(context.members, ({ machine }) => poolKey(machine));
  for (const [key, demand] of context.demand) {
    for (const [id, story] of tellPool(demand, membersOf.get(key) ?? [], context.room))
      waiting.set(id, story);
  }
  const machines = new Map(context.members.map(({ machine }) => [machine.name, machine]));
  return (job) => {
    const machine = job.ranOn === undefined ? undefined : machines.get(job.ranOn);
    switch (job.status) {
      case "waiting":
        return { is: "held" };
      case "running":
      case "done":
        return { is: job.status, machine };
      case "queued":
        return waiting.get(job.id) ?? { is: whyNotWaiting(job, context.room.state) };
    }
  };
}

function whyNotWaiting(job: Job, state: State): "given-up" | "no-access" | "unserved" {
  if (job.gaveUpAt !== undefined) return "given-up";
  return hasAccess(job, state) ? "unserved" : "no-access";
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
