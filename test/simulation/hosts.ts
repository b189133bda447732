import type { Fact } from "../../src/core/facts.ts";
import type { Capacity } from "../../src/core/host-room.ts";
import { type Driver, NoRoom, type Registration, type StartOrder, type VmSeen } from "../../src/ports.ts";
import { hashToken } from "../../src/token.ts";
import type { SimGitHub, SimJob } from "./github.ts";
import { FAULTS_MS } from "./scenario.ts";
import { CATALOGUE, callOver, type Sim } from "./sim.ts";

export type SimVm = {
  name: string;
  host: string;
  image: string;
  /** The repository whose job it was made for. */
  repo: string | undefined;
  state: "building" | "up" | "off" | "broken";
  isNoRoom?: boolean | undefined;
  isDestroyed: boolean;
  runnerId?: number | undefined;
  startedAt: number;
};

/** What a guest hears when it asks for work. */
export type ClaimAnswer = "down" | "unknown-token" | "gone" | "again" | Registration;

/** The guest listener of whatever controller lives now. */
export type Listener = {
  claim: (name: string, tokenHash: string) => Promise<ClaimAnswer>;
  hangUp: (name: string) => void;
  report: (fact: Fact & { machine: string }) => void;
  repoOf: (name: string) => string | undefined;
  /** The job that it was made for. */
  jobOf: (name: string) => number | undefined;
};

export type SimHosts = {
  vms: Map<string, SimVm>;
  driver: (host: string) => Driver;
  kill: (vm: SimVm) => void;
};

export function simHosts(sim: Sim, github: SimGitHub, listener: Listener): SimHosts {
  const { clock, dice } = sim;
  const vms = new Map<string, SimVm>();
  const quota = simQuota(sim, vms);
  const isUp = (vm: SimVm) => vm.state === "up" && !vm.isDestroyed;

  function powerOff(vm: SimVm): void {
    if (vm.state === "off" || vm.isDestroyed) return;
    vm.state = "off";
    sim.tell(`vm off: ${vm.name}`);
    kill(vm);
  }

  function kill(vm: SimVm): void {
    listener.hangUp(vm.name);
    if (vm.runnerId !== undefined) github.disconnect(vm.runnerId);
  }

  function start({ name, host, image, seed }: StartOrder): void {
    if (vms.has(name)) sim.violations.push(`${name} was started twice`);
    const isFull = quota.isFull(host.name);
    quota.noteOrder(host.name, isFull);
    if (isFull && sim.scenario.quota?.way === "refuses") throw new NoRoom("quota exceeded");
    const vm: SimVm = {
      name,
      host: host.name,
      image: image.name,
      repo: listener.repoOf(name),
      state: isFull ? "broken" : "building",
      isNoRoom: isFull,
      isDestroyed: false,
      startedAt: clock.now(),
    };
    vms.set(name, vm);
    checkCaps(sim, vms);
    const madeFor = github.jobs.get(listener.jobOf(name) ?? 0);
    if (madeFor && !github.mayRun(madeFor))
      sim.violations.push(`a VM was made for job ${madeFor.seen.id}, which may not run`);
    if (!isFull) void live(vm, hashToken(seed.token), seed.lifeSeconds);
  }

  async function live(vm: SimVm, tokenHash: string, lifeSeconds: number): Promise<void> {
    if (sim.fault("vmHangs")) return;
    await clock.sleep(dice.between(500, 5000));
    if (vm.isDestroyed) return;
    if (sim.fault("vmFails")) {
      vm.state = "broken";
      return;
    }
    vm.state = "up";
    clock.at(clock.now() + lifeSeconds * 1000, () => powerOff(vm));
    if (sim.fault("vmDies")) clock.at(clock.now() + dice.between(1000, 300_000), () => powerOff(vm));
    await clock.sleep(dice.between(5000, 40_000));
    if (sim.fault("guestSilent")) return;
    await runGuest(vm, tokenHash);
  }

  async function runGuest(vm: SimVm, tokenHash: string): Promise<void> {
    const registration = await askForWork(vm, tokenHash);
    if (!registration || !isUp(vm) || registration.registration !== "jit") return powerOff(vm);
    vm.runnerId = registration.runnerId;
    if (sim.fault("guestVanishes")) return powerOff(vm);
    if (sim.fault("runnerSilent")) return;
    await clock.sleep(dice.between(1000, 10_000));
    if (!isUp(vm)) return;
    await runListener(vm, registration.runnerId);
    await clock.sleep(dice.between(500, 3000));
    powerOff(vm);
  }

  async function askForWork(vm: SimVm, tokenHash: string): Promise<Registration | undefined> {
    for (let refusals = 0; refusals < 20; ) {
      const answer = await listener.claim(vm.name, tokenHash);
      if (!isUp(vm) || answer === "gone") return undefined;
      if (typeof answer === "object") return answer;
      if (answer === "unknown-token") refusals += 1;
      if (answer !== "again") await clock.sleep(dice.between(2000, 10_000));
    }
    return undefined;
  }

  function report(vm: SimVm, fact: Fact & { machine: string }): void {
    if (isUp(vm) && !sim.fault("reportLost")) listener.report(fact);
  }

  /** The runner's listener: connects, takes one job, runs it, ends. */
  async function runListener(vm: SimVm, runnerId: number): Promise<void> {
    const ended = { kind: "guest-ended" as const, machine: vm.name };
    if (sim.fault("runnerOutdated")) {
      const outcome = { exitCode: 7, ranJob: false, text: "the runner is too old" };
      return report(vm, { ...ended, at: clock.now(), outcome });
    }
    const job = await new Promise<SimJob | undefined>((resolve) => {
      const isConnected = github.connect(runnerId, {
        onJob: resolve,
        onCancel: () => {},
        onGone: () => resolve(undefined),
      });
      if (!isConnected) resolve(undefined);
    });
    const runner = github.runners.get(runnerId);
    if (!job || !runner || !isUp(vm)) {
      const outcome = { exitCode: 1, ranJob: false, text: "the registration is gone" };
      return report(vm, { ...ended, at: clock.now(), outcome });
    }
    github.accept(runner, job);
    report(vm, { kind: "guest-working", at: clock.now(), machine: vm.name });
    const cancelled = new AbortController();
    runner.onCancel = () => cancelled.abort();
    await clock.until(clock.now() + job.runMs, cancelled.signal);
    if (!isUp(vm)) return;
    github.finish(runner, cancelled.signal.aborted ? "cancelled" : "success");
    await clock.sleep(dice.between(100, 2000));
    report(vm, { ...ended, at: clock.now(), outcome: { exitCode: 100, ranJob: true, text: "" } });
  }

  function destroy(name: string): void {
    const vm = vms.get(name);
    if (!vm) return;
    checkDestroy(sim, vm, github);
    vm.isDestroyed = true;
    vms.delete(name);
    kill(vm);
  }

  const seenVm = ({ name, state, isNoRoom }: SimVm): VmSeen => ({ name, state, isNoRoom });

  return {
    vms,
    kill: powerOff,
    driver: (host) => ({
      list: (signal) =>
        callOver(sim, signal, () =>
          [...vms.values()].filter((vm) => vm.host === host && !sim.fault("listLacks")).map(seenVm),
        ),
      start: (order, signal) => callOver(sim, signal, () => start(order)),
      destroy: (name, signal) => callOver(sim, signal, () => destroy(name)),
      capacity: (signal) => callOver(sim, signal, () => quota.capacity(host)),
      check: async () => [],
      evidence: (_name, signal) => callOver(sim, signal, () => ({ "console.log": "the end" })),
      close: async () => {},
    }),
  };
}

