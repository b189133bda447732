import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, pino } from "pino";
import type { Probot } from "probot";
import { actor } from "../../../src/act.ts";
import { mayflyApp, receive } from "../../../src/app.ts";
import { systemClock } from "../../../src/clock.ts";
import { machineName } from "../../../src/core/name.ts";
import { DEFAULT_PATIENCE } from "../../../src/core/patience.ts";
import type { Catalogue } from "../../../src/core/types.ts";
import type { World } from "../../../src/core/world.ts";
import { githubPort } from "../../../src/github/port.ts";
import { startReader } from "../../../src/intake/reader.ts";
import { sweepJobs } from "../../../src/intake/sweep.ts";
import { webhookRoutes } from "../../../src/intake/webhook.ts";
import { observer } from "../../../src/observe.ts";
import type { Clock, GitHub, Store } from "../../../src/ports.ts";
import { reconciler } from "../../../src/reconcile.ts";
import { openStore } from "../../../src/store/sqlite.ts";
import { startWebListener } from "../../../src/web/listener.ts";
import { type EmulatedGitHub, startGitHub } from "../../rig/github/server.ts";
import { fastClock } from "../../support/clock.ts";
import { SECRET } from "../../support/webhook.ts";
import { type Crowd, crowd, type Pace } from "./guests.ts";
import { type Order, watchOrder } from "./order.ts";

export type LabParts = {
  machines: number;
  /** How many times faster than the machine's clock those of Mayfly and of GitHub's limits go. */
  scale: number;
  /** Without them nothing but registrations is written at GitHub. */
  checkRuns: boolean;
  pace: Pace;
};

/** Mayfly's own parts, but for drivers and guests, at an emulated GitHub that has its real limits on. */
export type Lab = {
  github: EmulatedGitHub;
  store: Store;
  clock: Clock;
  crowd: Crowd;
  order: Order;
  scale: number;
  close: () => Promise<void>;
};

export const LAB_REPO = "bench/bench";
export const LAB_LABELS = ["self-hosted", "bench"];

const catalogueOf = (controller: string, machines: number): Catalogue => ({
  controller,
  hosts: [
    {
      name: "here",
      driver: "fake",
      provider: "libvirt",
      hypervisor: "qemu",
      machines,
      starting: machines,
      guestUrl: "https://127.0.0.1:1",
    },
  ],
  images: [
    {
      name: "bench",
      os: "linux",
      arch: "x64",
      labels: LAB_LABELS,
      box: { name: "bench" },
      prepared: true,
      cpus: 1,
      memoryMiB: 1,
      hosts: ["here"],
      machines,
      limits: { bootMs: 600_000, jobMs: 3_600_000, idleMs: 0 },
    },
  ],
  repositories: [
    { name: LAB_REPO, images: ["bench"], machines, hot: {}, registration: "jit", onGiveUp: "wait" },
  ],
});

const log: Logger = pino({ level: process.env.LOG_LEVEL ?? "silent" });

export async function openLab({ machines, scale, checkRuns, pace }: LabParts): Promise<Lab> {
  const controller = `b${randomBytes(5).toString("hex")}`;
  const folder = await mkdtemp(join(tmpdir(), "mayfly-burst-"));
  const store = await openStore({ file: join(folder, "mayfly.db"), controller, now: Date.now, log });
  const github = await startGitHub({ limits: { scale } });
  github.addRepository(LAB_REPO, { private: true });
  const { app, apiUrl } = github;
  // NB: jobs are dated by the machine's clock, in whole seconds, and must not seem older than the process: hence so late, and the wait.
  const clock = fastClock(scale);
  const order = watchOrder(apiUrl, clock);
  const onLimited = (installation: number, until: number) => {
    order.notePause(until);
    void store.record([{ kind: "github-limited", at: clock.now(), installation, until }]);
  };
  const { github: port, probot } = githubPort({
    appId: app.id,
    privateKey: app.privateKey,
    apiUrl,
    log,
    clock,
    onLimited,
  });
  const watched = order.watch(checkRuns ? port : { ...port, publish: async (job) => job.id });
  let ring = () => {};
  const people = crowd({ clock, record: store.record, ring: () => ring(), pace });
  const stop = new AbortController();
  const catalogue = catalogueOf(controller, machines);
  const rings = makeRing({ catalogue, store, github: watched, clock, people }, () => ring());
  ring = rings.ring;
  const passes = rings.run(stop.signal);
  const { world } = rings;
  const intake = await startIntake({ store, github: port, probot, world, clock, ring }, stop.signal);
  github.setWebhook({ url: intake.url, secret: SECRET });
  await systemClock.until(clock.now() + 1500, stop.signal);
  return {
    ...{ github, store, clock, crowd: people, order, scale },
    async close() {
      people.close();
      order.close();
      stop.abort();
      await intake.close();
      await github.close();
      await passes;
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

type IntakeParts = {
  store: Store;
  github: GitHub;
  probot: Probot;
  world: () => World;
  clock: Clock;
  ring: () => void;
};

async function startIntake({ store, github, probot, world, clock, ring }: IntakeParts, signal: AbortSignal) {
  const { record, findJob } = store;
  const state = () => store.state;
  const sweep = sweepJobs({ github, repositories: [LAB_REPO], state, record, clock, ring, log }, signal);
  const rings = { ring, sweepSoon: sweep.soon, readSettings: async () => {} };
  await probot.load(mayflyApp({ ...rings, record, findJob, github, serves: () => true, world, clock, log }));
  const reader = startReader({ store, receive: (delivery) => receive(probot, delivery), clock, log });
  const routes = webhookRoutes({ secrets: [SECRET], keep: store.keep, wake: reader.wake, clock, log });
  const web = await startWebListener({ listen: { host: "127.0.0.1", port: 0 }, routes });
  return {
    url: `${web.url}/webhook`,
    async close() {
      await web.close();
      await reader.close();
      await sweep.ended;
    },
  };
}

type RingParts = { catalogue: Catalogue; store: Store; github: GitHub; clock: Clock; people: Crowd };

function makeRing({ people, ...parts }: RingParts, ring: () => void) {
  const shared = { ...parts, drivers: new Map([["here", people.driver]]), guests: people.guests, log };
  const { controller } = parts.catalogue;
  const watch = observer({ ...shared, controller, repositories: [LAB_REPO], ring });
  const act = actor({ ...shared, observer: watch, ca: "", keepEvidence: async () => "" });
  const newName = (image: string) => machineName(controller, image, randomBytes(8));
  return reconciler({ ...shared, patience: DEFAULT_PATIENCE, observer: watch, act, newName });
}
