import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { barriers } from "../rig/axe.ts";
import { openBrowser, signIn } from "../rig/browser.ts";
import { SITE_LABELS, type Site, startSite } from "../rig/site.ts";

/** Whether everybody can use the pages, on a site with a job that runs, one that waits and one that is over. */

const SECONDS = 1000;
let site: Site;
let folder: string;
let browser: Browser;
let paths: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-axe-"));
  browser = await openBrowser();
  site = await startSite({
    driver: "fake",
    folder,
    controller: "axe",
    machines: 1,
    times: { cancelMs: SECONDS },
  });
  const jobs = [["over", "true"] as const, ["running", "sleep 300"] as const, ["waiting", "true"] as const];
  const [over = 0, running = 0, waiting = 0] = site.github.queueRun(site.repo, {
    name: "CI",
    jobs: jobs.map(([name, script]) => ({ name, labels: [...SITE_LABELS], script })),
  }).jobs;
  await site.github.until(() => site.github.job(over).status === "completed", 30 * SECONDS);
  await site.github.until(() => site.github.job(running).status === "in_progress", 30 * SECONDS);
  paths = {
    status: "/",
    "a job that runs": `/jobs/${running}`,
    "a job that waits": `/jobs/${waiting}`,
    "a job that is over": `/jobs/${over}`,
    "a machine": `/machines/${site.github.job(running).runner?.name}`,
    settings: "/settings/octo/spinw",
    "a line that leads nowhere": "/settings/octo/spinw?runs-on=spinw-linx#try",
    "no such settings": "/settings/octo/nothing",
    "nothing there": "/jobs/1",
  };
});
afterAll(async () => {
  await browser.close();
  for (const { id } of site.github.jobs(site.repo)) site.github.cancelJob(id);
  await site.close();
  await rm(folder, { recursive: true });
});

const LOOKS = (["light", "dark"] as const).flatMap((colorScheme) =>
  [1200, 360].map((width) => ({ colorScheme, viewport: { width, height: 800 } })),
);

test.each(LOOKS)("no page keeps anybody out: $colorScheme, $viewport.width wide", async (look) => {
  const context = await browser.newContext(look);
  const page = await context.newPage();
  await page.goto(`${site.web}/sign-in`);
  const found: Record<string, string[]> = { "sign-in": await barriers(page) };
  await page.goto(`${site.web}/sign-in/callback?code=1&state=2`);
  found["a sign-in that is none"] = await barriers(page);
  await signIn(page, site.web, "octocat");

  for (const [name, path] of Object.entries(paths)) {
    await page.goto(`${site.web}${path}`);
    found[name] = await barriers(page);
  }

  expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, []])));
  await context.close();
});