/** How often in a row a host may be asked in vain in the life of one controller: it is left alone longer each time. */
const MOST_REFUSALS = 12;

/** A host that has less room than the catalogue says. */
function simQuota({ clock, scenario, startedAt, violations }: Sim, vms: ReadonlyMap<string, SimVm>) {
  const { quota } = scenario;
  let refusals = 0;
  const most = (host: string): number =>
    quota && CATALOGUE.hosts[quota.host]?.name === host && clock.now() < startedAt + FAULTS_MS
      ? quota.machines
      : Number.POSITIVE_INFINITY;
  return {
    isFull: (host: string) => [...vms.values()].filter((vm) => vm.host === host).length >= most(host),
    capacity: (host: string): Capacity => (quota?.isTold ? { machines: most(host) } : {}),
    noteOrder: (host: string, isFull: boolean) => {
      if (!Number.isFinite(most(host))) return;
      refusals = isFull ? refusals + 1 : 0;
      if (refusals === MOST_REFUSALS * (scenario.kills.length + 1))
        violations.push(`a host without room was asked ${refusals} times in a row`);
    },
  };
}

/** NB: after the store is lost the caps rest on the hosts' lists alone; where these lack entries, nobody can keep them. */
function checkCaps({ violations, scenario }: Sim, vms: ReadonlyMap<string, SimVm>): void {
  const { listLacks, callFails, callHangs, answerLost } = scenario.faults;
  if (scenario.wipe && listLacks + callFails + callHangs + answerLost > 0) return;
  const count = (test: (vm: SimVm) => boolean) => [...vms.values()].filter(test).length;
  for (const { name, machines } of CATALOGUE.hosts) {
    if (count((vm) => vm.host === name) > machines) violations.push(`the cap of host ${name} was exceeded`);
  }
  for (const { name, machines } of CATALOGUE.repositories) {
    // NB: nor does a VM tell whose job it was made for, once its row is lost.
    if (scenario.wipe) continue;
    if (count((vm) => vm.repo === name) > machines)
      violations.push(`the cap of repository ${name} was exceeded`);
  }
  for (const { name, machines } of CATALOGUE.images) {
    if (count((vm) => vm.image === name) > machines) violations.push(`the cap of image ${name} was exceeded`);
  }
}

/** A running job may only lose its VM to the image's time limit, unless it is a fork's that got in before it was known. */
function checkDestroy({ clock, violations }: Sim, vm: SimVm, github: SimGitHub): void {
  if (vm.state !== "up" || vm.runnerId === undefined) return;
  const running = github.runners.get(vm.runnerId)?.job;
  // NB: where the App is gone the guest's word is all there is, and it may not have come yet.
  if (running && (github.removed.has(running.seen.repo) || !github.mayRun(running))) return;
  const limit = CATALOGUE.images.find(({ name }) => name === vm.image)?.limits.jobMs ?? 0;
  const isOverdue = clock.now() - vm.startedAt >= limit;
  if (running?.seen.status === "running" && !isOverdue)
    violations.push(`${vm.name} was destroyed while its runner was busy`);
}
