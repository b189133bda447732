import { randomUUID } from "node:crypto";
import { handOut, takeBack } from "./handout.ts";
import { completeJob } from "./jobs.ts";
import type { Repo, Runner } from "./model.ts";
import { changed, later, newSecret, type World } from "./world.ts";

/** The life of runners: registered, online while their program talks, and gone. */

export type RunnerOrder = { name: string; labels: readonly string[]; ephemeral: boolean };

/**
 * Registers a runner. `taken`: the repository has one of that name.
 * See: for the refusal ubicloud pull 692; for the lower case of labels cdk-github-runners issue 906.
 */
export function registerRunner(world: World, repo: Repo, order: RunnerOrder): Runner | "taken" {
  if (runnersOf(world, repo).some((runner) => runner.name === order.name)) return "taken";
  const runner: Runner = {
    id: world.newId("runner"),
    repo,
    name: order.name,
    labels: [...new Set(order.labels.map((label) => label.toLowerCase()))],
    ephemeral: order.ephemeral,
    clientId: newSecret("client_"),
    registeredAt: Date.now(),
    lastContactAt: Date.now(),
    ranJob: false,
    missedOffer: false,
    openCalls: 0,
    cancelTimer: () => {},
  };
  world.runners.set(runner.id, runner);
  expectContact(world, runner);
  changed(world);
  return runner;
}

export const runnersOf = (world: World, repo: Repo): Runner[] =>
  [...world.runners.values()].filter((runner) => runner.repo === repo);

/**
 * Removes a runner from the list; its program is told at its next call. `busy`: GitHub refuses, a job runs in it.
 * See: REST "Delete a self-hosted runner from a repository" declares the 422; ubicloud pull 1678 describes it.
 */
export function removeRunner(world: World, runner: Runner): "removed" | "busy" {
  if (runner.job) return "busy";
  runner.cancelTimer();
  world.runners.delete(runner.id);
  runner.wake?.();
  changed(world);
  return "removed";
}

/**
 * Takes a runner off the list without telling its program, which goes on listening for ever.
 * See: actions/runner issue 4617.
 */
export function dropRunner(world: World, runner: Runner): void {
  world.runners.delete(runner.id);
  world.ghosts.add(runner.clientId);
  runner.cancelTimer();
  changed(world);
}

/** Opens the session in which the runner asks for work; from now on it is online. `taken`: it has one. */
export function openSession(world: World, runner: Runner, version: string): string | "taken" {
  if (runner.session) return "taken";
  runner.session = { id: randomUUID(), version };
  runner.missedOffer = false;
  changed(world);
  handOut(world);
  return runner.session.id;
}

/** Ends the session. NB: a stopped ephemeral runner does not unregister itself. See: actions/runner issue 1406. */
export function closeSession(world: World, runner: Runner): void {
  runner.session = undefined;
  if (runner.job?.status === "queued") takeBack(runner.job, runner);
  expectContact(world, runner);
  changed(world);
  handOut(world);
}

/** To be called when a call of the runner's program begins; the function it returns when that call ends. */
export function hear(world: World, runner: Runner): () => void {
  runner.openCalls += 1;
  runner.lastContactAt = Date.now();
  runner.cancelTimer();
  return () => {
    runner.openCalls -= 1;
    runner.lastContactAt = Date.now();
    expectContact(world, runner);
    changed(world);
  };
}

/** What happens if the program does not call again. Silence while a call is open is none. */
function expectContact(world: World, runner: Runner): void {
  runner.cancelTimer();
  if (runner.openCalls > 0 || !world.runners.has(runner.id)) return;
  const { idleSilentMs, busySilentMs, ephemeralRunnerMs, otherRunnerMs } = world.times;
  const running = runner.job?.status === "in_progress";
  if (running) runner.cancelTimer = later(world, busySilentMs, () => loseRunner(world, runner));
  else if (runner.session) runner.cancelTimer = later(world, idleSilentMs, () => closeSession(world, runner));
  else {
    const keptMs = runner.ephemeral ? ephemeralRunnerMs : otherRunnerMs;
    runner.cancelTimer = later(world, keptMs, () => removeRunner(world, runner));
  }
}

/** NB: it stays in the list, offline; an ephemeral one has had its job and gets no other. */
function loseRunner(world: World, runner: Runner): void {
  if (runner.job) completeJob(world, runner.job, "failure");
  closeSession(world, runner);
}
