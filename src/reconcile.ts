import type { Logger } from "pino";
import type { Actor } from "./act.ts";
import type { Fact } from "./core/facts.ts";
import { plan } from "./core/plan.ts";
import { settler } from "./core/settings.ts";
import { trialKey } from "./core/trials.ts";
import type { Catalogue, MachineName, Patience } from "./core/types.ts";
import type { Effect, Plan, World } from "./core/world.ts";
import type { Observer } from "./observe.ts";
import { ordering } from "./ordering.ts";
import { type Clock, GitHubUnavailable, type Ring, type Store } from "./ports.ts";
import { publishing } from "./publishing.ts";

export type ReconcilerParts = {
  catalogue: Catalogue;
  patience: Patience;
  store: Store;
  observer: Observer;
  act: Actor;
  clock: Clock;
  log: Logger;
  newName: (image: string) => MachineName;
  /** Told of each pass. */
  onPass?: ((tookMs: number) => void) | undefined;
};

/** The ring: observe, plan, act, for ever. */
export type Reconciler = {
  ring: Ring;
  /** The world as the last pass saw it, for those who explain it. */
  world: () => World;
  /**
   * Runs passes until the signal is aborted, then begins no more effects and waits for those under way.
   * Rejects if a pass cannot be written down.
   */
  run: (signal: AbortSignal) => Promise<void>;
  /** Machines and jobs whose effects are under way. */
  underWay: () => string[];
};

/** Decisions lead to other decisions; a pass that has not settled after this many rounds goes on as the next pass. */
const ROUNDS = 5;
/** After an effect failed, or changed nothing, it rests: first this long, then twice as long each time. */
const REST_MS = 2000;
const REST_MAX_MS = 60_000;
/** A check run that GitHub does not take holds nobody up, and there may be one for each job of a repository. So with runs to cancel. */
const REST_MAX_TELL_MS = 10 * 60_000;

