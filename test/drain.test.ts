import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Overview } from "../src/control/overview.ts";
import { SITE_LABELS, SITE_REPO, type Site, startSite } from "./rig/site.ts";

const LIMIT_MS = 90_000;
const soon = { timeout: 30_000, interval: 300 };

test("a drained host lets its job end, gives up what waits, and gets nothing new until it is opened, also after a restart", {
  timeout: LIMIT_MS,
}, async () => {
  const site = await openSite();
  const { github, repo } = site;
  const [first = 0] = queue(site, "sleep 15");
  await github.until(() => github.job(first).status === "in_progress", LIMIT_MS);
  await expect.poll(async () => phases(site), soon).toEqual(["ready", "working"]);

  await site.mayfly("drain", "lab1");
  await expect.poll(async () => phases(site), soon).toEqual(["working"]);
  const [second = 0] = queue(site, "echo later");
  site.kill();
  await expect.poll(async () => (await ps(site))?.jobs.length, soon).toBe(2);
  const drained = await site.mayfly("ps");
  await github.until(() => github.job(first).status === "completed", LIMIT_MS);
  await expect.poll(async () => phases(site), soon).toEqual([]);
  const whileDrained = github.job(second).status;
  await site.mayfly("drain", "lab1", "--off");
  await github.until(() => github.job(second).status === "completed", LIMIT_MS);

  expect(drained).toMatch(/lab1 +\d of 2 +drained/);
  expect(drained).toContain("lab1 is drained");
  expect(github.job(first).conclusion).toBe("success");
  expect(whileDrained).toBe("queued");
  expect(github.job(second).conclusion).toBe("success");
  expect(github.checkRuns(repo)).toHaveLength(2);
});

/** One machine is kept ready. */
async function openSite(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-drain-"));
  const controller = `dr${randomBytes(3).toString("hex")}`;
  const repositories = [{ name: SITE_REPO, images: ["linux"], machines: 10, hot: { linux: 1 } }];
  const site = await startSite({ driver: "fake", folder, controller, settings: { repositories } });
  onTestFinished(async () => {
    await site.mayfly("drain", "lab1");
    await expect.poll(() => site.leftovers(), soon).toEqual([]);
    await site.close();
    await rm(folder, { recursive: true, force: true });
  });
  return site;
}

const queue = ({ github, repo }: Site, script: string): number[] =>
  github.queueRun(repo, { name: "test", jobs: [{ name: script, labels: [...SITE_LABELS], script }] }).jobs;

/** None while the controller is down. */
async function ps(site: Site): Promise<Overview | undefined> {
  return await site.mayfly("ps", "--json").then(
    (text) => JSON.parse(text),
    () => undefined,
  );
}

/** Of the machines whose VM may be there. */
async function phases(site: Site): Promise<string[] | undefined> {
  const all = (await ps(site))?.machines.map(({ phase }) => phase);
  return all?.filter((phase) => phase !== "destroyed").sort();
}
