import { YOUNG_MS } from "./patience.ts";
import type {
  GuestState,
  Job,
  JobSeen,
  Machine,
  Patience,
  RunnerState,
  Seen,
  VmState,
  Why,
} from "./types.ts";

/** What is believed of one machine: a cell of the table in rules.ts. */
export type Belief = { vm: VmState; runner: RunnerState; guest: GuestState };

/** Reasons that prove that no job is lost by destroying now, or that losing it is meant. */
export const SURE: ReadonlySet<Why> = new Set<Why>([
  "finished",
  "job-limit",
  "operator",
  "uninstalled",
  "fork",
]);

/**
 * Turns what was seen into what is believed. Unknown is not gone: a list that lacks something now, or that was asked for too
 * early to contain it, proves nothing.
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
  patience: Patience;
  /** The job that GitHub said runs in this machine, if one does. */
  job: Job | undefined;
};

/** NB: one list that lacks a VM proves nothing; all lists of the settle time must lack it. */
function believeVm(machine: Machine, seen: Seen, { patience }: BeliefContext): VmState {
  const askedAt = seen.vmAskedAt ?? 0;
  if (machine.destroyedAt !== undefined && askedAt <= machine.destroyedAt) return "none";
  if (seen.vm !== "none" || machine.destroyedAt !== undefined) return seen.vm;
  const missingSince = Math.max(seen.vmMissingSince ?? askedAt, machine.startedAt ?? machine.createdAt);
  return askedAt - missingSince >= patience.settleMs ? "none" : "unknown";
}

/** NB: GitHub's event that a job runs here is worth more than its list, which lags. */
function believeRunner(machine: Machine, seen: Seen, { patience, job }: BeliefContext): RunnerState {
  if (job?.status === "running") return "busy";
  if (seen.runner !== "none" || seen.isRunnerRemoved) return seen.runner;
  const askedAt = seen.runnerAskedAt ?? 0;
  const registeredAt = machine.adopted ? machine.createdAt : (machine.configuredAt ?? 0);
  if (askedAt <= registeredAt) return "unknown";
  // NB: a runner that had its one job is removed by GitHub itself; one list without it will do, if none ever had it.
  const isExpectedGone = machine.retired?.why === "finished" && !seen.wasRunnerSeen;
  const missingSince = Math.max(seen.runnerMissingSince ?? askedAt, registeredAt);
  return isExpectedGone || askedAt - missingSince >= patience.settleMs ? "none" : "unknown";
}

/** What the guest's own calls say. */
export function guestOf(machine: Machine, seen: Pick<Seen, "polling">): GuestState {
  if (machine.adopted) return "unknown";
  if (machine.endedAt !== undefined) return "ended";
  if (machine.workingAt !== undefined) return "working";
  if (machine.configuredAt !== undefined) return "configured";
  if (seen.polling) return "asking";
  return machine.askedAt === undefined ? "silent" : "quiet";
}

/**
 * What GitHub's answer about a job is worth. NB: GitHub also says "gone" of a job that it does not know yet, and of a repository that it
 * hides from us. A job that runs must not end by that: its VM would be destroyed.
 */
export function believeJob(
  job: Job,
  found: JobSeen | "gone",
  { now, isServed }: { now: number; isServed: boolean },
): JobSeen | "unproven" {
  if (found !== "gone") return found;
  const isPerhapsHidden = job.status === "running" && !isServed;
  if (isPerhapsHidden || now - job.queuedAt < YOUNG_MS) return "unproven";
  return { ...job, status: "done", conclusion: "gone", doneAt: now };
}
