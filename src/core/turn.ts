import { type Belief, SURE } from "./believe.ts";
import type { Fact } from "./facts.ts";
import { ASK_AT_WORK_MS, ASK_FIRST_MS, ASK_IN_DOUBT_MS, DROPPED_MS, UNTOLD_MS } from "./patience.ts";
import { RULES } from "./rules.ts";
import type { ImageLimits, Job, Machine, Patience, Seen, Why } from "./types.ts";
import type { Effect } from "./world.ts";

/** What one machine's turn comes to: something to write, something to do, or a time to look again. */
export type Turn = { fact?: Fact; effect?: Effect; wakeAt?: number };

export type TurnContext = {
  now: number;
  /** Start of the process. Time that the controller was down is not held against a machine. */
  since: number;
  patience: Patience;
  limits: ImageLimits;
  /** The job that GitHub said runs, or ran, in this machine. */
  job: Job | undefined;
  hostDrained: boolean;
  /** Its host had no room for others a moment ago, and is not asked for more now. */
  hostRefuses: boolean;
  /** We may act in its repository. */
  hasAccess: boolean;
  /** Its job is one that the rule for forks keeps out. */
  isIntruder: boolean;
  seen: Seen;
};

/** Reasons that are somebody's fault: the evidence is kept, and the job it was made for has had one try. */
export const FAILURES: ReadonlySet<Why> = new Set<Why>([
  "lost",
  "boot-failed",
  "boot-timeout",
  "vm-died",
  "guest-lost",
  "guest-failed",
  "runner-outdated",
  "runner-timeout",
  "runner-lost",
  "no-job",
  "job-limit",
]);

/** One machine: at most one thing to do. NB: what a person wants to look into is not destroyed meanwhile, whatever became of it. */
export function turn(machine: Machine, belief: Belief, context: TurnContext): Turn {
  const next = follow(machine, belief, context);
  if (next.effect?.do !== "destroy" || !isHeld(machine, context.now)) return next;
  return { wakeAt: machine.heldUntil ?? context.now };
}

const isHeld = ({ heldUntil = 0, retired }: Machine, now: number): boolean =>
  now < heldUntil && retired?.why !== "operator";

function follow(machine: Machine, belief: Belief, context: TurnContext): Turn {
  if (!machine.retired) {
    if (context.job?.status === "done") return retire(machine, "finished", context);
    if (context.isIntruder) return retire(machine, "fork", context);
    if (context.hostRefuses && machine.startedAt === undefined) return retire(machine, "no-room", context);
    if (context.hostDrained && isWithoutWork(belief)) return retire(machine, "drained", context);
    if (!context.hasAccess && isWithoutJob(belief)) return retire(machine, "uninstalled", context);
  }
  const rule = RULES[machine.retired ? "retired" : "wanted"][belief.vm][belief.runner][belief.guest];
  const { seen, patience, limits } = context;
  switch (rule) {
    case "start":
      if (machine.startedAt === undefined) return { effect: { do: "start", machine: machine.name } };
      return retireAfter(machine.startedAt, patience.settleMs, "lost", machine, context);
    case "boot":
      return retireAfter(machine.startedAt, limits.bootMs, "boot-timeout", machine, context);
    case "fade":
      return retireAfter(seen.heardAt ?? machine.askedAt, patience.lostMs, "guest-lost", machine, context);
    case "connect":
      return retireAfter(machine.configuredAt, patience.connectMs, "runner-timeout", machine, context);
    case "drop":
      return drop(machine, context);
    case "vanish":
      return retireAfter(
        seen.vmMissingSince ?? machine.startedAt,
        patience.lostMs,
        "vm-died",
        machine,
        context,
      );
    case "serve":
      return onceAfter((machine.configuredAt ?? 0) + patience.serveMs, context.now, {
        effect: { do: "release", machine: machine.name },
      });
    case "work":
      return onceAfter(jobEndsAt(machine, context), context.now, retire(machine, "job-limit", context));
    case "finish":
      return retire(machine, outcomeOf(machine), context);
    case "die":
      return retire(machine, whyDead(belief, seen), context);
    case "stale":
      return { effect: { do: "deregister", machine: machine.name } };
    case "hold":
      if (isSure(machine) || (!context.hasAccess && isWithoutJob(belief)))
        return { effect: { do: "destroy", machine: machine.name } };
      return onceAfter(jobEndsAt(machine, context), context.now, {
        effect: { do: "destroy", machine: machine.name },
      });
    case "deregister": {
      // NB: the runner of a machine that is held is removed all the same: no job may begin in it.
      const mayDestroy = (isSure(machine) || !context.hasAccess) && !isHeld(machine, context.now);
      const first = mayDestroy && belief.vm !== "none" ? "destroy" : "deregister";
      return { effect: { do: first, machine: machine.name } };
    }
    case "destroy":
      return { effect: { do: "destroy", machine: machine.name } };
    case "forget":
      if (!isGone(machine)) return { effect: { do: "destroy", machine: machine.name } };
      // NB: the row waits for its job's last words, which tell the machine's times.
      if (context.job) return {};
      return onceAfter((untoldSince(machine) ?? 0) + UNTOLD_MS, context.now, {
        fact: { kind: "machine-forgotten", at: context.now, machine: machine.name },
      });
    case "look-again":
      return giveUpLooking(machine, belief, context);
    case "wait":
      return {};
  }
}

const whyDead = ({ vm }: Belief, { isNoRoom }: Seen): Why =>
  vm !== "broken" ? "vm-died" : isNoRoom ? "no-room" : "boot-failed";

