import { changeSettings } from "./apply-settings.ts";
import { type Fact, poolKey, type State, type Streak } from "./facts.ts";
import { askHold, holdUsedBy, useHold } from "./holds.ts";
import { approveRun, cancelRun, seeRun } from "./runs.ts";
import { changeTrial } from "./trials.ts";
import type { Failure, Job, JobSeen, Machine, MachineName, Why } from "./types.ts";

/** Folds one fact into the state. A fact about a job or machine that is not open changes nothing. */
export function apply(state: State, fact: Fact): void {
  changeTrial(state, fact);
  switch (fact.kind) {
    case "job-seen":
      return seeJob(state, fact.job, fact.at);
    case "job-given-up":
      return changeJob(state, fact.job, (job) => ({
        ...job,
        gaveUpAt: job.gaveUpAt ?? fact.at,
        gaveUpCause: job.gaveUpCause ?? fact.cause,
      }));
    case "job-retried":
      return retry(state, fact.job, fact.at);
    case "job-admitted":
      return changeJob(state, fact.job, (job) => ({ ...job, admittedAt: job.admittedAt ?? fact.at }));
    case "run-cancelled":
      return cancelRun(state, fact);
    case "run-seen":
      return seeRun(state, fact);
    case "run-approved":
      return approveRun(state, fact);
    case "job-closed":
      state.jobs.delete(fact.job);
      state.closed.add(fact.job);
      return;
    case "check-published":
      return changeJob(state, fact.job, (job) => ({
        ...job,
        check: { id: fact.check, digest: fact.digest },
      }));
    case "machine-created":
    case "machine-adopted":
      return addMachine(state, fact);
    case "machine-retired":
      return retire(state, fact);
    case "machine-forgotten":
      state.machines.delete(fact.machine);
      return;
    case "hold-asked":
      return askHold(state, fact);
    case "host-drained":
      if (fact.drained) state.drained.add(fact.host);
      else state.drained.delete(fact.host);
      return;
    case "orders-paused":
      if (fact.paused) state.paused.add(fact.repo.toLowerCase());
      else state.paused.delete(fact.repo.toLowerCase());
      return;
    case "repository-access":
      if (fact.granted) state.withoutAccess.delete(fact.repo.toLowerCase());
      else state.withoutAccess.add(fact.repo.toLowerCase());
      return;
    case "settings-saved":
    case "settings-file":
      state.settings = changeSettings(state.settings, fact);
      return;
    case "github-limited":
      return limit(state, fact);
    case "trial-ended":
    case "trial-forgotten":
      return;
    case "guest-asked":
      endStreak(state, fact.machine, (streak) => !streak.hadBooted);
      return changeMachine(state, fact.machine, (machine) => learn(machine, fact));
    case "guest-working":
      endStreak(state, fact.machine, () => true);
      return changeMachine(state, fact.machine, (machine) => learn(machine, fact));
    case "machine-held":
      return holdMachine(state, fact);
    default:
      return changeMachine(state, fact.machine, (machine) => learn(machine, fact));
  }
}

const RANK: Record<JobSeen["status"], number> = { waiting: 0, queued: 0, running: 1, done: 2 };

/** A job's status only moves forward. What a later look adds (a runner's name, a time) is kept either way. */
function seeJob(state: State, seen: JobSeen, at: number): void {
  if (seen.ranOn) {
    // NB: that a job starts proves its image; that one ends which began long ago proves nothing.
    if (state.machines.get(seen.ranOn)?.job === undefined) endStreak(state, seen.ranOn, () => true);
    changeMachine(state, seen.ranOn, (machine) => ({ ...machine, job: machine.job ?? seen.id }));
  }
  const known = state.jobs.get(seen.id);
  if (!known) {
    // NB: GitHub may tell of a job's end before it tells of its beginning.
    if (seen.status === "done") state.closed.add(seen.id);
    if (!state.closed.has(seen.id))
      state.jobs.set(seen.id, {
        ...seen,
        tries: 0,
        ...waitOf(seen, undefined, at),
        ...limitOf(state, seen, at),
      });
    return;
  }
  const ahead = RANK[seen.status] >= RANK[known.status];
  state.jobs.set(seen.id, {
    ...known,
    status: ahead ? seen.status : known.status,
    conclusion: known.conclusion ?? seen.conclusion,
    // NB: a repository that was public at one of the looks counts as public.
    isPublic: known.isPublic || (seen.isPublic ?? known.isPublic),
    startedAt: known.startedAt ?? seen.startedAt,
    doneAt: known.doneAt ?? seen.doneAt,
    ranOn: known.ranOn ?? seen.ranOn,
    ...(ahead ? waitOf(seen, known, at) : {}),
  });
}