export function reconciler(parts: ReconcilerParts): Reconciler {
  const { store, observer, clock, log } = parts;
  const since = clock.now();
  const bell = newBell();
  const underWay = new Map<string, Promise<void>>();
  /** By machine or job, and by what is to be done: that GitHub limits us must not keep a VM from being destroyed. */
  const resting = new Map<string, Map<Effect["do"], { until: number; tries: number }>>();
  const publishes = publishing(store);
  const orders = ordering(store);
  const settle = settler(parts.catalogue);

  const world = (): World => ({
    state: store.state,
    catalogue: settle(store.state.settings),
    patience: parts.patience,
    now: clock.now(),
    since,
    seen: (machine) => observer.seen(machine, store.state),
    strangers: observer.strangers(store.state),
    reachable: observer.reachable(),
    hostRoom: observer.hostRoom(store.state),
    cloudImages: observer.cloudImages(),
    newName: parts.newName,
  });

  /** Answers when the next pass is due at the latest. */
  async function pass(signal: AbortSignal): Promise<number> {
    const hostsAt = observer.askHosts(store.state);
    const { effects, ask, wakeAt } = await decide();
    if (signal.aborted) return clock.now();
    const asksAt = observer.askRunners(ask);
    const restsAt = effects.map((effect) => begin(effect));
    return Math.min(hostsAt, asksAt, wakeAt ?? Number.POSITIVE_INFINITY, ...restsAt);
  }

  /** Plans until there is nothing more to write down. */
  async function decide(): Promise<Plan> {
    for (let round = 1; ; round += 1) {
      const planned = plan(world());
      if (planned.facts.length === 0) return planned;
      await store.record(planned.facts);
      for (const fact of planned.facts) tell(fact);
      if (round < ROUNDS) continue;
      bell.ring();
      return { ...planned, effects: [] };
    }
  }

  function tell(fact: Fact): void {
    if (fact.kind === "machine-forgotten") observer.noteForgotten(fact.machine);
    if (fact.kind === "machine-forgotten") resting.delete(fact.machine);
    if (fact.kind === "job-closed") resting.delete(jobSubject(fact.job));
    if (fact.kind === "machine-created")
      log.info({ machine: fact.machine, job: fact.forJob }, "machine created");
    if (fact.kind === "machine-retired")
      log.info({ machine: fact.machine, why: fact.why }, "machine retired");
    if (fact.kind === "machine-adopted") log.warn({ machine: fact.machine }, "stranger adopted");
    if (fact.kind === "job-given-up") log.warn({ job: fact.job, why: fact.cause }, "job given up");
  }

  /** Begins an effect, unless one for the same machine, or the same one for the job, is under way or rests. Answers when to look again. */
  function begin(effect: Effect): number {
    const key = keyOf(effect);
    const rest = resting.get(subjectOf(effect))?.get(effect.do);
    if (rest && rest.until > clock.now()) return rest.until;
    if (underWay.has(key)) return Number.POSITIVE_INFINITY;
    const mayAt = mayBeginAt(effect);
    if (mayAt > clock.now()) return mayAt;
    underWay.set(key, carryOut(effect, key));
    return Number.POSITIVE_INFINITY;
  }

  /** NB: the end of an effect rings the bell, so those that wait for one are looked at then. */
  function mayBeginAt(effect: Effect): number {
    if (effect.do === "publish") return publishes.mayBeginAt(effect, clock.now());
    return effect.do === "start" ? orders.mayBeginAt(effect.machine) : 0;
  }

  function noteBegun(effect: Effect): (() => void) | undefined {
    if (effect.do === "publish") return publishes.begin(effect);
    return effect.do === "start" ? orders.begin(effect.machine) : undefined;
  }

  async function carryOut(effect: Effect, key: string): Promise<void> {
    const startedAt = clock.now();
    const about = aboutOf(effect);
    const ended = noteBegun(effect);
    try {
      const answer = await parts.act(effect);
      if (answer === "not-yet") return rest(effect, undefined);
      log.info({ ...about, step: effect.do, tookMs: clock.now() - startedAt }, "step done");
      resting.get(subjectOf(effect))?.delete(effect.do);
    } catch (error) {
      const retryAt = error instanceof GitHubUnavailable ? error.retryAt : undefined;
      // NB: it is not this one's fault: it goes first again when there is room.
      if (effect.do === "publish" && retryAt !== undefined) return publishes.hold(effect, retryAt);
      log.warn({ ...about, step: effect.do, err: error }, "step failed, will be tried again");
      rest(effect, retryAt);
    } finally {
      ended?.();
      underWay.delete(key);
      bell.ring();
    }
  }

  /** NB: what it is about may be over by now; nobody would wake it up. */
  function rest(effect: Effect, retryAt: number | undefined): void {
    const { jobs, machines } = store.state;
    if ("machine" in effect && !machines.has(effect.machine)) return;
    if ("job" in effect && !jobs.has(effect.job)) return;
    const rests = resting.get(subjectOf(effect)) ?? new Map();
    const tries = (rests.get(effect.do)?.tries ?? 0) + 1;
    const maxMs = effect.do === "publish" || effect.do === "cancel-run" ? REST_MAX_TELL_MS : REST_MAX_MS;
    const restMs = Math.min(REST_MS * 2 ** (tries - 1), maxMs);
    resting.set(subjectOf(effect), rests);
    rests.set(effect.do, { tries, until: Math.max(retryAt ?? 0, clock.now() + restMs) });
  }

  return {
    ring: bell.ring,
    world,
    underWay: () => [...underWay.keys()],
    run: async (signal) => {
      signal.addEventListener("abort", bell.ring, { once: true });
      while (!signal.aborted) {
        const startedAt = clock.now();
        const nextAt = await pass(signal);
        parts.onPass?.(clock.now() - startedAt);
        await bell.rungOr(nextAt, clock);
      }
      await Promise.all(underWay.values());
    },
  };
}

/** A machine has one step at a time. What is asked and what is told of a job have nothing to do with each other. */
const keyOf = (effect: Effect): string =>
  "job" in effect ? `${effect.do} ${effect.job}` : subjectOf(effect);

function subjectOf(effect: Effect): string {
  if ("machine" in effect) return effect.machine;
  return "job" in effect ? jobSubject(effect.job) : trialKey(effect.host, effect.cloudImage);
}

/** Whom a line of the log is about. */
function aboutOf(effect: Effect): Record<string, string | number> {
  if ("machine" in effect) return { machine: effect.machine };
  return "job" in effect ? { job: effect.job } : { host: effect.host, cloudImage: effect.cloudImage };
}

const jobSubject = (id: number): string => `job ${id}`;

type Bell = { ring: Ring; rungOr: (at: number, clock: Clock) => Promise<void> };

/** Rings that come during a pass become one more pass. */
function newBell(): Bell {
  let isRung = false;
  let wake = () => {};
  return {
    ring: () => {
      isRung = true;
      wake();
    },
    rungOr: async (at, clock) => {
      const waiting = new AbortController();
      wake = () => waiting.abort();
      if (isRung) wake();
      await clock.until(at, waiting.signal);
      isRung = false;
    },
  };
}
