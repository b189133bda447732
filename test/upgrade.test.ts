import { randomBytes } from "node:crypto";
import { copyFileSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import type { Job, Machine } from "../src/core/types.ts";
import { type LogEntry, SITE_LABELS, type Site, startSite } from "./rig/site.ts";

const V1 = fileURLToPath(new URL("store/fixtures/v1-running.sqlite", import.meta.url));
const LIMIT_MS = 90_000;

test("a job that version 0.1 left running is taken up by this version, with its store, and ends well", {
  timeout: LIMIT_MS,
}, async () => {
  const said: LogEntry[] = [];
  const { promise: died, resolve: noteDeath } = Promise.withResolvers<void>();
  const site = await openSite({ onLog: (entry) => void said.push(entry), onDeath: noteDeath });
  const { github, repo } = site;
  const order = { name: "long", labels: [...SITE_LABELS], script: "sleep 12" };
  const [id = 0] = github.queueRun(repo, { name: "test", jobs: [order] }).jobs;
  const isRunning = () =>
    github.job(id).status === "in_progress" && github.checkRuns(repo)[0]?.status === "in_progress";
  await github.until(isRunning, LIMIT_MS);

  const startNew = site.holdDown();
  site.kill();
  await died;
  replaceStore(site);
  said.length = 0;
  startNew();
  await github.until(() => github.checkRuns(repo)[0]?.status === "completed", LIMIT_MS);

  expect(said).toContainEqual(
    expect.objectContaining({ msg: "store migrated", migrations: expect.arrayContaining(["0002-access"]) }),
  );
  expect(github.job(id)).toMatchObject({ status: "completed", conclusion: "success" });
  expect(github.checkRuns(repo)).toMatchObject([{ conclusion: "success" }]);
  expect(said.filter(({ msg }) => msg === "machine created" || msg === "stranger adopted")).toEqual([]);
  await expect.poll(() => leftIn(site), { timeout: 60_000, interval: 500 }).toEqual([]);
});

async function openSite(more: Pick<Parameters<typeof startSite>[0], "onLog" | "onDeath">): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-upgrade-"));
  const site = await startSite({
    driver: "fake",
    folder,
    controller: `up${randomBytes(3).toString("hex")}`,
    ...more,
  });
  onTestFinished(async () => {
    await site.close();
    await rm(folder, { recursive: true, force: true });
  });
  return site;
}

/** Puts the store of version 0.1 in the place of ours, with the names and numbers of what runs here. */
function replaceStore({ data, github, repo }: Site): void {
  const file = join(data, "mayfly.sqlite");
  const ours = new Database(file);
  const [machine] = docs<Machine>(ours, "machine");
  const [job] = docs<Job>(ours, "job");
  const controller = ours.prepare("select value from meta where key = 'controller'").pluck().get();
  ours.close();
  if (!machine || !job) throw new Error("there is nothing that runs");
  for (const ending of ["", "-wal", "-shm"]) rmSync(file + ending, { force: true });

  copyFileSync(V1, file);
  const old = new Database(file);
  const [oldMachine] = docs<Machine>(old, "machine");
  const [oldJob] = docs<Job>(old, "job");
  const { name, image, host, tokenHash, runnerId, createdAt, startedAt: orderedAt, workingAt } = machine;
  const where = { name, repo, image, host };
  const times = { createdAt, startedAt: orderedAt, askedAt: orderedAt, configuredAt: orderedAt, workingAt };
  const theirMachine = { ...oldMachine, ...where, ...times, tokenHash, runnerId, forJob: job.id };
  const { id, installation, runId, labels, headSha, url, queuedAt, startedAt } = job;
  const check = { id: github.checkRuns(repo)[0]?.id, digest: "running" };
  const run = { id, repo, installation, runId, labels, headSha, url };
  const theirJob = { ...oldJob, ...run, name: job.name, queuedAt, startedAt, ranOn: name, check };
  old.prepare("update meta set value = ? where key = 'controller'").run(controller);
  old
    .prepare("update machine set name = ?, repo = ?, image = ?, host = ?, doc = ?")
    .run(name, repo, image, host, JSON.stringify(theirMachine));
  old.prepare("update job set id = ?, repo = ?, doc = ?").run(id, repo, JSON.stringify(theirJob));
  old.close();
}

const docs = <T>(database: Database.Database, table: "job" | "machine"): T[] =>
  database
    .prepare<[], string>(`select doc from ${table}`)
    .pluck()
    .all()
    .map((doc) => JSON.parse(doc) as T);

async function leftIn({ leftovers, github, repo, mayfly }: Site): Promise<unknown[]> {
  const { machines, jobs }: { machines: unknown[]; jobs: unknown[] } = JSON.parse(
    await mayfly("ps", "--json"),
  );
  return [...(await leftovers()), ...github.runners(repo), ...machines, ...jobs];
}
