import { createHash, randomBytes } from "node:crypto";
import { type Faults, noFaults } from "./faults.ts";
import type { ManifestCode } from "./manifest.ts";
import {
  type Account,
  type Call,
  type CheckRun,
  type Commit,
  type Delivery,
  GITHUB_TIMES,
  type Installation,
  type Job,
  type LimitRefusal,
  type Limits,
  type Permissions,
  type Repo,
  type Run,
  type Runner,
  type Times,
} from "./model.ts";
import type { SignInCode, UserToken } from "./oauth.ts";

export type AppCredentials = {
  id: number;
  slug: string;
  name: string;
  owner: Account;
  privateKey: string;
  permissions: Permissions;
  events: readonly string[];
  /** For people who sign in. */
  clientId: string;
  clientSecret: string;
  /** Addresses that a browser may be sent back to. */
  callbacks: string[];
  /** Where a browser goes when the App has been installed. */
  setupUrl?: string | undefined;
};

/** Everything the emulated GitHub knows. Changed in place; whoever changes it calls `changed`. */
export type World = {
  /** Base address of pages, without a slash at the end; `apiUrl` is the one of the REST API. */
  url: string;
  apiUrl: string;
  /** Base address that runners are told. */
  publicUrl: string;
  app: AppCredentials;
  webhook?: { url: string; secret: string } | undefined;
  times: Times;
  faults: Faults;
  /** Runners older than this are refused a session. */
  minimumRunnerVersion: string;
  /** Calls an installation may make in an hour; one with many repositories may make more. */
  hourlyLimit: number;
  /** Secondary limits; none: they are off. */
  limits?: Limits | undefined;
  /** Calls that a secondary limit refused. */
  limited: LimitRefusal[];
  startedAt: number;
  accounts: Map<string, Account>;
  repos: Map<string, Repo>;
  installations: Map<number, Installation>;
  runs: Map<number, Run>;
  jobs: Map<number, Job>;
  runners: Map<number, Runner>;
  /** Client ids of runners that GitHub has dropped without telling them. */
  ghosts: Set<string>;
  checkRuns: Map<number, CheckRun>;
  deliveries: Delivery[];
  installationTokens: Map<string, InstallationToken>;
  registrationTokens: Map<string, { repo: Repo; expiresAt: number }>;
  signInCodes: Map<string, SignInCode>;
  userTokens: Map<string, UserToken>;
  manifestCodes: Map<string, ManifestCode>;
  /** Logins by team, `org/team` in lower case. */
  teams: Map<string, Set<string>>;
  /** Accounts without any right. */
  strangers: Set<string>;
  calls: Call[];
  violations: string[];
  /** Counts changes; for those who wait for the next one. */
  version: number;
  random: () => number;
  newId: (kind: IdKind) => number;
  listeners: Set<() => void>;
  timers: Set<NodeJS.Timeout>;
  /** Webhooks that wait to be sent together, last first. See WebhookFaults. */
  heldBack: (() => void)[];
  /** Webhooks that are on their way; aborted when the emulator closes. */
  onTheirWay: Set<AbortController>;
};

export type InstallationToken = {
  installation: Installation;
  permissions: Permissions;
  repos: ReadonlySet<Repo>;
  expiresAt: number;
};

export type WorldSettings = {
  app: AppCredentials;
  times?: Partial<Times> | undefined;
  seed?: number | undefined;
  minimumRunnerVersion?: string | undefined;
  hourlyLimit?: number | undefined;
  limits?: Limits | undefined;
};

/** A GitHub with nothing in it. The addresses are filled in once the port is known. */
export function createWorld(settings: WorldSettings): World {
  return {
    url: "",
    apiUrl: "",
    publicUrl: "",
    app: settings.app,
    times: { ...GITHUB_TIMES, ...settings.times },
    faults: noFaults(),
    minimumRunnerVersion: settings.minimumRunnerVersion ?? "2.329.0",
    hourlyLimit: settings.hourlyLimit ?? 5000,
    limits: settings.limits,
    limited: [],
    startedAt: Date.now(),
    accounts: new Map(),
    repos: new Map(),
    installations: new Map(),
    runs: new Map(),
    jobs: new Map(),
    runners: new Map(),
    ghosts: new Set(),
    checkRuns: new Map(),
    deliveries: [],
    installationTokens: new Map(),
    registrationTokens: new Map(),
    signInCodes: new Map(),
    userTokens: new Map(),
    manifestCodes: new Map(),
    teams: new Map(),
    strangers: new Set(),
    calls: [],
    violations: [],
    version: 0,
    random: seededRandom(settings.seed ?? 1),
    newId: idSource(),
    listeners: new Set(),
    timers: new Set(),
    heldBack: [],
    onTheirWay: new Set(),
  };
}

