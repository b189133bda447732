import type { GuestState, Job, Machine, Patience, RunnerState, Seen, VmState, Why } from "./types.ts";

/** What is believed of one machine: a cell of the table in rules.ts. */
export type Belief = { vm: VmState; runner: RunnerState; guest: GuestState };

/** Reasons that prove that no job is lost by destroying now, or that losing it is meant. */
export const SURE: ReadonlySet<Why> = new Set<Why>(["finished", "job-limit", "operator"]);

/**
 * Turns what was seen into what is believed. Unknown is not gone: a list that lacks something now, or that was asked for too
 * early to contain it, proves nothing.
 * `since`: start of the process; before it nobody looked.
 */
export function believe(machine: Machine, seen: Seen, context: BeliefContext): Belief {
  if (machine.startedAt === undefined && !machine.adopted) {
    return { vm: "none", runner: "none", guest: "silent" };
  }
  return {
    vm: believeVm(machine, seen, context),
    runner: believeRunner(machine, seen, context),
    guest: guestOf(machine, seen),
  };
}

export type BeliefContext = {
  now: number;
  since: number;
  patience: Patience;
  /** The job that GitHub said runs in this machine, if one does. */
  job: Job | undefined;
};

function believeVm(machine: Machine, seen: Seen, { now, patience }: BeliefContext): VmState {
  const askedAt = seen.vmAskedAt ?? 0;
  if (machine.destroyedAt !== undefined && askedAt <= machine.destroyedAt) return "none";
  if (seen.vm !== "none") return seen.vm;
  if (askedAt <= (machine.startedAt ?? machine.createdAt)) return "unknown";
  const lastSeen = machine.destroyedAt === undefined ? seen.vmSeenAt : undefined;
  return isRecent(lastSeen, now, patience.settleMs) ? "unknown" : "none";
}

/** NB: GitHub's event that a job runs here is worth more than its list, which lags. */
function believeRunner(machine: Machine, seen: Seen, context: BeliefContext): RunnerState {
  const { now, patience, job } = context;
  if (job?.status === "running") return "busy";
  if (seen.runner !== "none" || seen.isRunnerRemoved) return seen.runner;
  const registeredAt = registeredAtOf(machine);
  if ((seen.runnerAskedAt ?? 0) <= registeredAt) return "unknown";
  const lastSeen = Math.max(seen.runnerSeenAt ?? 0, machine.retired?.why === "finished" ? 0 : registeredAt);
  return isRecent(lastSeen, now, patience.settleMs) ? "unknown" : "none";
}

/** NB: an adopted machine may have been registered a moment before it was found. */
const registeredAtOf = (machine: Machine): number =>
  machine.adopted ? machine.createdAt : (machine.configuredAt ?? 0);

const isRecent = (at: number | undefined, now: number, withinMs: number): boolean =>
  at !== undefined && now - at < withinMs;

/** What the guest's own calls say. */
export function guestOf(machine: Machine, seen: Pick<Seen, "polling">): GuestState {
  if (machine.adopted) return "unknown";
  if (machine.endedAt !== undefined) return "ended";
  if (machine.workingAt !== undefined) return "working";
  if (machine.configuredAt !== undefined) return "configured";
  if (seen.polling) return "asking";
  return machine.askedAt === undefined ? "silent" : "quiet";
}