/** One that comes during a limit is held up by it, too. */
function limitOf({ limited }: State, { installation }: JobSeen, at: number): Pick<Job, "limited"> {
  const limit = limited.get(installation);
  return limit && limit.until > at ? { limited: limit } : {};
}

/** A wait begins anew when GitHub lets a job go that it had held back. */
function waitOf({ status }: JobSeen, known: Job | undefined, at: number): Pick<Job, "readyAt" | "heldAt"> {
  if (status === known?.status) return {};
  if (status === "queued") return { readyAt: at };
  return status === "waiting" ? { heldAt: at } : {};
}

/** NB: whoever asks for a retry has mended the image, or hopes so: its pool need not wait either. */
function retry(state: State, id: number, at: number): void {
  const job = state.jobs.get(id);
  if (!job) return;
  if (job.failure) state.streaks.delete(poolKey({ repo: job.repo, image: job.failure.image }));
  const afresh = {
    gaveUpAt: undefined,
    gaveUpCause: undefined,
    runCancelledAt: undefined,
    runForcedAt: undefined,
  };
  state.jobs.set(id, { ...job, ...afresh, tries: 0, readyAt: at });
}

/** The jobs that are open then have been held up by it, and their check runs will say so. */
function limit(state: State, { installation, at, until }: Extract<Fact, { kind: "github-limited" }>): void {
  const before = state.limited.get(installation);
  if (before && before.until >= until) return;
  const limited = { at: before && before.until > at ? before.at : at, until };
  state.limited.set(installation, limited);
  for (const job of state.jobs.values()) {
    if (job.installation === installation && job.status !== "done")
      state.jobs.set(job.id, { ...job, limited });
  }
}

function changeJob(state: State, id: number, change: (job: Job) => Job): void {
  const job = state.jobs.get(id);
  if (job) state.jobs.set(id, change(job));
}

function changeMachine(state: State, name: MachineName, change: (machine: Machine) => Machine): void {
  const machine = state.machines.get(name);
  if (machine) state.machines.set(name, change(machine));
}

function addMachine(
  state: State,
  fact: Extract<Fact, { kind: "machine-created" | "machine-adopted" }>,
): void {
  if (state.machines.has(fact.machine)) return;
  const { machine: name, repo, image, host, at } = fact;
  const row: Machine = { name, repo, image, host, createdAt: at };
  if (fact.kind === "machine-created")
    state.machines.set(name, { ...row, forJob: fact.forJob, trial: fact.trial });
  else state.machines.set(name, { ...row, adopted: true, retired: { at, why: "stranger" } });
}

/**
 * NB: a machine that failed before it had work counts as a try of the job it was made for, although any job of the pool might have
 * run in it. One that had work is the failure of that job alone, and says nothing of its image.
 */
