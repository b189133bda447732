import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { mayflyApp, receive } from "../../src/app.ts";
import { systemClock } from "../../src/clock.ts";
import { githubPort } from "../../src/github/port.ts";
import { watchDeliveries } from "../../src/intake/delivery-log.ts";
import { startReader } from "../../src/intake/reader.ts";
import { webhookRoutes } from "../../src/intake/webhook.ts";
import type { Store } from "../../src/ports.ts";
import { openStore } from "../../src/store/sqlite.ts";
import { startWebListener } from "../../src/web/listener.ts";
import { type EmulatedGitHub, startGitHub } from "../rig/github/server.ts";
import { aWorld } from "../support/build.ts";
import { keptLog } from "../support/log.ts";
import { SECRET, signed } from "../support/webhook.ts";

const REPO = "octo/spinw";
const FETCH = "apps/get-webhook-delivery";

type Place = { file: string; controller: string; github: EmulatedGitHub };

async function aPlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-fetched-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const github = await startGitHub();
  onTestFinished(() => github.close());
  return { file: join(folder, "mayfly.db"), controller: `t${randomBytes(5).toString("hex")}`, github };
}

/** The intake on a store on disk, with GitHub's delivery log. `crash`: ends it before the position is written. */
async function start({ github, ...place }: Place, { crash = false } = {}) {
  const { log, lines } = keptLog();
  const clock = systemClock;
  const store = await openStore({ ...place, now: clock.now, log });
  const { app: appOf, apiUrl } = github;
  const { github: port, probot } = githubPort({
    appId: appOf.id,
    privateKey: appOf.privateKey,
    apiUrl,
    log,
    clock,
  });
  const nothing = () => {};
  const rings = { ring: nothing, sweepSoon: nothing, readSettings: async () => {} };
  const { record, findJob } = store;
  const parts = { ...rings, record, findJob, github: port, clock, log };
  await probot.load(mayflyApp({ ...parts, serves: () => true, world: aWorld }));
  const reader = startReader({ store, receive: (delivery) => receive(probot, delivery), clock, log });
  const routes = webhookRoutes({ secrets: [SECRET], keep: store.keep, wake: reader.wake, clock, log });
  const web = await startWebListener({ listen: { host: "127.0.0.1", port: 0 }, routes });
  const stop = new AbortController();
  const moveLogPosition = () => {
    stop.abort();
    return Promise.reject(new Error("killed"));
  };
  const watched = crash ? { ...store, moveLogPosition } : store;
  const { soon, first, ended } = watchDeliveries(
    { github: port, store: watched, wake: reader.wake, clock, log },
    stop.signal,
  );
  let isOpen = true;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    stop.abort();
    await ended;
    await web.close();
    await reader.close();
    await store.close();
  };
  onTestFinished(close);
  const fetched = () => github.calls.filter(({ operation }) => operation === FETCH).length;
  return { url: `${web.url}/webhook`, github, store, soon, first, close, fetched, lines };
}

const queue = (github: EmulatedGitHub, jobs = 1) =>
  github.queueRun(REPO, {
    jobs: Array.from({ length: jobs }, (_, index) => ({
      name: `job ${index}`,
      labels: ["ours"],
      script: "true",
    })),
  }).jobs;

const untilKnown = (store: Store, jobs: readonly number[]) =>
  vi.waitFor(() => expect([...store.state.jobs.keys()].sort()).toEqual([...jobs].sort()), {
    timeout: 15_000,
  });

/** GitHub has sent what it had to send, or thinks so. */
const untilSent = (github: EmulatedGitHub) =>
  github.until(() => github.deliveries().every(({ status }) => status !== "pending"), 10_000);

