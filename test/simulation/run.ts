import type { Fact } from "../../src/core/facts.ts";
import type { Settings } from "../../src/core/settings.ts";
import { type Controller, simController } from "./controller.ts";
import { type SimGitHub, type SimJob, simGitHub } from "./github.ts";
import { type SimHosts, type SimVm, simHosts } from "./hosts.ts";
import { orderFacts } from "./people.ts";
import { FAULTS_MS, MINUTE, NO_FAULTS, type PlannedJob, type Scenario } from "./scenario.ts";
import { OWN_LABEL, repoAt, rulesOf, SETTINGS } from "./settings.ts";
import { CATALOGUE, newSim, REPOS, type Sim } from "./sim.ts";

export type Result = {
  violations: string[];
  log: string[];
  kills: number;
  virtualMs: number;
  gaveUp: number;
};

/** After the last fault every job is to have begun, or to have been given up, within this time. */
const PATIENCE_MS = 45 * MINUTE;
/** And everything is to be gone within this. */
const HORIZON_MS = FAULTS_MS + PATIENCE_MS + 45 * MINUTE;
const LOOK_MS = 15_000;
const HELD_MS = 20_000;
/** Somebody finds that nobody is there to take what they want. */
const TELL_AGAIN_MS = 10_000;

/** Plays one scenario to its end and answers what went wrong. */
export async function runScenario(scenario: Scenario): Promise<Result> {
  const sim = newSim(scenario);
  const github = simGitHub(sim, {
    deliver: (job) => controller.deliver(job),
    knows: (id) => controller.state().jobs.get(id)?.status === "queued",
  });
  const controller = simController(sim, () => ({ github: github.port, driver: hosts.driver }));
  const hosts = simHosts(sim, github, controller.listener);
  controller.start();
  if (scenario.uninstall) planUninstall(sim, github, scenario.uninstall);
  if (scenario.settings) planSettings(sim, controller, scenario.settings);
  if (scenario.operator) planOperator(sim, controller, scenario.operator);
  const patient = new Map<number, number>();
  for (const { atMs, cancelAfterMs, holdAfterMs, approveAfterMs, ...order } of scenario.jobs) {
    sim.clock.at(sim.startedAt + atMs, () => {
      const job = github.queue({ ...order, labels: labelsFor(order, scenario) });
      if (order.isFork && approveAfterMs !== undefined) patient.set(job.seen.id, approveAfterMs);
      if (cancelAfterMs !== undefined)
        sim.clock.at(sim.clock.now() + cancelAfterMs, () => github.cancel(job));
      if (holdAfterMs !== undefined)
        sim.clock.at(sim.clock.now() + holdAfterMs, () => github.hold(job, HELD_MS));
    });
  }
  const world: PlayedWorld = {
    sim,
    github,
    hosts,
    controller,
    hadIdleRoom: new Set(),
    patient,
    isOver: false,
    gaveUp: new Set(),
  };
  look(world);
  await sim.clock.run(() => world.isOver || sim.violations.length > 0);
  const virtualMs = sim.clock.now() - sim.startedAt;
  return {
    violations: sim.violations,
    log: sim.log,
    kills: controller.kills(),
    virtualMs,
    gaveUp: world.gaveUp.size,
  };
}

function labelsFor(
  { repo, image, wantsOwnLabel }: Omit<PlannedJob, "atMs">,
  { settings }: Scenario,
): readonly string[] {
  const hasOwn = settings?.wish === "labels" && settings.repo === repo && image === 0;
  return hasOwn && wantsOwnLabel ? ["self-hosted", OWN_LABEL] : (CATALOGUE.images[image]?.labels ?? []);
}

function planUninstall(
  { clock, startedAt, tell }: Sim,
  { removed }: SimGitHub,
  { repo, atMs, forMs }: NonNullable<Scenario["uninstall"]>,
): void {
  const name = REPOS[repo] ?? REPOS[0];
  clock.at(startedAt + atMs, () => {
    tell(`${name} removed the App`);
    removed.add(name);
  });
  clock.at(startedAt + atMs + forMs, () => {
    tell(`${name} installed the App again`);
    removed.delete(name);
  });
}

function planSettings(
  { clock, startedAt }: Sim,
  { save, state }: Controller,
  { repo, wish, atMs, forMs }: NonNullable<Scenario["settings"]>,
): void {
  const name = repoAt(repo);
  const saveAt = (at: number, settings: Settings, next: () => void) =>
    clock.at(at, () => (save(name, settings) ? next() : saveAt(clock.now() + TELL_AGAIN_MS, settings, next)));
  const takeBack = () => saveAt(clock.now() + forMs, {}, () => {});
  // NB: jobs ask for the label, so whoever set it looks whether it is still there: a store may be lost.
  const keep = () =>
    clock.at(clock.now() + MINUTE, () => (state().settings.has(name) ? keep() : set(clock.now())));
  const set = (at: number) => saveAt(at, SETTINGS[wish], wish === "labels" ? keep : takeBack);
  set(startedAt + atMs);
}