function retire(state: State, fact: Extract<Fact, { kind: "machine-retired" }>): void {
  const machine = state.machines.get(fact.machine);
  if (!machine || (machine.retired && !isOverruled(machine.retired.why, fact.why))) return;
  state.machines.set(machine.name, { ...machine, retired: { at: fact.at, why: fact.why } });
  const { failure } = fact;
  if (!failure) return;
  useHold(state, { machine, why: fact.why, at: fact.at });
  const ran = Array.from(state.jobs.values()).find(({ ranOn }) => ranOn === machine.name);
  if (ran) state.jobs.set(ran.id, withFailure(ran, failure));
  if (ran || machine.workingAt !== undefined) return;
  if (machine.trial === undefined) lengthenStreak(state, machine, fact.at);
  const madeFor = machine.forJob === undefined ? undefined : state.jobs.get(machine.forJob);
  if (!madeFor || madeFor.status === "running") return;
  // NB: that a candidate is no good says nothing of the job, nor of the image that others get.
  const tries = madeFor.tries + (machine.trial === undefined ? 1 : 0);
  state.jobs.set(madeFor.id, { ...withFailure(madeFor, failure), tries });
}

/**
 * NB: a person may change their mind, so the last word counts; but what was asked for of any machine takes nothing from what was asked
 * for of this one.
 */
function holdMachine(state: State, fact: Extract<Fact, { kind: "machine-held" }>): void {
  changeMachine(state, fact.machine, (machine) => {
    if (!fact.isNext) return { ...machine, heldUntil: fact.until };
    if (!holdUsedBy(state, machine)) return machine;
    return { ...machine, heldUntil: Math.max(machine.heldUntil ?? 0, fact.until) };
  });
}

/** A check run shows so many. */
const MOST_FAILED = 10;

function withFailure(job: Job, failure: Failure): Job {
  const { machine, at, why } = failure;
  return { ...job, failure, failed: [...(job.failed ?? []), { machine, at, why }].slice(-MOST_FAILED) };
}

/** The latch is never taken back; but a person may say that a machine need not wait for its job, whatever it was retired for. */
const isOverruled = (before: Why, now: Why): boolean => now === "operator" && before !== "operator";

function lengthenStreak(state: State, machine: Machine, at: number): void {
  const before = state.streaks.get(poolKey(machine));
  state.streaks.set(poolKey(machine), {
    failures: (before?.failures ?? 0) + 1,
    since: before?.since ?? at,
    at,
    hadBooted: machine.askedAt !== undefined,
  });
}

function endStreak(state: State, name: MachineName, isProof: (streak: Streak) => boolean): void {
  const machine = state.machines.get(name);
  const streak = machine && state.streaks.get(poolKey(machine));
  if (streak && isProof(streak)) state.streaks.delete(poolKey(machine));
}

type MachineFact = Extract<
  Fact,
  {
    kind:
      | "machine-started"
      | "vm-up"
      | "guest-asked"
      | "machine-configured"
      | "guest-stage"
      | "guest-working"
      | "guest-ended"
      | "guest-log"
      | "vm-destroyed";
  }
>;

/** The first time of each event counts. */
function learn(machine: Machine, fact: MachineFact): Machine {
  switch (fact.kind) {
    case "machine-started":
      return machine.startedAt ? machine : { ...machine, startedAt: fact.at, tokenHash: fact.tokenHash };
    case "vm-up":
      return {
        ...machine,
        upAt: machine.upAt ?? fact.at,
        cloudImage: machine.cloudImage ?? fact.cloudImage,
      };
    case "guest-asked":
      return { ...machine, askedAt: machine.askedAt ?? fact.at, runnerVersion: fact.runnerVersion };
    case "machine-configured":
      return machine.configuredAt ? machine : { ...machine, configuredAt: fact.at, runnerId: fact.runnerId };
    case "guest-stage":
      return { ...machine, stage: { name: fact.stage, text: fact.text, at: fact.at } };
    case "guest-working":
      return { ...machine, workingAt: machine.workingAt ?? fact.at };
    case "guest-ended":
      return machine.endedAt ? machine : { ...machine, endedAt: fact.at, outcome: fact.outcome };
    case "guest-log":
      return { ...machine, guestLog: fact.text };
    case "vm-destroyed":
      return { ...machine, destroyedAt: machine.destroyedAt ?? fact.at };
  }
}