describe("a webhook that GitHub believes delivered", () => {
  test("is fetched when the relay has lost it", async () => {
    const { url, github, store, soon, first } = await start(await aPlace());
    await first;
    github.setWebhook({ url, secret: SECRET });
    github.addRepository(REPO);
    github.setFaults({ webhooks: { lose: 1 } });
    const jobs = queue(github);
    await untilSent(github);
    expect(github.deliveries().at(-1)?.statusCode).toBe(200);

    soon();

    await untilKnown(store, jobs);
    expect(github.violations).toEqual([]);
  });

  test("is fetched when the relay has spoilt it, and what the relay gave is never believed", async () => {
    const { url, github, store, soon, first } = await start(await aPlace());
    await first;
    github.setWebhook({ url, secret: SECRET });
    github.addRepository(REPO);
    github.setFaults({ webhooks: { lose: 1 } });
    const [id = 0] = queue(github);
    await untilSent(github);
    const { body, headers } = github.deliveries().at(-1)?.request ?? { body: "", headers: {} };
    const spoilt = body.replace('"job 0"', '"job of an enemy"');

    const answer = await fetch(url, {
      method: "POST",
      body: spoilt,
      headers: { ...signed(body), "x-hub-signature-256": headers["X-Hub-Signature-256"] ?? "" },
    });
    soon();

    expect(spoilt).not.toBe(body);
    expect(answer.status).toBe(401);
    await untilKnown(store, [id]);
    expect(store.state.jobs.get(id)?.name).toBe("job 0");
  });

  test("is not fetched when it came", async () => {
    const { url, github, store, soon, first, fetched } = await start(await aPlace());
    await first;
    github.setWebhook({ url, secret: SECRET });
    github.addRepository(REPO);
    const jobs = queue(github, 3);
    await untilKnown(store, jobs);
    const looks = github.calls.length;

    soon();
    await vi.waitFor(() => expect(github.calls.length).toBeGreaterThan(looks), { timeout: 10_000 });

    expect(fetched()).toBe(0);
  });
});

describe("webhooks that were sent while Mayfly was down", () => {
  test("are fetched at the start, all 250 of them, the oldest first", async () => {
    const place = await aPlace();
    const { github } = place;
    github.setWebhook({ url: "http://127.0.0.1:1/webhook", secret: SECRET });
    github.addRepository(REPO);
    const jobs = queue(github, 249);
    await untilSent(github);

    const { store, first, fetched, lines } = await start(place);
    await first;
    await untilKnown(store, jobs);

    expect(fetched()).toBe(250);
    const read = lines.flatMap(({ msg, job }) => (msg === "job seen" ? [Number(job)] : []));
    expect(read.slice(0, 10).every((job) => jobs.indexOf(job) < 32)).toBe(true);
    expect(github.violations).toEqual([]);
  });

  test("are not fetched again by a process that starts after a kill before the position was written", async () => {
    const place = await aPlace();
    const { github } = place;
    github.setWebhook({ url: "http://127.0.0.1:1/webhook", secret: SECRET });
    github.addRepository(REPO);
    const jobs = queue(github, 5);
    await untilSent(github);
    const killed = await start(place, { crash: true });
    await killed.first;
    await killed.close();
    expect(killed.fetched()).toBe(6);

    const again = await start(place);
    await again.first;

    await untilKnown(again.store, jobs);
    expect(again.fetched()).toBe(6);
    expect(await again.store.logPosition()).toBe(
      Math.floor(Math.max(...github.deliveries().map(({ deliveredAt }) => deliveredAt)) / 1000) * 1000,
    );
  });

  test("are not even listed again by a process that starts after the position was written", async () => {
    const place = await aPlace();
    const { github } = place;
    github.setWebhook({ url: "http://127.0.0.1:1/webhook", secret: SECRET });
    github.addRepository(REPO);
    queue(github, 5);
    await untilSent(github);
    const before = await start(place);
    await before.first;
    const position = await before.store.logPosition();
    await before.close();

    const after = await start(place);

    expect(await after.store.logPosition()).toBe(position);
    await after.first;
    expect(after.fetched()).toBe(6);
  });
});
