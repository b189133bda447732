import { pino } from "pino";
import { type Actor, actor } from "../../src/act.ts";
import type { Capacity } from "../../src/core/host-room.ts";
import { DEFAULT_PATIENCE } from "../../src/core/patience.ts";
import type { CheckRun } from "../../src/core/report.ts";
import type { Catalogue, JobSeen, Machine, MachineName, RunSeen } from "../../src/core/types.ts";
import { type Observer, observer } from "../../src/observe.ts";
import type {
  DeliveryEntry,
  Driver,
  GitHub,
  Guests,
  OpenCheck,
  Registration,
  RunnerSeen,
  StartOrder,
  Store,
  VmSeen,
} from "../../src/ports.ts";
import { type Reconciler, reconciler } from "../../src/reconcile.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { aCatalogue, NOW, REPO } from "./build.ts";
import { type FakeClock, fakeClock, settled } from "./clock.ts";

/** The ring on small fakes: a host, GitHub and guests that do what they are told, and whose state can be looked at. */
export type Rig = {
  clock: FakeClock;
  store: Store;
  host: FakeHost;
  github: FakeGitHub;
  guests: FakeGuests;
  observer: Observer;
  act: Actor;
  reconciler: Reconciler;
  /** How often the observer rang. */
  rings: () => number;
  /** Evidence kept, by machine. */
  evidence: Map<MachineName, Record<string, string>>;
  machine: (name: MachineName) => Machine | undefined;
};

export type RigParts = {
  catalogue?: Partial<Catalogue>;
  /** Has these rows from the start. */
  machines?: readonly Machine[];
  store?: Store;
  /** By name, where there are several. */
  hosts?: Record<string, FakeHost>;
  keepEvidence?: (machine: Machine, files: Record<string, string>) => Promise<string>;
};

export function ringRig(parts: RigParts = {}): Rig {
  const clock = fakeClock();
  const catalogue = aCatalogue(parts.catalogue);
  const store = parts.store ?? memoryStore();
  for (const machine of parts.machines ?? []) store.state.machines.set(machine.name, machine);
  const host = fakeHost();
  const github = fakeGitHub();
  const guests = fakeGuests();
  const evidence = new Map<MachineName, Record<string, string>>();
  const log = pino({ level: "silent" });
  const drivers = new Map(catalogue.hosts.map(({ name }) => [name, (parts.hosts?.[name] ?? host).driver]));
  const repositories = catalogue.repositories.map(({ name }) => name);
  let rung = 0;
  const ring = () => {
    rung += 1;
    ringing.ring();
  };
  const watch = observer({
    controller: "lab",
    drivers,
    repositories,
    github: github.port,
    guests: guests.port,
    clock,
    ring,
    log,
  });
  const keepEvidence = async (machine: Machine, files: Record<string, string>) => {
    evidence.set(machine.name, files);
    return files["console.log"] ?? "";
  };
  const ports = { github: github.port, guests: guests.port, drivers, store, clock, log, observer: watch };
  const act = actor({ ...ports, catalogue, ca: "PEM", keepEvidence: parts.keepEvidence ?? keepEvidence });
  let made = 0;
  const newName = (image: string) => {
    made += 1;
    return `mayfly-lab-${image}-aaaaaa${letterOf(Math.floor((made - 1) / 26))}${letterOf((made - 1) % 26)}`;
  };
  const ringing = reconciler({
    catalogue,
    patience: DEFAULT_PATIENCE,
    store,
    observer: watch,
    act,
    clock,
    log,
    newName,
  });
  return {
    ...{ clock, store, host, github, guests, act, evidence },
    observer: watch,
    reconciler: ringing,
    rings: () => rung,
    machine: (name) => store.state.machines.get(name),
  };
}

/** Lets the next call of a verb fail, or wait until it is told to go on. */
const letterOf = (index: number): string => String.fromCharCode("a".charCodeAt(0) + index);

export type Troubles<Verb extends string> = {
  fails: (verb: Verb, error: Error) => void;
  waits: (verb: Verb) => () => void;
  meet: (verb: Verb) => Promise<void>;
  /** How many troubles are still to come. */
  pending: (verb: Verb) => number;
};

