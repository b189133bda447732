import type { CloudImageSeen } from "../../src/core/clouds.ts";
import { emptyState, type State, type Streak } from "../../src/core/facts.ts";
import type { HostRoom } from "../../src/core/host-room.ts";
import { DEFAULT_PATIENCE } from "../../src/core/patience.ts";
import { plan } from "../../src/core/plan.ts";
import { type CheckRun, digestOf, type ReportContext, report } from "../../src/core/report.ts";
import { runKey } from "../../src/core/runs.ts";
import type { Story } from "../../src/core/story.ts";
import type {
  Catalogue,
  Host,
  Image,
  Job,
  JobSeen,
  Machine,
  Patience,
  Repository,
  RunAttempt,
  RunSeen,
  Seen,
  Stranger,
} from "../../src/core/types.ts";
import type { Effect, Plan, World } from "../../src/core/world.ts";

/** Builders of plain values for tests: name only what matters. */

export const NOW = Date.parse("2026-11-23T12:00:00Z");
export const seconds = (count: number): number => count * 1000;
export const minutes = (count: number): number => count * 60_000;
export const hours = (count: number): number => count * 3_600_000;
/** The time that long before `NOW`. */
export const ago = (ms: number): number => NOW - ms;

export const REPO = "octo/spinw";
export const M1 = "mayfly-lab-plain-aaaaaaaa";
export const M2 = "mayfly-lab-plain-bbbbbbbb";
export const M3 = "mayfly-lab-plain-cccccccc";

/** A job that was queued ten seconds ago and asks for the image `plain`. */
export function aJob(changes: Partial<Job> = {}): Job {
  return {
    id: 1,
    repo: REPO,
    installation: 77,
    runId: 100,
    attempt: 1,
    name: "test",
    workflow: "CI",
    labels: ["self-hosted", "our-plain"],
    headSha: "a".repeat(40),
    url: "https://github.com/octo/spinw/actions/runs/100/job/1",
    status: "queued",
    queuedAt: ago(seconds(10)),
    tries: 0,
    ...changes,
  };
}

/** Jobs that wait, the first the longest. */
export const someJobs = (count: number, changes: Partial<Job> = {}): Job[] =>
  Array.from({ length: count }, (_, index) =>
    aJob({ id: index + 1, queuedAt: ago(seconds(60 - index)), ...changes }),
  );

/** What GitHub tells of a job. */
export function aJobSeen(changes: Partial<JobSeen> = {}): JobSeen {
  const { tries: _, ...seen } = aJob(changes);
  return seen;
}

/** A machine with a row, and no VM yet. */
export function aMachine(changes: Partial<Machine> = {}): Machine {
  return { name: M1, repo: REPO, image: "plain", host: "lab1", createdAt: ago(minutes(5)), ...changes };
}

/** Its VM was ordered. */
export const booting = (changes: Partial<Machine> = {}): Machine =>
  aMachine({ startedAt: ago(seconds(20)), tokenHash: "0".repeat(64), ...changes });
/** Its guest has called. */
export const ready = (changes: Partial<Machine> = {}): Machine =>
  booting({ upAt: ago(seconds(15)), askedAt: ago(seconds(10)), runnerVersion: "2.337.0", ...changes });
/** Its guest was given a registration. */
export const configured = (changes: Partial<Machine> = {}): Machine =>
  ready({ configuredAt: ago(seconds(5)), runnerId: 7, ...changes });
/** Its guest has told that a job started. */
export const working = (changes: Partial<Machine> = {}): Machine =>
  configured({ workingAt: ago(seconds(2)), ...changes });
/** Its guest has told that its runner ended, after a job. */
export const ended = (changes: Partial<Machine> = {}): Machine =>
  working({
    endedAt: ago(seconds(1)),
    outcome: { exitCode: 0, ranJob: true, text: "exit code 0" },
    ...changes,
  });
export const adopted = (changes: Partial<Machine> = {}): Machine =>
  aMachine({ adopted: true, retired: { at: ago(minutes(5)), why: "stranger" }, ...changes });

/** Nothing was asked yet. */
export const UNSEEN: Seen = { vm: "unknown", runner: "unknown", polling: false };
export const VM_UP: Partial<Seen> = { vm: "up", vmAskedAt: NOW };
/** Every list of this last while lacks the VM. */
export const vmMissing = (ms: number): Partial<Seen> => ({
  vm: "none",
  vmAskedAt: NOW,
  vmMissingSince: ago(ms),
});
export const runnerSeen = (runner: "offline" | "idle" | "busy"): Partial<Seen> => ({
  runner,
  runnerId: 7,
  runnerAskedAt: NOW,
  wasRunnerSeen: true,
  ...(runner === "offline" ? {} : { runnerOnlineAt: NOW }),
});
/** Every list of this last while lacks the runner. */
export const runnerMissing = (ms: number): Partial<Seen> => ({
  runner: "none",
  runnerAskedAt: NOW,
  runnerMissingSince: ago(ms),
});
/** The guest has a claim open. */
export const ASKING: Partial<Seen> = { ...VM_UP, polling: true };

export const aSeen = (...parts: Partial<Seen>[]): Seen => Object.assign({ ...UNSEEN }, ...parts);

