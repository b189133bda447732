import { random } from "./random.ts";

/** All that a run is made of. Plain data, so that a failing one can be shrunk and shown. */
export type Scenario = {
  seed: number;
  jobs: PlannedJob[];
  faults: Faults;
  /** The controller is killed at these effects, counted over the whole run. */
  kills: number[];
  /** How long it stays down each time. */
  downMs: number;
  /** The first kill also loses the store. */
  wipe: boolean;
  /** GitHub hands a job to any fitting runner, not to the one that waits longest. */
  randomHandOut: boolean;
  /** A person presses Retry on each job that is given up, once. */
  retries: boolean;
  /** Everybody may see the repositories. */
  isPublic: boolean;
  /** A repository removes the App, and installs it again this much later. */
  uninstall?: { repo: number; atMs: number; forMs: number } | undefined;
  /** An admin of a repository sets something, and takes it back this much later; but labels stay. */
  settings?: { repo: number; wish: Wish; atMs: number; forMs: number } | undefined;
  /** An operator pauses orders, and resumes them this much later; or somebody wants the next machine that fails to be held. */
  operator?:
    | { wish: (typeof ORDERS)[number]; repo: number; image: number; atMs: number; forMs: number }
    | undefined;
  /** A host has room for fewer machines than the catalogue says, until the faults end. */
  quota?: { host: number; machines: number; way: "refuses" | "breaks"; isTold: boolean } | undefined;
};

const ORDERS = ["pause", "pause-all", "hold-next"] as const;

/** `too-much`: more than the operator allows. */
export type Wish = (typeof WISHES)[number];

const WISHES = ["pause", "one-machine", "too-much", "labels"] as const;

export type PlannedJob = {
  atMs: number;
  repo: number;
  image: number;
  runMs: number;
  /** A person cancels it this long after it was queued. */
  cancelAfterMs?: number | undefined;
  /** GitHub holds it back this long after it was queued, and then lets it go. */
  holdAfterMs?: number | undefined;
  /** It comes from a fork's pull request. */
  isFork?: boolean | undefined;
  /** A person presses Approve this long after the button was first there. */
  approveAfterMs?: number | undefined;
  /** Where an admin sets labels, it asks for the one that they set. */
  wantsOwnLabel?: boolean | undefined;
};

/** Probabilities, but for `webhookLateMs`. They end after FAULTS_MS; then everything must come to rest. */
export type Faults = {
  webhookLost: number;
  webhookDoubled: number;
  webhookLateMs: number;
  /** A call at GitHub or of a driver fails before it did anything. */
  callFails: number;
  /** A call did its work, and the answer is lost. */
  answerLost: number;
  /** A call hangs until its time limit. */
  callHangs: number;
  /** Each entry of a list, each time. */
  listLacks: number;
  vmFails: number;
  vmHangs: number;
  vmDies: number;
  guestSilent: number;
  /** The guest is gone right after it was given its registration. */
  guestVanishes: number;
  /** The runner is given its registration and never connects. */
  runnerSilent: number;
  /** GitHub refuses the version of the runner. */
  runnerOutdated: number;
  reportLost: number;
};

export const MINUTE = 60_000;
export const FAULTS_MS = 15 * MINUTE;

export const NO_FAULTS: Faults = {
  webhookLost: 0,
  webhookDoubled: 0,
  webhookLateMs: 0,
  callFails: 0,
  answerLost: 0,
  callHangs: 0,
  listLacks: 0,
  vmFails: 0,
  vmHangs: 0,
  vmDies: 0,
  guestSilent: 0,
  guestVanishes: 0,
  runnerSilent: 0,
  runnerOutdated: 0,
  reportLost: 0,
};

/** Makes a scenario from its seed: each kind of trouble is there in about one run of three, some runs have none at all. */
export function makeScenario(seed: number): Scenario {
  const dice = random(seed);
  const isCalm = dice.chance(0.1);
  const fault = (most: number) => (!isCalm && dice.chance(0.35) ? dice.next() * most : 0);
  const count = dice.between(1, 7);
  const forks = random(seed ^ 0xf0f0);
  const admins = random(seed ^ 0xad17);
  const operators = random(seed ^ 0x09e7);
  const clouds = random(seed ^ 0xc10d);
  const hasForks = forks.chance(0.5);
  return {
    seed,
    jobs: Array.from({ length: count }, () => ({
      atMs: dice.between(0, 6 * MINUTE),
      repo: dice.between(0, 1),
      image: dice.between(0, 1),
      runMs: dice.between(1000, 3 * MINUTE),
      cancelAfterMs: dice.chance(0.2) ? dice.between(0, 4 * MINUTE) : undefined,
      holdAfterMs: !isCalm && dice.chance(0.15) ? dice.between(0, MINUTE) : undefined,
      isFork: hasForks && forks.chance(0.4),
      approveAfterMs: forks.chance(0.6) ? forks.between(0, 6 * MINUTE) : undefined,
      wantsOwnLabel: admins.chance(0.5),
    })),
    faults: {
      webhookLost: dice.chance(0.05) && !isCalm ? 1 : fault(0.6),
      webhookDoubled: fault(0.6),
      webhookLateMs: fault(3 * MINUTE),
      callFails: fault(0.3),
      answerLost: fault(0.3),
      callHangs: fault(0.1),
      listLacks: fault(0.2),
      vmFails: fault(0.4),
      vmHangs: fault(0.2),
      vmDies: fault(0.3),
      guestSilent: fault(0.3),
      guestVanishes: fault(0.3),
      runnerSilent: fault(0.3),
      runnerOutdated: fault(0.3),
      reportLost: fault(0.5),
    },
    kills:
      isCalm || dice.chance(0.4)
        ? []
        : Array.from({ length: dice.between(1, 5) }, () => dice.between(0, 120)).toSorted((a, b) => a - b),
    // NB: a call that was under way when its process died has arrived, or never will, by the time the next process asks.
    downMs: dice.between(2000, 2 * MINUTE),
    wipe: !isCalm && dice.chance(0.1),
    randomHandOut: !isCalm && dice.chance(0.5),
    retries: dice.chance(0.5),
    isPublic: forks.chance(0.7),
    uninstall:
      !isCalm && dice.chance(0.15)
        ? {
            repo: dice.between(0, 1),
            atMs: dice.between(0, 6 * MINUTE),
            forMs: dice.between(MINUTE, 15 * MINUTE),
          }
        : undefined,
    settings: admins.chance(0.4)
      ? {
          repo: admins.between(0, 1),
          wish: admins.pick(WISHES) ?? "pause",
          atMs: admins.between(0, 5 * MINUTE),
          forMs: admins.between(MINUTE, 10 * MINUTE),
        }
      : undefined,
    operator: operators.chance(0.5)
      ? {
          wish: operators.pick(ORDERS) ?? "pause",
          repo: operators.between(0, 1),
          image: operators.between(0, 1),
          atMs: operators.between(0, 6 * MINUTE),
          forMs: operators.between(MINUTE, 10 * MINUTE),
        }
      : undefined,
    quota:
      !isCalm && clouds.chance(0.4)
        ? {
            host: clouds.between(0, 1),
            machines: clouds.between(0, 1),
            way: clouds.chance(0.5) ? "refuses" : "breaks",
            isTold: clouds.chance(0.5),
          }
        : undefined,
  };
}
