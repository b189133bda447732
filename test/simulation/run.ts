import { type Controller, simController } from "./controller.ts";
import { type SimGitHub, simGitHub } from "./github.ts";
import { type SimHosts, simHosts } from "./hosts.ts";
import { FAULTS_MS, MINUTE, NO_FAULTS, type Scenario } from "./scenario.ts";
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
/** Room that a waiting job could use is used within this time, when nothing goes wrong. */
const ROOM_MS = 10_000;

/** Plays one scenario to its end and answers what went wrong. */
export async function runScenario(scenario: Scenario): Promise<Result> {
  const sim = newSim(scenario);
  const github = simGitHub(sim, (job) => controller.deliver(job));
  const controller = simController(sim, () => ({ github: github.port, driver: hosts.driver }));
  const hosts = simHosts(sim, github, controller.listener);
  controller.start();
  for (const { atMs, repo, image, runMs, cancelAfterMs } of scenario.jobs) {
    sim.clock.at(sim.startedAt + atMs, () => {
      const job = github.queue(repo, image, runMs);
      if (cancelAfterMs !== undefined)
        sim.clock.at(sim.clock.now() + cancelAfterMs, () => github.cancel(job));
    });
  }
  const world: PlayedWorld = {
    sim,
    github,
    hosts,
    controller,
    idleRoomSince: undefined,
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

type PlayedWorld = {
  sim: Sim;
  github: SimGitHub;
  hosts: SimHosts;
  controller: Controller;
  idleRoomSince: number | undefined;
  isOver: boolean;
  gaveUp: Set<number>;
};

/** Looks at the world every few seconds, as long as it goes on. */
function look(world: PlayedWorld): void {
  const { sim, github } = world;
  const elapsedMs = sim.clock.now() - sim.startedAt;
  noteGivenUp(world);
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
    for (const id of world.gaveUp) {
      const job = github.jobs.get(id);
      if (job?.seen.status === "queued") github.cancel(job);
    }
  }
  sim.clock.at(sim.clock.now() + LOOK_MS, () => look(world));
}

const isCalm = ({ faults, kills }: Scenario): boolean =>
  kills.length === 0 &&
  Object.entries(NO_FAULTS).every(([kind, none]) => faults[kind as keyof typeof faults] === none);

/** The only end that counts besides being served: a red check run. */
function noteGivenUp({ github, gaveUp }: PlayedWorld): void {
  for (const { job, digest } of github.checks.values()) if (digest === "given-up") gaveUp.add(job);
}

function onlyGivenUpAreOpen({ github, gaveUp }: PlayedWorld): boolean {
  const open = [...github.jobs.values()].filter(({ seen }) => seen.status !== "done");
  return open.length > 0 && open.every(({ seen }) => seen.status === "queued" && gaveUp.has(seen.id));
}

/** Jobs that were neither served nor given up by now waited too long. */
function endWaiting({ sim, github, gaveUp }: PlayedWorld): void {
  for (const { seen } of github.jobs.values()) {
    if (seen.status === "queued" && !gaveUp.has(seen.id)) {
      sim.violations.push(
        `job ${seen.id} waited ${Math.round((sim.clock.now() - seen.queuedAt) / 1000)} s and was not given up`,
      );
    }
  }
}

/** With nothing going wrong, no job waits while there is room for its machine. */
function checkRoom(world: PlayedWorld): void {
  const now = world.sim.clock.now();
  if (!isRoomIdle(world)) world.idleRoomSince = undefined;
  else world.idleRoomSince ??= now;
  if (world.idleRoomSince !== undefined && now - world.idleRoomSince > ROOM_MS) {
    world.sim.violations.push(`a job waits although there is room: ${describe(world)}`);
  }
}

function isRoomIdle({ github, hosts }: PlayedWorld): boolean {
  const vms = [...hosts.vms.values()];
  if (!CATALOGUE.hosts.some(({ name, machines }) => vms.filter((vm) => vm.host === name).length < machines))
    return false;
  return REPOS.some((repo) =>
    CATALOGUE.images.some(({ name, machines, labels }) => {
      const waiting = [...github.jobs.values()].filter(
        ({ seen }) =>
          seen.repo === repo &&
          seen.status === "queued" &&
          seen.labels.every((label) => labels.includes(label)),
      ).length;
      const free = vms.filter((vm) => vm.image === name && !isBusy(vm.runnerId, github)).length;
      // Machines are not told apart by repository here, so only a pool with no free machine at all is judged.
      return (
        waiting > 0 && free === 0 && vms.filter((vm) => vm.image === name).length < machines && vms.length < 2
      );
    }),
  );
}

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
    if (!isCompleted && !sim.scenario.wipe) sim.violations.push(`the check run of job ${job} never ended`);
    if (isCalm(sim.scenario) && digests.length > 4)
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
