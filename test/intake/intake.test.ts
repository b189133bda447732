import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { mayflyApp, receive } from "../../src/app.ts";
import { systemClock } from "../../src/clock.ts";
import { githubPort } from "../../src/github/port.ts";
import { startReader } from "../../src/intake/reader.ts";
import { webhookRoutes } from "../../src/intake/webhook.ts";
import { openStore } from "../../src/store/sqlite.ts";
import { startWebListener } from "../../src/web/listener.ts";
import { aWorld } from "../support/build.ts";
import { newPrivateKey } from "../support/key.ts";
import { keptLog } from "../support/log.ts";
import { EXAMPLES, SECRET, signed } from "../support/webhook.ts";

const privateKey = newPrivateKey();
/** Nothing here calls GitHub. */
const NOWHERE = "http://127.0.0.1:1";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function aPlace() {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-intake-"));
  cleanUps.push(() => rm(folder, { recursive: true }));
  return { file: join(folder, "mayfly.db"), controller: `t${randomBytes(5).toString("hex")}` };
}

/** All of the intake, from the listener to the facts, on a store on disk. */
async function start(place?: Awaited<ReturnType<typeof aPlace>>) {
  const { log, text } = keptLog();
  const store = await openStore({ ...(place ?? (await aPlace())), now: systemClock.now, log });
  const { github, probot } = githubPort({ appId: 1, privateKey, apiUrl: NOWHERE, log, clock: systemClock });
  const handled: string[] = [];
  let ended = 0;
  let oneEnded = Promise.withResolvers<void>();
  const app = mayflyApp({
    record: store.record,
    findJob: store.findJob,
    ring: () => {},
    sweepSoon: () => {},
    readSettings: async () => {},
    github,
    serves: () => true,
    world: aWorld,
    clock: systemClock,
    log,
  });
  await probot.load(app);
  const reader = startReader({
    store: { unread: store.unread, markRead: (id) => store.markRead(id).then(end) },
    receive: async (delivery) => {
      handled.push(delivery.id);
      await receive(probot, delivery);
    },
    clock: systemClock,
    log,
  });
  const routes = webhookRoutes({
    secrets: [SECRET],
    keep: store.keep,
    wake: reader.wake,
    clock: systemClock,
    log,
  });
  const listener = await startWebListener({ listen: { host: "127.0.0.1", port: 0 }, routes });
  cleanUps.push(async () => {
    await listener.close();
    await reader.close();
    await store.close();
  });
  /** Resolves when so many webhooks have been read to their end. */
  const untilRead = async (count: number) => {
    while (ended < count) await oneEnded.promise;
  };
  function end(): void {
    ended += 1;
    oneEnded.resolve();
    oneEnded = Promise.withResolvers();
  }
  return { url: `${listener.url}/webhook`, store, handled, untilRead, logged: text };
}

const post = (url: string, body: string, headers = signed(body)) =>
  fetch(url, { method: "POST", body, headers });

describe("the intake", () => {
  test("turns GitHub's own examples, sent as GitHub sends them, into facts", async () => {
    const { url, store, untilRead } = await start();

    const answers = [];
    for (const example of EXAMPLES) answers.push(await post(url, JSON.stringify(example)));
    await untilRead(EXAMPLES.length);

    expect(answers.map(({ status }) => status)).toEqual(EXAMPLES.map(() => 202));
    for (const { workflow_job } of EXAMPLES) {
      expect(await store.history({ job: workflow_job.id })).not.toEqual([]);
    }
    expect(store.state.jobs.get(12877621891)?.status).toBe("waiting");
    expect(store.state.jobs.get(2832853555)?.ranOn).toBe("my runner");
  });

  test("handles a webhook that came twice once", async () => {
    const { url, handled, untilRead } = await start();
    const body = JSON.stringify(EXAMPLES[0]);
    const headers = signed(body);

    const answers = await Promise.all([post(url, body, headers), post(url, body, headers)]);
    await post(url, body, headers);
    await post(url, body);
    await untilRead(2);

    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    expect(handled).toHaveLength(2);
    expect(handled).toContain(headers["x-github-delivery"]);
  });

  test("loses no webhook that it answered, though it is killed a moment later", async () => {
    const place = await aPlace();
    const { url, child } = await spawnKeeper(place);
    const bodies = EXAMPLES.map((example) => JSON.stringify(example));

    const answers = await Promise.all(bodies.map((body) => post(url, body)));
    child.kill("SIGKILL");
    await once(child, "exit");

    expect(answers.map(({ status }) => status)).toEqual(EXAMPLES.map(() => 202));
    const { handled, untilRead, store } = await start(place);
    await untilRead(EXAMPLES.length);
    expect(handled).toHaveLength(EXAMPLES.length);
    expect(store.state.jobs.size).toBeGreaterThan(0);
  });

  test("answers a burst of 1,000, and makes a fact of each", async () => {
    const { url, store, untilRead } = await start();
    const bodies = Array.from({ length: 1_000 }, (_, index) => {
      const example = structuredClone(EXAMPLES[5]);
      return JSON.stringify({ ...example, workflow_job: { ...example?.workflow_job, id: 1_000 + index } });
    });

    const answers = await Promise.all(bodies.map((body) => post(url, body)));
    await untilRead(bodies.length);

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(store.state.jobs.size).toBe(1_000);
  });

  test("says nothing of a webhook's content in the log, at whatever level", async () => {
    const { url, untilRead, logged } = await start();
    const body = JSON.stringify({ ...EXAMPLES[0], sender: { login: "nobody may read this" } });
    const broken = JSON.stringify({ action: "queued", workflow_job: { name: "nobody may read this" } });

    await post(url, body);
    await post(url, broken);
    await untilRead(1);

    await vi.waitFor(() => expect(logged()).toContain("webhook failed"));
    expect(logged()).toContain("job seen");
    expect(logged()).not.toContain("nobody may read this");
  });
});

async function spawnKeeper({ file, controller }: { file: string; controller: string }) {
  const fixture = new URL("fixtures/keeper.ts", import.meta.url).pathname;
  const child: ChildProcess = spawn(process.execPath, [fixture, file, controller, SECRET], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  cleanUps.push(() => child.kill("SIGKILL"));
  const [address] = child.stdout ? await once(child.stdout, "data") : [];
  return { url: `${String(address).trim()}/webhook`, child };
}