function planOperator(
  { clock, startedAt }: Sim,
  { order }: Controller,
  wish: NonNullable<Scenario["operator"]>,
): void {
  const facts = orderFacts(wish);
  const orderAt = (at: number, fact: Fact, next: () => void) =>
    clock.at(at, () => (order(fact) ? next() : orderAt(clock.now() + TELL_AGAIN_MS, fact, next)));
  orderAt(startedAt + wish.atMs, facts.order, () => {
    if (facts.takeBack) orderAt(clock.now() + wish.forMs, facts.takeBack, () => {});
  });
}

type PlayedWorld = {
  sim: Sim;
  github: SimGitHub;
  hosts: SimHosts;
  controller: Controller;
  /** Jobs that could have had a machine at the last look. */
  hadIdleRoom: Set<number>;
  /** Jobs that a person will approve, and how long after the button is there. */
  patient: Map<number, number>;
  isOver: boolean;
  gaveUp: Set<number>;
};

/** Looks at the world every few seconds, as long as it goes on. */
function look(world: PlayedWorld): void {
  const { sim, github } = world;
  const elapsedMs = sim.clock.now() - sim.startedAt;
  noteGivenUp(world);
  pressApprove(world);
  if (isCalm(sim.scenario)) checkRoom(world);
  if (elapsedMs >= FAULTS_MS + PATIENCE_MS) endWaiting(world);
  const lastJobMs = Math.max(0, ...sim.scenario.jobs.map(({ atMs }) => atMs));
  if (elapsedMs > lastJobMs + LOOK_MS && isAtRest(world)) {
    world.isOver = true;
    checkEnd(world);
    return;
  }
  if (elapsedMs >= HORIZON_MS) {
    sim.violations.push(`not at rest in time: ${describe(world)}`);
    return;
  }
  // NB: GitHub ends what waits for a day; the simulation does that for given-up jobs once nothing else is left to do.
  if (elapsedMs > FAULTS_MS && onlyGivenUpAreOpen(world)) {
    for (const job of github.jobs.values()) if (isLeftAlone(job, world)) github.cancel(job);
  }
  sim.clock.at(sim.clock.now() + LOOK_MS, () => look(world));
}

const isCalm = ({ faults, kills, quota }: Scenario): boolean =>
  kills.length === 0 &&
  quota === undefined &&
  Object.entries(NO_FAULTS).every(([kind, none]) => faults[kind as keyof typeof faults] === none);

/** The only end that counts besides being served: a red check run. */
function noteGivenUp({ sim, github, controller, gaveUp }: PlayedWorld): void {
  for (const { job, digest } of github.checks.values()) {
    if (digest !== "given-up" || gaveUp.has(job)) continue;
    gaveUp.add(job);
    if (sim.scenario.retries) controller.retry(job);
  }
}

/** NB: nobody is as quick as the controller, and one that does not hear of it is pressed again. */
function pressApprove(world: PlayedWorld): void {
  const { sim, github, patient } = world;
  for (const { job: id, canApprove } of github.checks.values()) {
    const job = github.jobs.get(id);
    const afterMs = patient.get(id);
    if (!canApprove || afterMs === undefined || !job) continue;
    patient.delete(id);
    sim.clock.at(sim.clock.now() + afterMs, () => approve(job, world));
  }
}

/** As app.ts does. */
function approve(job: SimJob, { sim, github, controller, patient }: PlayedWorld): void {
  const isOver = job.seen.status === "done";
  if (isOver && job.seen.ranOn !== undefined) return;
  const attempt = isOver ? job.seen.attempt + 1 : job.seen.attempt;
  if (!controller.approve(job.seen, attempt)) return void patient.set(job.seen.id, MINUTE);
  github.approve(job, attempt);
  if (isOver) sim.clock.at(sim.clock.now() + 500, () => github.rerun(job));
}

/** Nobody will make a machine for it, and it was said so. */
function isLeftAlone({ seen }: SimJob, { github, gaveUp }: PlayedWorld): boolean {
  if (seen.status !== "queued") return false;
  const digest = [...github.checks.values()].find(({ job }) => job === seen.id)?.digest ?? "";
  return gaveUp.has(seen.id) || digest === "refused" || digest === "unapproved";
}