/** NB: a runner that registers itself is not listed before that; so long it is merely late. */
function drop(machine: Machine, context: TurnContext): Turn {
  const { workingAt, configuredAt } = machine;
  const { connectMs, lostMs } = context.patience;
  const lastSign = Math.max(context.seen.runnerOnlineAt ?? 0, workingAt ?? 0);
  if (lastSign === 0) return retireAfter(configuredAt, connectMs, "runner-timeout", machine, context);
  return retireAfter(Math.max(lastSign, configuredAt ?? 0), lostMs, "runner-lost", machine, context);
}

/**
 * NB: a repository that has removed the App will never tell what became of a runner. Without its VM the runner is dropped by GitHub
 * itself, and the row need not wait for it any longer than that.
 */
function giveUpLooking(machine: Machine, { runner }: Belief, { job, now, hasAccess }: TurnContext): Turn {
  if (machine.destroyedAt === undefined || runner !== "unknown" || job) return {};
  return onceAfter(machine.destroyedAt + (hasAccess ? DROPPED_MS : 0), now, {
    fact: { kind: "machine-forgotten", at: now, machine: machine.name },
  });
}

/**
 * The driver has said that the VM and all that was made with it are gone, or was never told to make it.
 * NB: that no VM is listed does not prove it: a disk may be left, or an order may still be under way.
 */
export const isGone = (machine: Machine): boolean =>
  machine.destroyedAt !== undefined || (machine.startedAt === undefined && !machine.adopted);

/** Since when a job is known to have run here that GitHub has not told of; undefined: there is none. */
export const untoldSince = (machine: Machine): number | undefined => {
  if (machine.job !== undefined || machine.adopted) return undefined;
  return machine.outcome?.ranJob ? machine.endedAt : machine.workingAt;
};

const isSure = (machine: Machine): boolean => machine.retired !== undefined && SURE.has(machine.retired.why);

/** NB: GitHub cannot be asked where the App is gone; there the guest's word that a job runs is the only one. */
const isWithoutJob = ({ guest, runner }: Belief): boolean =>
  guest !== "working" && guest !== "ended" && runner !== "busy";

const isWithoutWork = ({ guest, runner }: Belief): boolean =>
  (guest === "silent" || guest === "asking" || guest === "quiet") && runner !== "busy";

/** A clock may be put forward by so much while the controller is down, and no job dies of it. */
const STEP_MS = 24 * 3_600_000;

/**
 * NB: counted from the start of the process at the earliest, since the clock may have been stepped while the controller was down;
 * but not again and again, or a controller that is started often would let a job run for ever.
 */
function jobEndsAt(machine: Machine, { limits, since }: TurnContext): number {
  const startedAt = machine.workingAt ?? machine.configuredAt ?? machine.createdAt;
  return Math.min(Math.max(startedAt, since), startedAt + STEP_MS) + limits.jobMs;
}

/** See: actions/runner, `Constants.Runner.ReturnCode.RunnerVersionDeprecated`. */
const TOO_OLD = 7;

function outcomeOf({ outcome }: Machine): Why {
  if (outcome?.ranJob) return "finished";
  if (outcome?.exitCode === TOO_OLD) return "runner-outdated";
  return outcome?.exitCode === 0 ? "no-job" : "guest-failed";
}

function retireAfter(
  since: number | undefined,
  waitMs: number,
  why: Why,
  machine: Machine,
  context: TurnContext,
): Turn {
  const from = Math.max(since ?? context.now, context.since);
  return onceAfter(from + waitMs, context.now, retire(machine, why, context));
}

const onceAfter = (at: number, now: number, then: Turn): Turn => (now >= at ? then : { wakeAt: at });

/** A failure's evidence is collected before it is written; all else is written at once. */
function retire(machine: Machine, why: Why, { now }: TurnContext): Turn {
  if (FAILURES.has(why)) return { effect: { do: "retire", machine: machine.name, why } };
  return { fact: { kind: "machine-retired", at: now, machine: machine.name, why } };
}

/**
 * When GitHub is to be asked next about this machine's runner; undefined: not at all.
 * NB: a job that goes well is told by events; the only question it costs is whether its runner is gone at the end.
 */
export function askRunnerAt(machine: Machine, belief: Belief, context: TurnContext): number | undefined {
  const { seen, job } = context;
  const next = (ms: number) => (seen.runnerAskedAt ?? 0) + ms;
  if (machine.retired) return askRetiredAt(machine, belief, context);
  if (belief.guest === "configured" || belief.guest === "working") {
    const first = (machine.workingAt ?? machine.configuredAt ?? 0) + ASK_FIRST_MS;
    return job ? Math.max(first, next(ASK_AT_WORK_MS)) : Math.max(first, next(ASK_IN_DOUBT_MS));
  }
  return undefined;
}

function askRetiredAt(machine: Machine, belief: Belief, { seen }: TurnContext): number | undefined {
  const mayBeListed = machine.adopted || machine.askedAt !== undefined;
  const mayBeDestroyed = isSure(machine) && belief.vm !== "none";
  if (!mayBeListed || mayBeDestroyed) return undefined;
  const askedAt = seen.runnerAskedAt ?? 0;
  const lastEvent = Math.max(machine.retired?.at ?? 0, machine.destroyedAt ?? 0);
  return askedAt <= lastEvent ? lastEvent : askedAt + ASK_IN_DOUBT_MS;
}