function troubles<Verb extends string>(): Troubles<Verb> {
  const coming: { verb: Verb; happen: () => Promise<void> }[] = [];
  return {
    fails: (verb, error) => void coming.push({ verb, happen: () => Promise.reject(error) }),
    waits: (verb) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      coming.push({ verb, happen: () => promise });
      return resolve;
    },
    pending: (verb) => coming.filter((trouble) => trouble.verb === verb).length,
    meet: async (verb) => {
      const index = coming.findIndex((trouble) => trouble.verb === verb);
      if (index >= 0) await coming.splice(index, 1)[0]?.happen();
    },
  };
}

type HostVerb = "list" | "start" | "destroy" | "evidence" | "capacity";

export type FakeHost = Troubles<HostVerb> & {
  driver: Driver;
  /** `no-room`: broken, since there was no room for it. */
  vms: Map<MachineName, VmSeen["state"] | "no-room">;
  orders: StartOrder[];
  /** How often it was asked for its list. */
  asked: () => number;
};

/** `capacity`: what it says that it has room for. Left out: it says nothing of that. */
export function fakeHost(capacity?: Capacity): FakeHost {
  const trouble = troubles<HostVerb>();
  const vms: FakeHost["vms"] = new Map();
  const orders: StartOrder[] = [];
  let asked = 0;
  const driver: Driver = {
    async list() {
      asked += 1;
      await trouble.meet("list");
      return Array.from(vms, ([name, state]): VmSeen => {
        if (state === "no-room") return { name, state: "broken", text: "no valid host", isNoRoom: true };
        return { name, state, text: state === "broken" ? "no space left" : undefined };
      });
    },
    ...(capacity
      ? {
          capacity: async () => {
            await trouble.meet("capacity");
            return { ...capacity };
          },
        }
      : {}),
    async start(order) {
      await trouble.meet("start");
      orders.push(order);
      vms.set(order.name, "building");
    },
    async destroy(name) {
      await trouble.meet("destroy");
      vms.delete(name);
    },
    async evidence(name) {
      await trouble.meet("evidence");
      return { "console.log": `the console of ${name}` };
    },
    check: async () => [],
    close: async () => {},
  };
  return { ...trouble, driver, vms, orders, asked: () => asked };
}

type GitHubVerb =
  | ("installed" | "isInstalled" | "runners" | "register" | "remove" | "job" | "openJobs" | "publish")
  | ("run" | "cancelRun" | "rerunJob" | "rerunRun" | "mayWrite" | "administers" | "isMember")
  | ("openChecks" | "closeCheck" | "deliveries" | "delivery");

export type FakeGitHub = Troubles<GitHubVerb> & {
  port: GitHub;
  /** In every repository, if none is named. */
  runners: Map<number, RunnerSeen & { repo?: string }>;
  jobs: Map<number, JobSeen>;
  runsSeen: Map<number, RunSeen>;
  /** What each check run said, the newest last. */
  checks: Map<number, CheckRun[]>;
  /** Runs that were cancelled. */
  cancelled: ReadonlySet<number>;
  /** Where the App is installed, as the list says, and in truth. */
  installed: Set<string>;
  inTruth: Set<string>;
  /** Check runs that are not completed. */
  openChecks: OpenCheck[];
  /** The delivery log, newest first. */
  deliveryLog: DeliveryEntry[];
  /** Entries whose webhook GitHub does not have any more. */
  gone: Set<string>;
  /** Calls made, by verb. */
  calls: (verb: GitHubVerb) => number;
};