function onlyGivenUpAreOpen(world: PlayedWorld): boolean {
  const open = [...world.github.jobs.values()].filter(({ seen }) => seen.status !== "done");
  return open.length > 0 && open.every((job) => isLeftAlone(job, world));
}

/** Jobs that were neither served nor given up by now waited too long. */
function endWaiting(world: PlayedWorld): void {
  const { sim, github } = world;
  for (const job of github.jobs.values()) {
    const { seen } = job;
    if (seen.status === "queued" && !isLeftAlone(job, world)) {
      sim.violations.push(
        `job ${seen.id} waited ${Math.round((sim.clock.now() - seen.queuedAt) / 1000)} s and was not given up`,
      );
    }
  }
}

/** With nothing going wrong, a job that has no machine on its way has none because there is no room for one. */
function checkRoom(world: PlayedWorld): void {
  const now = idleRoom(world);
  for (const id of now) {
    if (world.hadIdleRoom.has(id)) {
      world.sim.violations.push(`job ${id} waits although there is room: ${describe(world)}`);
    }
  }
  world.hadIdleRoom = now;
}

/** Jobs that wait, have no machine on their way, and could have one. */
function idleRoom({ github, hosts, controller }: PlayedWorld): Set<number> {
  const vms = [...hosts.vms.values()];
  const count = (test: (vm: SimVm) => boolean) => vms.filter(test).length;
  if (!CATALOGUE.hosts.some(({ name, machines }) => count((vm) => vm.host === name) < machines))
    return new Set();
  const found = new Set<number>();
  for (const { name } of CATALOGUE.repositories) {
    const { paused, machines, labelsOf } = rulesOf(name, controller.state());
    if (paused || controller.isPaused(name)) continue;
    if (count((vm) => vm.repo === name) >= machines) continue;
    for (const image of CATALOGUE.images) {
      const inPool = (vm: SimVm) => vm.repo === name && vm.image === image.name;
      if (count((vm) => vm.image === image.name) >= image.machines) continue;
      const waiting = waitingJobs(github, name, labelsOf(image));
      const free = count((vm) => inPool(vm) && !isBusy(vm.runnerId, github));
      for (const id of waiting.slice(free)) found.add(id);
    }
  }
  return found;
}

const waitingJobs = (github: SimGitHub, repo: string, labels: readonly string[]): number[] =>
  [...github.jobs.values()]
    .filter(({ seen, isAssigned }) => seen.repo === repo && seen.status === "queued" && !isAssigned)
    .filter((job) => github.mayRun(job))
    .filter(({ seen }) => seen.labels.every((label) => labels.includes(label)))
    .map(({ seen }) => seen.id);

const isBusy = (runnerId: number | undefined, github: SimGitHub): boolean =>
  runnerId !== undefined && github.runners.get(runnerId)?.job !== undefined;

function isAtRest({ github, hosts, controller }: PlayedWorld): boolean {
  const { jobs, machines } = controller.state();
  const isServed = [...github.jobs.values()].every(({ seen }) => seen.status === "done");
  return (
    isServed && hosts.vms.size === 0 && github.runners.size === 0 && jobs.size === 0 && machines.size === 0
  );
}

function checkEnd({ sim, github }: PlayedWorld): void {
  for (const { job, digests, isCompleted } of github.checks.values()) {
    const mayBeOpen = sim.scenario.wipe || sim.scenario.uninstall !== undefined;
    if (!isCompleted && !mayBeOpen) sim.violations.push(`the check run of job ${job} never ended`);
    if (isCalm(sim.scenario) && digests.length > (github.jobs.get(job)?.isFork ? 5 : 4))
      sim.violations.push(`job ${job} cost ${digests.length} check run writes`);
  }
  const checked = Map.groupBy(github.checks.values(), ({ job }) => job);
  for (const [job, checks] of checked) {
    if (checks.length > 1) sim.violations.push(`job ${job} has ${checks.length} check runs`);
  }
}

function describe({ github, hosts, controller }: PlayedWorld): string {
  const { jobs, machines } = controller.state();
  return JSON.stringify({
    jobs: [...github.jobs.values()].filter(({ seen }) => seen.status !== "done").map(({ seen }) => seen.id),
    vms: [...hosts.vms.values()].map(({ name, state }) => `${name} ${state}`),
    runners: [...github.runners.values()].map(({ name, isOnline }) => `${name} ${isOnline}`),
    rows: [...machines.values()],
    openJobs: [...jobs.values()].map(({ id, status, check }) => `${id} ${status} ${check?.digest}`),
  });
}
