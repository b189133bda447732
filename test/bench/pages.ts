import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { systemClock } from "../../src/clock.ts";
import type { Fact } from "../../src/core/facts.ts";
import { newLog } from "../../src/log.ts";
import { openStore } from "../../src/store/sqlite.ts";
import { changesOf } from "../../src/web/changes.ts";
import { startWebListener } from "../../src/web/listener.ts";
import { pageRoutes } from "../../src/web/pages.ts";
import { sessions } from "../../src/web/session.ts";
import { aHost, aRepository, aWorld, minutes, REPO, seconds } from "../support/build.ts";
import { created, savedSettings, seen } from "../support/facts.ts";

/**
 * `npm run bench:pages`: how soon a page is answered, with 10,000 jobs of history and 200 open ones. The listener, the routes and the store
 * (SQLite on disk) are the real ones; one viewer, who is an operator, asks for one page after the other, over one connection.
 * The reference, in the same run, writes and reads 10,000 jobs as JSON. The last line is one JSON object, in milliseconds.
 */
const { values } = parseArgs({
  options: { history: { type: "string", default: "10000" }, repetitions: { type: "string", default: "100" } },
});
const [history, repetitions] = [Number(values.history), Number(values.repetitions)];
const OPEN = 200;
const KEY = "0".repeat(64);
const NOW = Date.now();

const folder = await mkdtemp(join(tmpdir(), "mayfly-bench-pages-"));
const log = newLog({ level: "error" });
const store = await openStore({
  file: join(folder, "mayfly.sqlite"),
  controller: "benchpages",
  now: Date.now,
  log,
});
const closing = new AbortController();
try {
  await fill();
  const { url, cookie, close } = await serve();
  const paths = {
    status: "/",
    job: `/jobs/${history}`,
    openJob: `/jobs/${history + OPEN}`,
    machine: `/machines/${nameOf(7)}`,
    settings: `/settings/${REPO}?runs-on=our-plain`,
  };
  const rows: Record<string, Times> = {};
  for (const [name, path] of Object.entries(paths))
    rows[name] = await measure(() => load(`${url}${path}`, cookie));
  const jobs = Array.from({ length: 10_000 }, (_, index) => seen(index));
  const reference = await measure(async () => JSON.parse(JSON.stringify(jobs)));
  await close();
  console.table({ ...rows, reference });
  const medians = Object.fromEntries(Object.entries(rows).map(([name, { median }]) => [name, median]));
  const ratio = round(Math.max(...Object.values(medians)) / reference.median);
  console.log(
    JSON.stringify({
      pageMs: medians,
      referenceMs: reference.median,
      slowestToReference: ratio,
      history,
      repetitions,
    }),
  );
} finally {
  closing.abort();
  await store.close();
  await rm(folder, { recursive: true });
}

/** Each job had a machine, and all of it is over; some more wait. Settings were changed often. */
async function fill(): Promise<void> {
  const ids = Array.from({ length: history }, (_, index) => index + 1);
  for (let from = 0; from < history; from += 500)
    await store.record(ids.slice(from, from + 500).flatMap(lifeOf));
  await store.record(
    Array.from({ length: OPEN }, (_, index) => seen(history + index + 1, { queuedAt: NOW }, NOW)),
  );
  await store.record(
    Array.from({ length: OPEN }, (_, index) => savedSettings({ machines: index + 1 }, index + 1)),
  );
}

function nameOf(id: number): string {
  return `mayfly-bench-plain-${String(id).padStart(8, "a")}`;
}

function lifeOf(id: number): Fact[] {
  const at = NOW - minutes(10) - seconds(history - id);
  const machine = nameOf(id);
  const times = { queuedAt: at, startedAt: at + seconds(40), doneAt: at + seconds(100), ranOn: machine };
  return [
    seen(id, { queuedAt: at }, at),
    created(machine, id, at),
    { kind: "machine-started", at, machine, tokenHash: "0".repeat(64) },
    { kind: "vm-up", at: at + seconds(10), machine },
    { kind: "guest-asked", at: at + seconds(36), machine, runnerVersion: "2.337.0" },
    { kind: "machine-configured", at: at + seconds(36), machine, runnerId: id },
    { kind: "guest-working", at: at + seconds(40), machine },
    { kind: "check-published", at: at + seconds(41), job: id, check: id, digest: "running" },
    { kind: "guest-ended", at: at + seconds(99), machine, outcome: { exitCode: 0, ranJob: true, text: "" } },
    seen(id, { status: "done", conclusion: "success", ...times }, at + seconds(100)),
    { kind: "machine-retired", at: at + seconds(100), machine, why: "finished" },
    { kind: "vm-destroyed", at: at + seconds(101), machine },
    { kind: "job-closed", at: at + seconds(102), job: id },
    { kind: "machine-forgotten", at: at + seconds(102), machine },
  ];
}

async function serve() {
  const catalogue = { hosts: [aHost()], repositories: [aRepository()] };
  const world = () => ({ ...aWorld({ catalogue, now: Date.now() }), state: store.state });
  const no = async () => false;
  const never = async () => "gone" as const;
  const answers = {
    ...{ isMember: no, mayWrite: no, administers: async () => true, job: never, run: never },
    rerunRun: async () => "refused" as const,
  };
  const parts = {
    store,
    world,
    clock: systemClock,
    log,
    key: KEY,
    changes: changesOf(systemClock),
    github: answers,
  };
  const pages = pageRoutes({
    ...parts,
    operators: ["octocat"],
    webUrl: "https://github.com",
    signIn: undefined,
    publicUrl: undefined,
    relay: undefined,
    standing: () => [],
    setAside: () => [],
    filesOf: async () => ({}),
    closing: closing.signal,
    ring: () => {},
  });
  const { url, close } = await startWebListener({
    listen: { host: "127.0.0.1", port: 0 },
    routes: new Hono<{ Bindings: HttpBindings }>().route("/", pages),
  });
  return { url, close, cookie: await signedIn() };
}

/** The cookie of somebody who has signed in. */
async function signedIn(): Promise<string> {
  const door = new Hono().get("/", async (c) => {
    await sessions({ key: KEY, isSecure: false, clock: systemClock }).begin(c, {
      login: "octocat",
      repositories: [REPO],
    });
    return c.text("");
  });
  const response = await door.request("/");
  return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
}

async function load(url: string, cookie: string): Promise<void> {
  const response = await fetch(url, { headers: { cookie }, redirect: "manual" });
  const text = await response.text();
  if (response.status !== 200 || !text.includes("octocat"))
    throw new Error(`${url} answered ${response.status}`);
}

type Times = { median: number; p95: number };

/** Times of one run each, after some to warm up. */
async function measure(run: () => Promise<unknown>): Promise<Times> {
  const times: number[] = [];
  for (let index = -10; index < repetitions; index += 1) {
    const startedAt = performance.now();
    await run();
    if (index >= 0) times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  const at = (part: number) => round(times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0);
  return { median: at(0.5), p95: at(0.95) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
