import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pino } from "pino";
import { actor } from "../../src/act.ts";
import { mayflyApp, receive } from "../../src/app.ts";
import { systemClock } from "../../src/clock.ts";
import { machineName } from "../../src/core/name.ts";
import { DEFAULT_PATIENCE } from "../../src/core/patience.ts";
import type { Catalogue } from "../../src/core/types.ts";
import { githubPort } from "../../src/github/port.ts";
import { startReader } from "../../src/intake/reader.ts";
import { webhookRoutes } from "../../src/intake/webhook.ts";
import { observer } from "../../src/observe.ts";
import type { Driver, GitHub, Guests, VmSeen } from "../../src/ports.ts";
import { reconciler } from "../../src/reconcile.ts";
import { openStore } from "../../src/store/sqlite.ts";
import { startWebListener } from "../../src/web/listener.ts";
import { newPrivateKey } from "../support/key.ts";
import { SECRET } from "../support/webhook.ts";
import type { Order, Sent } from "./sender.ts";

/**
 * `npm run bench:intake`: how soon a webhook is answered, and how soon the driver is told to start a VM for it.
 * The listener, the store (SQLite on disk), the reader, the Probot app and the ring are the real ones; the driver only notes the time,
 * and GitHub's REST side answers at once. The webhooks come from a second process, over connections that are kept open.
 * The last line is one JSON object.
 */

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000" },
    senders: { type: "string", default: "8" },
    paced: { type: "string", default: "200" },
    gap: { type: "string", default: "40" },
  },
});

const CATALOGUE: Catalogue = {
  controller: "bench",
  hosts: [
    {
      name: "here",
      driver: "fake",
      provider: "libvirt",
      hypervisor: "qemu",
      machines: 100_000,
      starting: 100_000,
      guestUrl: "https://127.0.0.1:1",
    },
  ],
  images: [
    {
      name: "bench",
      os: "linux",
      arch: "x64",
      labels: ["self-hosted", "bench"],
      box: { name: "bench" },
      prepared: true,
      cpus: 1,
      memoryMiB: 1,
      hosts: ["here"],
      machines: 100_000,
      limits: { bootMs: 600_000, jobMs: 600_000, idleMs: 600_000 },
    },
  ],
  repositories: [
    {
      name: "bench/bench",
      images: ["bench"],
      machines: 100_000,
      hot: {},
      registration: "jit",
      onGiveUp: "wait",
      forks: "allow",
    },
  ],
};

const log = pino({ level: "warn" });
const clock = systemClock;
const epoch = () => performance.timeOrigin + performance.now();

/** A driver whose VMs boot for ever. */
function notingDriver(onStart: (name: string) => void): Driver {
  const vms = new Map<string, VmSeen>();
  return {
    list: async () => [...vms.values()],
    start: async ({ name }) => {
      vms.set(name, { name, state: "building" });
      onStart(name);
    },
    destroy: async (name) => void vms.delete(name),
    check: async () => [],
    evidence: async () => ({}),
    close: async () => {},
  };
}

/** GitHub's REST side: a repository without runners, where check runs cost nothing. */
const easyGitHub: GitHub = {
  installed: async () => ["bench/bench"],
  isInstalled: async () => true,
  runners: async () => [],
  register: async () => "taken",
  remove: async () => "removed",
  job: async () => "gone",
  run: async () => "gone",
  cancelRun: async () => {},
  rerunRun: async () => "refused",
  rerunJob: async () => "refused",
  mayWrite: async () => false,
  administers: async () => false,
  isMember: async () => false,
  openJobs: async () => [],
  publish: async (job) => job.id,
  openChecks: async () => [],
  closeCheck: async () => {},
  deliveries: async () => ({ at: 0, entries: [] }),
  delivery: async () => "gone",
};

const noGuests: Guests = { polling: () => new Set(), heardAt: () => undefined, answer: () => false };

/** Starts everything on an empty store, has the webhooks sent, and answers how long each took. */
async function measure(
  order: Omit<Order, "url">,
): Promise<{ answerMs: number[]; startMs: number[]; refused: number }> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-bench-"));
  const store = await openStore({
    file: join(folder, "mayfly.db"),
    controller: `b${randomBytes(5).toString("hex")}`,
    now: clock.now,
    log,
  });
  const startedAt = new Map<number, number>();
  const allStarted = Promise.withResolvers<void>();
  const driver = notingDriver((name) => {
    const job = store.state.machines.get(name)?.forJob;
    if (job !== undefined) startedAt.set(job, epoch());
    if (startedAt.size === order.jobs.length) allStarted.resolve();
  });
  const running = await startRing(store, driver);
  const sender = fork(new URL("sender.ts", import.meta.url));

  const sent = await ask(sender, { ...order, url: running.url });
  await allStarted.promise;

  sender.kill();
  await running.close();
  await store.close();
  await rm(folder, { recursive: true });
  return {
    answerMs: sent.map(({ sentAt, answeredAt }) => answeredAt - sentAt),
    startMs: sent.map(({ job, sentAt }) => (startedAt.get(job) ?? Number.NaN) - sentAt),
    refused: sent.filter(({ status }) => status !== 202).length,
  };
}

