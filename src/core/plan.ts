import { believe } from "./believe.ts";
import { poolKey, type State } from "./facts.ts";
import { type Gate, gatekeeper, isKeptOut } from "./forks.ts";
import { planGiveUp } from "./give-up.ts";
import { refusalsOf } from "./host-room.ts";
import { isIntruder, jobsInTheWay, planForks } from "./keep-out.ts";
import { findRepository } from "./labels.ts";
import { parseName } from "./name.ts";
import {
  DISORDER_MS,
  DROPPED_MS,
  FORCE_MS,
  LAST_WRITE_MS,
  LATE_EVENT_MS,
  MEANT_MS,
  REPORT_MS,
  UNTOLD_LOOK_UPS,
} from "./patience.ts";
import {
  type Demand,
  groupDemand,
  hasAccess,
  type Matcher,
  matcher,
  nothingTaken,
  type Room,
  type Taken,
  take,
} from "./pools.ts";
import { digestOf, isLastDigest, worthOf } from "./report.ts";
import { sizePools } from "./size.ts";
import { type Story, storyteller } from "./story.ts";
import { planTrials } from "./trials.ts";
import { askRunnerAt, isGone, type TurnContext, turn, untoldSince } from "./turn.ts";
import type { ImageLimits, Job, Machine, MachineName, Seen, Stranger } from "./types.ts";
import { type Draft, type Effect, type Member, newDraft, type Plan, type World } from "./world.ts";

/** Everything to do now. Pure: it changes nothing, and the same world gives the same plan, but for new names. */
export function plan(world: World): Plan {
  const draft = newDraft(world.now);
  const match = matcher(world.catalogue);
  const gate = gatekeeper({ ...world, match });
  const members = planMachines(world, gate, draft);
  const demand = groupDemand(world.state, match);
  const inTheWay = jobsInTheWay(world, gate);
  const room = roomOf(world, members);
  planStrangers(world, draft);
  const story = storyteller({ members, demand, room, inTheWay, gate });
  sizePools({ world, members, demand, room, inTheWay, gate, draft });
  planUntold(members, demand, draft);
  planForks(world, gate, draft);
  planTrials(world, draft);
  planJobs({ world, match, gate, story, draft });
  const turnOf = turns(world.state);
  draft.effects.sort((a, b) => turnOf(a) - turnOf(b));
  return draft;
}

/** Check runs come last, and of these first the ones that are worth most when GitHub takes only some. */
const turns =
  ({ jobs }: State) =>
  (effect: Effect): number => {
    const job = effect.do === "publish" ? jobs.get(effect.job) : undefined;
    return effect.do === "publish" && job ? 1 + worthOf(job, effect.story) : 0;
  };

/** Tells of each open job where it stands now. It looks at the world as a pass does, and decides nothing. */
export function storiesOf(world: World): (job: Job) => Story {
  const match = matcher(world.catalogue);
  const gate = gatekeeper({ ...world, match });
  const members = planMachines(world, gate, newDraft(world.now));
  const demand = groupDemand(world.state, match);
  const inTheWay = jobsInTheWay(world, gate);
  return storyteller({ members, demand, room: roomOf(world, members), inTheWay, gate });
}

/** What the machines take whose VM may exist, as a pass counts it. */
export function takenIn(world: World): Taken {
  const gate = gatekeeper({ ...world, match: matcher(world.catalogue) });
  return roomOf(world, planMachines(world, gate, newDraft(world.now))).taken;
}

function planMachines(world: World, gate: Gate, draft: Draft): Member[] {
  const jobsOn = new Map<MachineName, Job>();
  for (const job of world.state.jobs.values()) if (job.ranOn) jobsOn.set(job.ranOn, job);
  const limitsOf = new Map(world.catalogue.images.map(({ name, limits }) => [name, limits]));
  const members: Member[] = [];
  for (const machine of world.state.machines.values()) {
    const seen = seenOf(machine, world);
    const job = jobsOn.get(machine.name);
    const member = { machine, job, belief: believe(machine, seen, { ...world, job }) };
    const context: TurnContext = {
      now: world.now,
      since: world.since,
      patience: world.patience,
      limits: limitsOf.get(machine.image) ?? FALLBACK_LIMITS,
      hostDrained: world.state.drained.has(machine.host),
      hostRefuses: refusalsOf(world.hostRoom, machine).some(({ until }) => until > world.now),
      hasAccess: hasAccess(machine, world.state),
      isIntruder: isIntruder(job, gate),
      job,
      seen,
    };
    members.push({ ...member, ...planMachine(member, context, draft) });
    if (context.hasAccess && isAskDue(member, context, draft)) askAbout(machine, world, draft);
  }
  return members;
}

