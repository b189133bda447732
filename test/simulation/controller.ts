import { pino } from "pino";
import { actor } from "../../src/act.ts";
import { apply } from "../../src/core/apply.ts";
import { versionOf } from "../../src/core/apply-settings.ts";
import { emptyState, type Fact, type State } from "../../src/core/facts.ts";
import { machineName } from "../../src/core/name.ts";
import type { Settings } from "../../src/core/settings.ts";
import type { JobSeen, RepoName } from "../../src/core/types.ts";
import { sweepJobs } from "../../src/intake/sweep.ts";
import { observer } from "../../src/observe.ts";
import type { Clock, Driver, GitHub, Guests, Registration, Store } from "../../src/ports.ts";
import { reconciler } from "../../src/reconcile.ts";
import type { ClaimAnswer, Listener } from "./hosts.ts";
import { type People, watchPeople } from "./people.ts";
import { checkLabels, checkOrder } from "./settings.ts";
import { CATALOGUE, PATIENCE, REPOS, type Sim } from "./sim.ts";

const POLL_MS = 25_000;
const log = pino({ level: "silent" });

/** The real ring on simulated ports, killed at the effects that the scenario names, and started again on the same store. */
export type Controller = {
  start: () => void;
  state: () => State;
  deliver: (job: JobSeen) => void;
  /** Somebody pressed Retry on the job's check run. */
  retry: (job: number) => void;
  /** Somebody pressed Approve on the job's check run. False: nobody was there to hear it. */
  approve: (job: JobSeen, attempt: number) => boolean;
  /** An admin saves a repository's settings. False: nobody was there to take them. */
  save: (repo: RepoName, settings: Settings) => boolean;
  /** An operator, or whoever pressed Hold next, wants something. False: nobody was there to take it. */
  order: (fact: Fact) => boolean;
  isPaused: People["isPaused"];
  listener: Listener;
  kills: () => number;
};

type Parts = { github: GitHub; driver: (host: string) => Driver };

/** One process's life. */
type Life = {
  isOver: boolean;
  stop: AbortController;
  polls: Map<string, (answer: ClaimAnswer) => void>;
  ring: () => void;
};