export function anImage(changes: Partial<Image> = {}): Image {
  return {
    name: "plain",
    os: "linux",
    arch: "x64",
    labels: ["self-hosted", "our-plain"],
    box: { name: "debian" },
    prepared: true,
    cpus: 1,
    memoryMiB: 1024,
    hosts: ["lab1"],
    machines: 100,
    limits: { bootMs: minutes(5), jobMs: minutes(60), idleMs: 0 },
    ...changes,
  };
}

export function aHost(changes: Partial<Host> = {}): Host {
  return {
    name: "lab1",
    driver: "fake",
    provider: "libvirt",
    hypervisor: "kvm",
    machines: 100,
    starting: 100,
    guestUrl: "https://guests.invalid",
    ...changes,
  };
}

export const aRepository = (changes: Partial<Repository> = {}): Repository => ({
  name: REPO,
  images: ["plain"],
  machines: 100,
  hot: {},
  registration: "jit",
  onGiveUp: "wait",
  forks: "allow",
  ...changes,
});

/** A run of `aJob`, as GitHub shows it: of a fork, unless it is told where from. */
export const aRunSeen = (changes: Partial<RunSeen> = {}): RunSeen => ({
  id: 100,
  attempt: 1,
  repo: REPO,
  head: "stranger/spinw",
  event: "pull_request",
  isPublic: true,
  ...changes,
});

/** The same, after it was looked up. */
export const aRun = (changes: Partial<RunSeen> = {}, approved?: RunAttempt["approved"]): RunAttempt => {
  const seen = aRunSeen(changes);
  return { id: seen.id, attempt: seen.attempt, at: NOW, seen, approved };
};

/** One machine of a pool has just failed to boot. */
export const aStreak = (changes: Partial<Streak> = {}): Streak => {
  const at = changes.at ?? NOW;
  return { failures: 1, since: at, hadBooted: false, ...changes, at };
};

export const aCatalogue = (changes: Partial<Catalogue> = {}): Catalogue => ({
  controller: "lab",
  hosts: [aHost()],
  images: [anImage()],
  repositories: [aRepository()],
  ...changes,
});

export type WorldParts = {
  jobs?: Job[];
  machines?: Machine[];
  /** By machine; a machine that is not named was never asked about. */
  seen?: Record<string, Partial<Seen>>;
  catalogue?: Partial<Catalogue>;
  patience?: Partial<Patience>;
  streaks?: Record<string, Streak>;
  drained?: string[];
  runs?: RunAttempt[];
  paused?: string[];
  /** Repositories without the App. */
  withoutAccess?: string[];
  strangers?: Stranger[];
  reachable?: string[];
  hostRoom?: Record<string, HostRoom>;
  cloudImages?: Record<string, CloudImageSeen[]>;
  now?: number;
  since?: number;
};

export function aWorld(parts: WorldParts = {}): World {
  const catalogue = aCatalogue(parts.catalogue);
  const state: State = {
    ...emptyState(),
    jobs: new Map(parts.jobs?.map((job) => [job.id, job])),
    machines: new Map(parts.machines?.map((machine) => [machine.name, machine])),
    drained: new Set(parts.drained),
    runs: new Map(parts.runs?.map((run) => [runKey({ runId: run.id, attempt: run.attempt }), run])),
    paused: new Set(parts.paused),
    withoutAccess: new Set(parts.withoutAccess),
    streaks: new Map(Object.entries(parts.streaks ?? {})),
  };
  let made = 0;
  return {
    state,
    catalogue,
    patience: { ...DEFAULT_PATIENCE, ...parts.patience },
    now: parts.now ?? NOW,
    since: parts.since ?? ago(minutes(600)),
    seen: ({ name }) => aSeen(parts.seen?.[name] ?? {}),
    strangers: parts.strangers ?? [],
    reachable: new Set(parts.reachable ?? catalogue.hosts.map(({ name }) => name)),
    hostRoom: new Map(Object.entries(parts.hostRoom ?? {})),
    cloudImages: new Map(Object.entries(parts.cloudImages ?? {})),
    newName: (image) => {
      made += 1;
      return `mayfly-lab-${image}-new${made}`;
    },
  };
}

/** What the check run of a job says at `NOW`. */
export function toldOf(job: Job, story: Story, changes: Partial<ReportContext> = {}): CheckRun {
  const digest = digestOf(job, story, (at) => at <= NOW);
  return report(job, story, {
    now: NOW,
    catalogue: aCatalogue(),
    boots: new Map(),
    publicUrl: undefined,
    state: emptyState(),
    digest,
    ...changes,
  });
}

/** Plans, and says what is to be done to machines, in few words: `destroy mayfly-…`. */
export const doneIn = (parts: WorldParts): string[] => effectsIn(plan(aWorld(parts)));

export const effectsIn = ({ effects }: Plan): string[] => effects.flatMap(words);

function words(effect: Effect): string[] {
  if (effect.do === "publish") return [];
  if ("job" in effect) return [`${effect.do} ${effect.job}`];
  if (effect.do === "end-trial") return [`${effect.verdict} ${effect.cloudImage} on ${effect.host}`];
  return [
    effect.do === "retire" ? `retire ${effect.machine} ${effect.why}` : `${effect.do} ${effect.machine}`,
  ];
}