/** NB: where the App is gone GitHub cannot be asked any more, and what it said of a runner last may be long past. */
function seenOf(machine: Machine, { seen, state }: World): Seen {
  const asked = seen(machine);
  const isSure = hasAccess(machine, state) || asked.runner === "busy" || asked.isRunnerRemoved === true;
  return isSure ? asked : { ...asked, runner: "unknown" };
}

/** For machines whose image left the catalogue. */
const FALLBACK_LIMITS: ImageLimits = { bootMs: 10 * 60_000, jobMs: 6 * 3_600_000, idleMs: 0 };

function planMachine(
  { machine, belief, job }: Pick<Member, "machine" | "belief" | "job">,
  context: TurnContext,
  draft: Draft,
): Pick<Member, "isLeaving" | "isFailing"> {
  if (machine.upAt === undefined && belief.vm === "up") {
    const { cloudImage } = context.seen;
    draft.facts.push({ kind: "vm-up", at: context.now, machine: machine.name, cloudImage });
  }
  const { fact, effect, wakeAt } = turn(machine, belief, context);
  if (fact) draft.facts.push(fact);
  if (effect) draft.effects.push(effect);
  if (wakeAt !== undefined) draft.isDue(wakeAt);
  const isRetiring = effect?.do === "retire";
  return {
    isLeaving: machine.retired !== undefined || fact?.kind === "machine-retired" || isRetiring,
    isFailing: isRetiring && machine.workingAt === undefined && !job,
  };
}

function isAskDue(
  { machine, belief }: Pick<Member, "machine" | "belief">,
  context: TurnContext,
  draft: Draft,
): boolean {
  const at = askRunnerAt(machine, belief, context);
  return at !== undefined && draft.isDue(at);
}

/** NB: an adopted VM does not tell whose it was: its runner may be in any repository. */
function askAbout(machine: Machine, { catalogue }: World, draft: Draft): void {
  const repos = machine.repo === "" ? catalogue.repositories.map(({ name }) => name) : [machine.repo];
  for (const repo of repos) draft.ask.add(repo);
}

/** NB: a retired machine takes room until its VM is gone for certain, and a stranger takes room before it has a row. */
function roomOf(world: World, members: readonly Member[]): Room {
  const { state, catalogue, patience, now, reachable, hostRoom, cloudImages } = world;
  const counted = { taken: nothingTaken(), searches: new Map() };
  const room = { state, catalogue, patience, now, reachable, hostRoom, cloudImages, ...counted };
  for (const { machine, belief } of members) {
    if (!machine.retired || belief.vm !== "none" || !isGone(machine)) take(room, machine);
  }
  for (const stranger of world.strangers) take(room, rowOf(stranger, world));
  return room;
}

/** A VM or runner of ours without a row becomes a machine that is retired from birth, and ends in the same table as all. */
function planStrangers(world: World, draft: Draft): void {
  for (const stranger of world.strangers) {
    const { name: machine, createdAt: at, ...row } = rowOf(stranger, world);
    draft.facts.push({ kind: "machine-adopted", at, machine, ...row });
  }
}

const rowOf = ({ name, image, host, repo }: Stranger, { catalogue, now }: World): Machine => ({
  name,
  image,
  repo: repo ?? "",
  host: host ?? catalogue.hosts[0]?.name ?? "",
  createdAt: now,
});

type JobsContext = {
  world: World;
  match: Matcher;
  gate: Gate;
  story: (job: Job) => Story;
  draft: Draft;
};

function planJobs({ world, match, gate, story, draft }: JobsContext): void {
  for (const job of world.state.jobs.values()) {
    if (isOver(job, match, world, draft)) {
      draft.facts.push({ kind: "job-closed", at: world.now, job: job.id });
      continue;
    }
    if (!hasAccess(job, world.state)) continue;
    planLookUp(job, world, draft);
    if (!isOurs(job, match) && !isKeptOut(gate(job)) && !isMisspelt(job, match, draft)) continue;
    planGiveUp(job, story(job), { world, match, draft });
    planCancel(job, story(job), world, draft);
    if (job.status === "running" && isLost(job, world)) continue;
    planReport(job, story(job), world.now, draft);
  }
}