/** Runners are what the test makes them, and nothing happens by itself. `now`: GitHub's own clock. */
export function fakeGitHub(now = () => NOW): FakeGitHub {
  const trouble = troubles<GitHubVerb>();
  const runners: FakeGitHub["runners"] = new Map();
  const jobs = new Map<number, JobSeen>();
  const runsSeen = new Map<number, RunSeen>();
  const checks = new Map<number, CheckRun[]>();
  const checkOf = new Map<number, number>();
  const cancelled = new Set<number>();
  const [installed, inTruth] = [new Set([REPO]), new Set([REPO])];
  const openChecks: OpenCheck[] = [];
  const deliveryLog: DeliveryEntry[] = [];
  const gone = new Set<string>();
  const calls: GitHubVerb[] = [];
  let lastId = 100;
  const call = async (verb: GitHubVerb) => {
    calls.push(verb);
    await trouble.meet(verb);
  };
  const port: GitHub = {
    async installed() {
      await call("installed");
      return [...installed];
    },
    async isInstalled(repo) {
      await call("isInstalled");
      return inTruth.has(repo);
    },
    async runners(repo) {
      await call("runners");
      return [...runners.values()]
        .filter((runner) => (runner.repo ?? repo) === repo)
        .map((runner) => ({ ...runner }));
    },
    async register(repository, name, labels) {
      await call("register");
      if ([...runners.values()].some((runner) => runner.name === name)) return "taken";
      if (repository.registration === "token")
        return { registration: "token", url: "https://github.com/octo/spinw", token: "secret", name, labels };
      lastId += 1;
      runners.set(lastId, { id: lastId, name, state: "offline" });
      return { registration: "jit", runnerId: lastId, jit: `configuration of ${name}` };
    },
    async remove(_repo, id) {
      await call("remove");
      if (runners.get(id)?.state === "busy") return "busy";
      runners.delete(id);
      return "removed";
    },
    async job(_repo, id) {
      await call("job");
      return jobs.get(id) ?? "gone";
    },
    async openJobs() {
      await call("openJobs");
      return [...jobs.values()].filter(({ status }) => status !== "done");
    },
    async run(_repo, id) {
      await call("run");
      return runsSeen.get(id) ?? "gone";
    },
    async cancelRun(_repo, runId) {
      await call("cancelRun");
      cancelled.add(runId);
    },
    async rerunJob() {
      await call("rerunJob");
      return "queued";
    },
    async rerunRun() {
      await call("rerunRun");
      return "queued";
    },
    async isMember() {
      await call("isMember");
      return true;
    },
    async mayWrite() {
      await call("mayWrite");
      return true;
    },
    async administers() {
      await call("administers");
      return true;
    },
    async publish(job, content, known) {
      await call("publish");
      const found = known === "find" ? checkOf.get(job.id) : known;
      const check = typeof found === "number" ? found : 900 + checks.size;
      checkOf.set(job.id, check);
      checks.set(check, [...(checks.get(check) ?? []), content]);
      return check;
    },
    async openChecks() {
      await call("openChecks");
      return [...openChecks];
    },
    async closeCheck(_repo, check) {
      await call("closeCheck");
      openChecks.splice(0, openChecks.length, ...openChecks.filter(({ id }) => id !== check));
    },
    async deliveries(since) {
      await call("deliveries");
      return { at: now(), entries: deliveryLog.filter(({ at }) => at >= since) };
    },
    async delivery(id) {
      await call("delivery");
      const entry = deliveryLog.find((one) => one.id === id);
      if (!entry || gone.has(id)) return "gone";
      return { id: entry.guid, event: entry.event, payload: `{"delivery":${id}}` };
    },
  };
  return {
    ...trouble,
    port,
    runners,
    jobs,
    runsSeen,
    checks,
    cancelled,
    ...{ installed, inTruth, openChecks, deliveryLog, gone },
    calls: (verb) => calls.filter((made) => made === verb).length,
  };
}

export type FakeGuests = {
  port: Guests;
  /** Opens a claim, and resolves with its answer. */
  claim: (name: MachineName) => Promise<Registration>;
  hangUp: (name: MachineName) => void;
  heard: Map<MachineName, number>;
};

export function fakeGuests(): FakeGuests {
  const claims = new Map<MachineName, (answer: Registration) => void>();
  const heard = new Map<MachineName, number>();
  return {
    heard,
    claim: (name) => new Promise((resolve) => void claims.set(name, resolve)),
    hangUp: (name) => void claims.delete(name),
    port: {
      polling: () => new Set(claims.keys()),
      heardAt: (name) => heard.get(name),
      answer: (name, registration) => {
        claims.get(name)?.(registration);
        return claims.delete(name);
      },
    },
  };
}

/** Asks whatever is due, waits for the answers, and says when the next question is due. */
export async function look(
  rig: Rig,
  repos: string[] = [REPO],
): Promise<{ hostsIn: number; runnersIn: number }> {
  rig.observer.askHosts(rig.store.state);
  rig.observer.askRunners(repos);
  await settled();
  const now = rig.clock.now();
  return {
    hostsIn: rig.observer.askHosts(rig.store.state) - now,
    runnersIn: rig.observer.askRunners(repos) - now,
  };
}
