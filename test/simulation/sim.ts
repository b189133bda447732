import { DEFAULT_PATIENCE } from "../../src/core/patience.ts";
import type { Catalogue, Patience } from "../../src/core/types.ts";
import { GitHubUnavailable } from "../../src/ports.ts";
import { type VirtualClock, virtualClock } from "./clock.ts";
import { type Random, random } from "./random.ts";
import { FAULTS_MS, type Faults, MINUTE, type Scenario } from "./scenario.ts";

/** What all simulated parts share. */
export type Sim = {
  clock: VirtualClock;
  dice: Random;
  scenario: Scenario;
  startedAt: number;
  violations: string[];
  /** True with the fault's probability, while faults last. */
  fault: (kind: Exclude<keyof Faults, "webhookLateMs">) => boolean;
  /** What happened, for the log of a failing run. */
  tell: (text: string) => void;
  log: string[];
};

export const REPOS = ["octo/spinw", "octo/horace"] as const;

export const PATIENCE: Patience = DEFAULT_PATIENCE;

const LIMITS = { bootMs: 2 * MINUTE, jobMs: 12 * MINUTE, idleMs: 0 };

const image = (name: string, machines: number) => ({
  name,
  os: "linux" as const,
  arch: "x64" as const,
  labels: ["self-hosted", `our-${name}`],
  box: { name },
  prepared: true,
  cpus: 1,
  memoryMiB: 1024,
  hosts: ["lab1", "lab2"],
  machines,
  limits: LIMITS,
});

const host = (name: string, machines: number) => ({
  name,
  driver: "fake" as const,
  provider: "libvirt" as const,
  hypervisor: "qemu" as const,
  machines,
  starting: machines,
  guestUrl: "https://guests.invalid",
});

/** Small on purpose: every cap is met often. Forks are approved in the first repository, and refused in the second if it is public. */
export const CATALOGUE: Catalogue = {
  controller: "sim",
  hosts: [host("lab1", 2), host("lab2", 1)],
  images: [image("plain", 3), image("big", 1)],
  repositories: REPOS.map((name, index) => ({
    name,
    images: ["plain", "big"],
    machines: 2,
    hot: {},
    mostHot: { plain: 1 },
    registration: "jit" as const,
    onGiveUp: index === 0 ? ("wait" as const) : ("cancel" as const),
    ...(index === 0 ? { forks: "approve" as const } : {}),
  })),
};

export function newSim(scenario: Scenario): Sim {
  const clock = virtualClock();
  const dice = random(scenario.seed ^ 0x5eed);
  const startedAt = clock.now();
  const log: string[] = [];
  return {
    clock,
    dice,
    scenario,
    startedAt,
    violations: [],
    fault: (kind) => clock.now() < startedAt + FAULTS_MS && dice.chance(scenario.faults[kind]),
    tell: (text) => void log.push(`${((clock.now() - startedAt) / 1000).toFixed(1)} ${text}`),
    log,
  };
}

/** A call over the network: it takes a while, and may hang, fail before it did anything, or do its work and lose the answer. */
export async function callOver<T>(sim: Sim, signal: AbortSignal, work: () => T): Promise<T> {
  await sim.clock.sleep(sim.dice.between(5, 1500));
  if (sim.fault("callHangs")) {
    await sim.clock.until(Number.POSITIVE_INFINITY, signal);
    throw new GitHubUnavailable("simulated time-out");
  }
  if (sim.fault("callFails")) throw new GitHubUnavailable("simulated failure");
  const answer = work();
  if (sim.fault("answerLost")) throw new GitHubUnavailable("simulated lost answer");
  return answer;
}
