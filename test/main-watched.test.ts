import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { mayfly, start, site as unconnectedSite } from "./cli-site.ts";
import { SITE_LABELS, SITE_REPO, startSite } from "./rig/site.ts";

const LIMIT_MS = 60_000;

type Ready = { ready: boolean; checks: { name: string; ok: boolean }[] };

test("a job that goes well is in the metrics, and Mayfly says that it is ready", {
  timeout: LIMIT_MS,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-watched-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  let web = "";
  const site = await startSite({
    driver: "fake",
    folder,
    controller: `wat${randomBytes(2).toString("hex")}`,
    onLog: (entry) => {
      if (entry.msg === "Mayfly is running") web = String(entry.web);
    },
  });
  onTestFinished(() => site.close());
  const { github } = site;
  const get = async (path: string) => (await fetch(`${web}${path}`)).text();

  github.queueRun(SITE_REPO, { jobs: [{ name: "test", labels: SITE_LABELS, script: "true" }] });
  await github.until(() => github.checkRuns(SITE_REPO)[0]?.status === "completed", LIMIT_MS);
  await expect.poll(() => site.mayfly("ps"), { timeout: LIMIT_MS }).toContain("No machine is there.");
  const metrics = await get("/metrics");
  const ready = await fetch(`${web}/readyz`);

  for (const stage of [
    "queued_to_ordered",
    "ordered_to_booted",
    "booted_to_claimed",
    "claimed_to_working",
    "queued_to_running",
    "destroy",
  ]) {
    expect(metrics).toContain(`mayfly_${stage}_seconds_count{image="linux"} 1\n`);
  }
  expect(metrics).toContain('mayfly_job_seconds_count{image="linux",conclusion="success"} 1\n');
  expect(metrics).toContain('mayfly_jobs_done_total{image="linux",conclusion="success"} 1\n');
  expect(metrics).toContain('mayfly_check_runs_written_total{stage="done"} 1\n');
  expect(metrics).toMatch(/mayfly_github_calls_left\{installation="\d+"\} [1-9]/);
  expect(metrics).toMatch(/mayfly_pass_seconds_count [1-9]/);
  expect(metrics).toMatch(/mayfly_store_commit_seconds_count [1-9]/);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({ ready: true });
  expect(await get("/healthz")).toBe("alive\n");
});

test("a GitHub that does not answer and a store that cannot be written are told", {
  timeout: LIMIT_MS,
}, async () => {
  const { config, env, data } = unconnectedSite();
  const running = await start(config, env);
  const bad = async () => {
    const { checks } = JSON.parse(await running.get("/readyz")) as Ready;
    return checks.filter(({ ok }) => !ok).map(({ name }) => name);
  };
  const drain = () => mayfly(["drain", "lab1", "--config", config]);

  await expect.poll(bad, { timeout: LIMIT_MS }).toEqual(["github"]);
  const other = new Database(join(data, "mayfly.sqlite"));
  other.exec("begin exclusive");
  const refused = await drain();
  const whileLocked = await bad();
  other.close();
  const taken = await drain();

  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("database is locked") });
  expect(whileLocked).toEqual(["store", "github"]);
  expect(taken.code).toBe(0);
  expect(await bad()).toEqual(["github"]);
  expect(await running.get("/healthz")).toBe("alive\n");
});
