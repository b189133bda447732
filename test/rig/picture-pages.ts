import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { signIn } from "./browser.ts";
import { SITE_LABELS, SITE_REPO, type Site, startSite } from "./site.ts";

const LIMIT_MS = 120_000;
const labels = [...SITE_LABELS];

/** Takes pictures of Mayfly's own pages on a busy day: some jobs are over, some run, some wait. VMs are processes. */
export async function takePages(browser: Browser, images: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-pictures-"));
  const site = await startSite({
    ...{ driver: "fake", folder, controller: "lab", machines: 3 },
    image: { cpus: 2, memory: "4 GiB" },
    settings: {
      repositories: [{ name: SITE_REPO, images: ["linux"], machines: 10, mostHot: { linux: 2 } }],
    },
  });
  try {
    const job = await fill(site);
    const page = await browser.newPage({ viewport: { width: 1100, height: 900 }, deviceScaleFactor: 1.5 });
    await signIn(page, site.web, "octocat");
    await page.getByRole("status").getByText("Live").waitFor();
    await page.screenshot({ path: join(images, "status.png") });
    await page.goto(`${site.web}/jobs/${job}`);
    await page.getByRole("status").getByText("Live").waitFor();
    await page.screenshot({ path: join(images, "job.png"), clip: { x: 0, y: 0, width: 1100, height: 620 } });
    await takeSettings(page, site, images);
  } finally {
    await site.close();
    await rm(folder, { recursive: true });
  }
}

/** A label was given, and is tried. */
async function takeSettings(page: Page, { web, repo }: Site, images: string): Promise<void> {
  await page.goto(`${web}/settings/${repo}`);
  await page.getByLabel("More labels, in this repository").fill("spinw-docs");
  await page.getByLabel("Hot machines").fill("1");
  await page.getByLabel("Approve.").check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await page.getByLabel("What stands behind").fill("[self-hosted, spinw-docs]");
  await page.getByRole("button", { name: "Try it" }).click();
  await page.locator("#outcome").waitFor();
  await page.getByText("The same as").click();
  await page.screenshot({ path: join(images, "settings.png"), fullPage: true });
}

/** Answers a job that runs. */
async function fill({ github, repo }: Site): Promise<number> {
  const names = ["lint", "unit tests (R2024b)", "unit tests (R2025a)", "documentation"];
  const { jobs: past } = github.queueRun(repo, {
    name: "CI",
    jobs: names.map((name) => ({ name, labels, script: "sleep 15" })),
  });
  await github.until(() => past.every((id) => github.job(id).status === "completed"), LIMIT_MS);
  const { jobs } = github.queueRun(repo, {
    name: "Release",
    jobs: ["unit tests (R2024b)", "unit tests (R2025a)", "system tests", "package", "documentation"].map(
      (name) => ({
        name,
        labels,
        script: "sleep 120",
      }),
    ),
  });
  const isRunning = (id: number) => github.job(id).status === "in_progress";
  await github.until(() => jobs.filter(isRunning).length === 3, LIMIT_MS);
  return jobs.find(isRunning) ?? 0;
}