/** NB: a run is cancelled after its job's check run was told, which says why. */
function planCancel(job: Job, { is }: Story, { catalogue }: World, draft: Draft): void {
  if ((is !== "given-up" && is !== "refused") || job.runForcedAt !== undefined) return;
  if (findRepository(job.repo, catalogue)?.onGiveUp !== "cancel" || job.check?.digest !== is) return;
  if (job.runCancelledAt !== undefined && !draft.isDue(job.runCancelledAt + FORCE_MS)) return;
  draft.effects.push({ do: "cancel-run", job: job.id, isForced: job.runCancelledAt !== undefined });
}

const isOurs = (job: Job, match: Matcher): boolean =>
  job.check !== undefined || match(job).image !== undefined;

/** NB: labels may be another system's, too, whose runner takes the job soon; nobody else would tell a person of a slip. */
function isMisspelt(job: Job, match: Matcher, draft: Draft): boolean {
  const found = match(job);
  if (found.image || !found.isMeant || job.status !== "queued") return false;
  return draft.isDue((job.readyAt ?? job.queuedAt) + MEANT_MS);
}

/**
 * NB: a check run that GitHub refuses for good (no right to write it, no such commit any more) must not keep its job for ever.
 * Of a repository without the App nothing will be heard any more: GitHub itself ends a job that waits for a day.
 */
function isOver(job: Job, match: Matcher, { state, since }: World, draft: Draft): boolean {
  if (!hasAccess(job, state)) return isUnheard(job, state, draft);
  if (job.status !== "done") return false;
  const isTold = job.check ? isLastDigest(job.check.digest) : !isOurs(job, match);
  return isTold || draft.isDue(Math.max(job.doneAt ?? 0, since) + REPORT_MS);
}

function isUnheard(job: Job, { machines }: State, draft: Draft): boolean {
  if (job.status === "done") return true;
  if (job.ranOn === undefined) return draft.isDue((job.readyAt ?? job.queuedAt) + DROPPED_MS);
  const machine = machines.get(job.ranOn);
  return machine === undefined || machine.destroyedAt !== undefined;
}

/** A machine had a job that GitHub has not told of: one of those that seem to wait. */
function planUntold(members: readonly Member[], demand: ReadonlyMap<string, Demand>, draft: Draft): void {
  for (const { machine } of members) {
    const since = untoldSince(machine);
    if (since === undefined || !draft.isDue(since + LATE_EVENT_MS)) continue;
    const waiting = demand.get(poolKey(machine))?.waiting ?? [];
    for (const { id } of waiting.slice(0, UNTOLD_LOOK_UPS)) draft.effects.push({ do: "look-up", job: id });
  }
}

/**
 * A job that ran on a machine that is over, or whose run was cancelled, and whose end was not told in time.
 * NB: of a job that was queued, held back and queued again the events may come out of order. See: runs-on/runs-on 539.
 */
function planLookUp(job: Job, world: World, draft: Draft): void {
  if (job.status === "waiting" && job.readyAt !== undefined) {
    const heldAt = job.heldAt ?? job.readyAt;
    const isLate = draft.isDue(heldAt + LATE_EVENT_MS) && world.now < heldAt + DISORDER_MS;
    if (isLate) draft.effects.push({ do: "look-up", job: job.id });
  }
  if (job.status === "queued" && job.runCancelledAt !== undefined) {
    const isLate = draft.isDue(job.runCancelledAt + LATE_EVENT_MS);
    if (isLate && world.now < job.runCancelledAt + DISORDER_MS)
      draft.effects.push({ do: "look-up", job: job.id });
  }
  if (job.status !== "running" || !job.ranOn) return;
  const retired = world.state.machines.get(job.ranOn)?.retired;
  const overAt = isLost(job, world) ? (job.startedAt ?? job.queuedAt) : retired?.at;
  if (overAt !== undefined && draft.isDue(overAt + LATE_EVENT_MS))
    draft.effects.push({ do: "look-up", job: job.id });
}

/** Its machine was ours, and has no row any more: what was told last of the job is old. */
const isLost = ({ ranOn }: Job, { state, catalogue }: World): boolean =>
  ranOn !== undefined && !state.machines.has(ranOn) && parseName(catalogue.controller, ranOn) !== "not ours";

/** The last write waits a little for the VM's end, so that it tells the whole story. */
function planReport(job: Job, story: Story, now: number, draft: Draft): void {
  // NB: what is known in a moment is not worth a write.
  if (story.is === "looked-at") return;
  const digest = digestOf(job, story, draft.isDue);
  if (digest === job.check?.digest) return;
  const isEnding =
    story.is === "done" && story.machine !== undefined && story.machine.destroyedAt === undefined;
  if (isEnding && !draft.isDue((job.doneAt ?? now) + LAST_WRITE_MS)) return;
  draft.effects.push({ do: "publish", job: job.id, digest, story });
}