async function ask(sender: ChildProcess, order: Order): Promise<Sent[]> {
  await once(sender, "spawn");
  sender.send(order);
  const [sent] = await once(sender, "message");
  return sent;
}

async function startRing(store: Awaited<ReturnType<typeof openStore>>, driver: Driver) {
  const stop = new AbortController();
  let ring = () => {};
  const ringLater = () => ring();
  const drivers = new Map([["here", driver]]);
  const shared = { drivers, github: easyGitHub, guests: noGuests, clock, log };
  const watch = observer({ ...shared, controller: "bench", repositories: ["bench/bench"], ring: ringLater });
  const act = actor({
    ...shared,
    catalogue: CATALOGUE,
    store,
    observer: watch,
    ca: "",
    keepEvidence: async () => "",
  });
  const newName = (image: string) => machineName("bench", image, randomBytes(8));
  const rings = reconciler({
    catalogue: CATALOGUE,
    patience: DEFAULT_PATIENCE,
    store,
    observer: watch,
    act,
    clock,
    log,
    newName,
  });
  ring = rings.ring;
  const passes = rings.run(stop.signal);

  const { probot } = githubPort({
    appId: 1,
    privateKey: newPrivateKey(),
    apiUrl: "http://127.0.0.1:1",
    log,
    clock,
  });
  await probot.load(
    mayflyApp({
      record: store.record,
      findJob: store.findJob,
      ring,
      sweepSoon: () => {},
      readSettings: async () => {},
      github: easyGitHub,
      serves: () => true,
      world: rings.world,
      clock,
      log,
    }),
  );
  const reader = startReader({ store, receive: (delivery) => receive(probot, delivery), clock, log });
  const routes = webhookRoutes({ secrets: [SECRET], keep: store.keep, wake: reader.wake, clock, log });
  const listener = await startWebListener({ listen: { host: "127.0.0.1", port: 0 }, routes });
  return {
    url: `${listener.url}/webhook`,
    async close() {
      await listener.close();
      await reader.close();
      stop.abort();
      await passes;
    },
  };
}

const rank = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
  Number.NaN;
const round = (ms: number): number => Math.round(ms * 10) / 10;
const jobs = (count: number) => Array.from({ length: count }, (_, index) => 1_000 + index);

const count = Number(values.count);
const senders = Number(values.senders);
await measure({ jobs: jobs(100), senders, gapMs: 0 });
const burst = await measure({ jobs: jobs(count), senders, gapMs: 0 });
const paced = await measure({ jobs: jobs(Number(values.paced)), senders: 1, gapMs: Number(values.gap) });

const rows = [
  ["answer, burst", burst.answerMs],
  ["answer, paced", paced.answerMs],
  ["to driver.start, burst", burst.startMs],
  ["to driver.start, paced", paced.startMs],
] as const;
console.log(`burst: ${count} webhooks, ${senders} at a time, each sender as fast as it is answered`);
console.log(`paced: ${values.paced} webhooks, one every ${values.gap} ms and a bit
`);
console.log(`${"ms".padEnd(24)}${["p50", "p95", "p99", "max"].map((name) => name.padStart(9)).join("")}`);
for (const [name, times] of rows) {
  const ranks = [0.5, 0.95, 0.99, 1].map((share) => String(round(rank(times, share))).padStart(9));
  console.log(`${name.padEnd(24)}${ranks.join("")}`);
}
console.log(
  JSON.stringify({
    count,
    senders,
    refused: burst.refused + paced.refused,
    answerP50Ms: round(rank(burst.answerMs, 0.5)),
    answerP99Ms: round(rank(burst.answerMs, 0.99)),
    toStartP50Ms: round(rank(paced.startMs, 0.5)),
    toStartP99Ms: round(rank(paced.startMs, 0.99)),
    burstToStartP50Ms: round(rank(burst.startMs, 0.5)),
    burstToStartP99Ms: round(rank(burst.startMs, 0.99)),
    residentMiB: Math.round(process.memoryUsage().rss / 1024 ** 2),
  }),
);