export function simController(sim: Sim, parts: () => Parts): Controller {
  const { clock, scenario } = sim;
  const kills = [...scenario.kills];
  const handedOut = new Map<string, number>();
  const people = watchPeople(sim);
  let killed = 0;
  let effects = 0;
  let state = emptyState();
  let life: Life | undefined;

  /** NB: a killed process does nothing more: what it waited for never comes. */
  const never = <T>() => new Promise<T>(() => {});

  function countEffect(mine: Life): void {
    effects += 1;
    if (kills[0] === undefined || effects < kills[0]) return;
    kills.shift();
    die(mine);
  }

  function die(mine: Life): void {
    killed += 1;
    sim.tell(`controller killed at effect ${effects}`);
    mine.isOver = true;
    mine.stop.abort();
    life = undefined;
    for (const answer of mine.polls.values()) answer("down");
    if (scenario.wipe && killed === 1) {
      state = emptyState();
      people.forget();
    }
    clock.at(clock.now() + scenario.downMs, start);
  }

  /** Lets a verb be cut off right before and right after its work. */
  const effect =
    <Args extends unknown[], T>(mine: Life, verb: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      if (!mine.isOver) countEffect(mine);
      if (mine.isOver) return never();
      const answer = await verb(...args).catch((error: unknown) =>
        mine.isOver ? never<T>() : Promise.reject(error),
      );
      if (!mine.isOver) countEffect(mine);
      return mine.isOver ? never() : answer;
    };

  const question =
    <Args extends unknown[], T>(mine: Life, verb: (...args: Args) => Promise<T>) =>
    (...args: Args): Promise<T> =>
      verb(...args).then(
        (answer) => (mine.isOver ? never<T>() : answer),
        (error: unknown) => (mine.isOver ? never<T>() : Promise.reject(error)),
      );

  async function record(facts: readonly Fact[]): Promise<void> {
    for (const fact of facts) {
      people.note(fact, state);
      apply(state, fact);
      if (fact.kind === "machine-retired" && fact.why === "no-room" && fact.failure)
        sim.violations.push(`that there was no room for ${fact.machine} counts as a failure`);
      if (fact.kind === "machine-created") checkOrder(fact.machine, state, sim);
    }
  }

  function order(fact: Fact): boolean {
    if (!life) return false;
    sim.tell(`an operator: ${JSON.stringify(fact)}`);
    const told = { ...fact, at: clock.now() };
    people.note(told, state);
    apply(state, told);
    life.ring();
    return true;
  }

  function save(repo: RepoName, settings: Settings): boolean {
    if (!life) return false;
    sim.tell(`settings of ${repo}: ${JSON.stringify(settings)}`);
    const version = versionOf(state.settings.get(repo) ?? {}) + 1;
    apply(state, { kind: "settings-saved", at: clock.now(), repo, settings, version, by: "mona" });
    life.ring();
    return true;
  }

  function start(): void {
    const mine: Life = { isOver: false, stop: new AbortController(), polls: new Map(), ring: () => {} };
    life = mine;
    sim.tell("controller started");
    const myClock: Clock = {
      now: clock.now,
      until: async (at, signal) => {
        await clock.until(at, signal);
        if (mine.isOver) await never();
      },
    };
    const ring = () => mine.ring();
    const store = simStore(() => state, effect(mine, record));
    const { github, driver } = gate(parts(), mine);
    const guests = simGuests(mine);
    const drivers = new Map(CATALOGUE.hosts.map(({ name }) => [name, driver(name)]));
    const watch = observer({
      controller: "sim",
      drivers,
      repositories: REPOS,
      github,
      guests,
      clock: myClock,
      ring,
      log,
    });
    const act = actor({
      catalogue: CATALOGUE,
      drivers,
      github,
      guests,
      store,
      clock: myClock,
      log,
      observer: watch,
      ca: "",
      keepEvidence: async (_machine, files) => files["console.log"] ?? "",
    });
    const newName = (image: string) => machineName("sim", image, sim.dice.bytes(8));
    const rings = reconciler({
      catalogue: CATALOGUE,
      patience: PATIENCE,
      store,
      observer: watch,
      act,
      clock: myClock,
      log,
      newName,
    });
    mine.ring = rings.ring;
    const crash = (error: unknown) => void sim.violations.push(`the controller crashed: ${String(error)}`);
    rings.run(mine.stop.signal).catch(crash);
    sweepJobs(
      { github, repositories: REPOS, state: () => state, record: store.record, clock: myClock, ring, log },
      mine.stop.signal,
    ).ended.catch(crash);
  }

  function gate({ github, driver }: Parts, mine: Life): Parts {
    return {
      github: {
        installed: question(mine, github.installed),
        isInstalled: question(mine, github.isInstalled),
        runners: question(mine, github.runners),
        register: effect(mine, (repository, name, labels, signal) => {
          checkLabels(name, labels, state, sim);
          return github.register(repository, name, labels, signal);
        }),
        remove: effect(mine, github.remove),
        job: question(mine, github.job),
        openJobs: question(mine, github.openJobs),
        run: question(mine, github.run),
        cancelRun: effect(mine, github.cancelRun),
        rerunJob: effect(mine, github.rerunJob),
        rerunRun: effect(mine, github.rerunRun),
        mayWrite: question(mine, github.mayWrite),
        administers: question(mine, github.administers),
        isMember: question(mine, github.isMember),
        publish: effect(mine, github.publish),
        openChecks: question(mine, github.openChecks),
        closeCheck: effect(mine, github.closeCheck),
        deliveries: question(mine, github.deliveries),
        delivery: question(mine, github.delivery),
      },
      driver: (host) => {
        const { list, start: order, destroy, capacity, check, evidence, close } = driver(host);
        return {
          list: question(mine, list),
          ...(capacity ? { capacity: question(mine, capacity) } : {}),
          start: effect(mine, order),
          destroy: effect(mine, (name, signal) => {
            people.noteDestroy(name);
            return destroy(name, signal);
          }),
          check,
          evidence: question(mine, evidence),
          close,
        };
      },
    };
  }

  function simGuests(mine: Life): Guests {
    return {
      polling: () => new Set(mine.polls.keys()),
      heardAt: () => undefined,
      answer: (name: string, registration: Registration) => {
        const answer = mine.polls.get(name);
        if (!answer || mine.isOver) return false;
        const times = (handedOut.get(name) ?? 0) + 1;
        handedOut.set(name, times);
        if (times > 1) sim.violations.push(`${name} was handed two configurations`);
        answer(registration);
        return true;
      },
    };
  }

  async function claim(name: string, tokenHash: string): Promise<ClaimAnswer> {
    const mine = life;
    if (!mine) return "down";
    await clock.sleep(sim.dice.between(50, 500));
    if (mine.isOver) return "down";
    const machine = [...state.machines.values()].find((row) => row.tokenHash === tokenHash);
    if (!machine) return "unknown-token";
    if (machine.retired || machine.configuredAt !== undefined) return "gone";
    if (machine.askedAt === undefined) {
      await effect(
        mine,
        record,
      )([{ kind: "guest-asked", at: clock.now(), machine: name, runnerVersion: "sim" }]);
    }
    if (mine.isOver) return "down";
    return await new Promise<ClaimAnswer>((resolve) => {
      const close = (answer: ClaimAnswer) => {
        if (mine.polls.get(name) === close) mine.polls.delete(name);
        resolve(answer);
      };
      mine.polls.set(name, close);
      clock.at(clock.now() + POLL_MS, () => close("again"));
      mine.ring();
    });
  }

  return {
    start,
    state: () => state,
    kills: () => killed,
    deliver: (job) => {
      if (!life) return sim.tell(`webhook missed: job ${job.id} ${job.status}`);
      apply(state, { kind: "job-seen", at: clock.now(), job });
      life.ring();
    },
    retry: (job) => {
      if (!life) return;
      sim.tell(`retry of job ${job}`);
      apply(state, { kind: "job-retried", at: clock.now(), job, by: "mona" });
      life.ring();
    },
    save,
    order,
    isPaused: people.isPaused,
    approve: ({ id: job, runId: run, headSha: sha }, attempt) => {
      if (!life) return false;
      sim.tell(`approval of attempt ${attempt} of run ${run}`);
      apply(state, { kind: "run-approved", at: clock.now(), job, run, attempt, sha, by: "mona" });
      life.ring();
      return true;
    },
    listener: {
      // NB: a claim that is cut off by a kill while it is written never answers; the guest's own time limit ends it.
      claim: (name, tokenHash) => {
        const mine = life;
        return Promise.race([claim(name, tokenHash), cutOff(mine)]);
      },
      repoOf: (name) => state.machines.get(name)?.repo,
      jobOf: (name) => state.machines.get(name)?.forJob,
      hangUp: (name) => life?.polls.get(name)?.("down"),
      report: (fact) => {
        if (!life) return;
        apply(state, fact);
        life.ring();
      },
    },
  };

  async function cutOff(mine: Life | undefined): Promise<ClaimAnswer> {
    if (mine) await clock.until(Number.POSITIVE_INFINITY, mine.stop.signal);
    return "down";
  }
}

function simStore(state: () => State, record: Store["record"]): Store {
  const unused = () => Promise.reject(new Error("the simulation has no use for this"));
  return {
    get state() {
      return state();
    },
    record,
    history: unused,
    findJob: unused,
    findMachine: unused,
    settingsHistory: unused,
    lately: async () => ({ jobs: [], machines: [], rest: [] }),
    closedJobs: unused,
    pastMachines: unused,
    keep: unused,
    known: unused,
    logPosition: unused,
    moveLogPosition: unused,
    unread: unused,
    markRead: unused,
    prune: unused,
    close: async () => {},
  };
}