/** To be called after each change of the world: wakes those who wait for one. */
export function changed(world: World): void {
  world.version += 1;
  for (const listener of [...world.listeners]) listener();
}

/**
 * Resolves as soon as a change makes the predicate true (at once if it is). Rejects after `timeoutMs`, with the state in the message.
 */
export function until(world: World, predicate: () => boolean, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer);
      world.listeners.delete(look);
      settle();
    };
    const look = () => {
      try {
        if (predicate()) end(resolve);
      } catch (error) {
        end(() => reject(error));
      }
    };
    const timer = setTimeout(() => {
      end(() => reject(new Error(`not so within ${timeoutMs} ms: ${predicate}\n${describe(world)}`)));
    }, timeoutMs).unref();
    world.listeners.add(look);
    look();
  });
}

/**
 * Does something later, unless it is cancelled by the function it returns or the emulator is closed.
 * NB: it keeps no process alive: a long poll that the closing ends begins one more wait, of up to a day.
 */
export function later(world: World, ms: number, action: () => void): () => void {
  const timer = setTimeout(() => {
    world.timers.delete(timer);
    action();
  }, ms).unref();
  world.timers.add(timer);
  return () => {
    clearTimeout(timer);
    world.timers.delete(timer);
  };
}

/** The world in a few lines, for a person who reads a failed test. */
export function describe(world: World): string {
  const jobs = [...world.jobs.values()].map(
    (job) => `  job ${job.id} ${job.name}: ${job.status} ${job.conclusion ?? ""} ${job.runner?.name ?? ""}`,
  );
  const runners = [...world.runners.values()].map(
    (runner) =>
      `  runner ${runner.id} ${runner.name}: ${runner.session ? "online" : "offline"}${runner.job ? ", busy" : ""}`,
  );
  const checks = [...world.checkRuns.values()].map(
    (check) =>
      `  check ${check.id} ${check.name}: ${check.status} ${check.conclusion ?? ""} "${check.output.title}"`,
  );
  const calls = world.calls.slice(-10).map((call) => `  ${call.status} ${call.method} ${call.path}`);
  const deliveries = world.deliveries.slice(-10).map((one) => `  ${one.event}.${one.action}: ${one.status}`);
  return [
    "jobs:",
    ...jobs,
    "runners:",
    ...runners,
    "check runs:",
    ...checks,
    "last calls:",
    ...calls,
    "last webhooks:",
    ...deliveries,
    "violations:",
    ...world.violations.map((violation) => `  ${violation}`),
  ].join("\n");
}

export type IdKind =
  | "app"
  | "account"
  | "repo"
  | "installation"
  | "run"
  | "job"
  | "runner"
  | "delivery"
  | "token";

/** NB: GitHub's ids of jobs passed 2^32 long ago, and those of deliveries 2^53. A job and its check run have one id. */
const FIRST_ID: Record<IdKind, number> = {
  app: 1_200_001,
  account: 90_000_001,
  repo: 700_000_001,
  installation: 50_000_001,
  run: 17_300_000_001,
  job: 55_390_000_001,
  runner: 21,
  delivery: 3_804_004_623_172_000_000,
  token: 1,
};

/** NB: of numbers as large as the ids of deliveries, JavaScript has every 512th only. */
const STEP: Partial<Record<IdKind, number>> = { delivery: 1024 };

/** NB: GitHub never gives an id twice. Nor does an emulator that is started anew, for a Mayfly that remembers the one before it. */
function idSource(): (kind: IdKind) => number {
  const next = { ...FIRST_ID };
  const secondsOfYear = Math.floor(Date.now() / 1000) % 31_536_000;
  const take = (kind: IdKind, count: number): number => {
    const id = next[kind];
    next[kind] += count * (STEP[kind] ?? 1);
    return id;
  };
  for (const kind of ["run", "job", "delivery"] as const) take(kind, 100 * secondsOfYear);
  return (kind) => take(kind, 1);
}

/** An id as GitHub's GraphQL side writes it; only the look is right. */
export const nodeId = (prefix: string, id: number): string =>
  `${prefix}_${Buffer.from(String(id)).toString("base64url")}`;

/** Every credential that any emulated GitHub of this process has given out, for those who look where they went. */
export const issuedSecrets: string[] = [];

export const newSecret = (prefix: string): string =>
  noteSecret(`${prefix}${randomBytes(20).toString("base64url")}`);

export function noteSecret(secret: string): string {
  issuedSecrets.push(secret);
  return secret;
}

export const newCommit = (
  changes: Commit["changes"],
  { message, author }: Pick<Commit, "message" | "author">,
): Commit => ({ sha: newSha(), message, author, at: Date.now(), changes });

export const newSha = (): string => createHash("sha1").update(randomBytes(16)).digest("hex");

/** GitHub's times have whole seconds. */
export const isoTime = (at: number): string => new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z");

/** Mulberry32: small, fast, and the same on every machine. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
