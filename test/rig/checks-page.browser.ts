import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Failure } from "../../src/core/types.ts";
import { aJob, toldOf } from "../support/build.ts";
import { installationClient, named } from "../support/github.ts";
import { openBrowser } from "./browser.ts";
import { type EmulatedGitHub, startGitHub } from "./github/server.ts";

const REPO = "octo/spinw";
const aFailure = (changes: Partial<Failure> = {}): Failure => ({
  machine: "mayfly-lab-linux-aaaaaaaa",
  image: "linux",
  at: Date.now(),
  why: "boot-timeout",
  text: "",
  ...changes,
});
const EVIL = "<img src=x onerror=\"document.title='owned'\"> `x` [a](javascript:alert(1))";

/** What a maintainer sees: Mayfly's own words for a check run, in a real browser. */
describe("a commit's checks, in a browser", () => {
  let browser: Browser;
  let github: EmulatedGitHub;
  let page: Page;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    github = await startGitHub();
    github.addRepository(REPO);
    page = await browser.newPage();
  });
  afterEach(async () => {
    await page.close();
    await github.close();
  });

  async function publish(job: ReturnType<typeof aJob>): Promise<void> {
    const { headSha } = github.queueRun(REPO, {
      jobs: [{ name: job.name, labels: ["spinw-linux"], script: "" }],
    });
    const { name, title, summary, text = "" } = toldOf(job, { is: "given-up" });
    const octokit = await installationClient(github, REPO);
    await octokit.rest.checks.create({
      ...named(REPO),
      name,
      head_sha: headSha,
      status: "completed",
      conclusion: "failure",
      output: { title, summary, text },
    });
    await page.goto(`${github.url}/${REPO}/commit/${headSha}/checks`);
  }

  it("show the cause of a failure, its stages and the end of the console", async () => {
    const failure = aFailure({ why: "boot-timeout", tail: "Kernel panic - not syncing" });

    const gaveUpCause = "3 machines failed before the job could begin.";
    await publish(aJob({ name: "build", tries: 3, failure, gaveUpAt: Date.now(), gaveUpCause }));

    const text = await page.locator("body").textContent();
    expect(text).toContain("Mayfly: build");
    expect(text).toContain("Given up: 3 machines failed before the job could begin (boot-timeout)");
    expect(text).toContain("Kernel panic - not syncing");
    expect(await page.getByRole("columnheader", { name: "Since queued" }).count()).toBeGreaterThan(0);
  });

  it("show names and logs as data, whatever is in them", async () => {
    const failure = aFailure({ text: EVIL, tail: EVIL });

    await publish(aJob({ name: EVIL, tries: 3, failure, gaveUpAt: Date.now() }));

    expect(await page.title()).not.toBe("owned");
    expect(await page.locator("main img, main a[href^=javascript]").count()).toBe(0);
    expect(await page.locator("body").textContent()).toContain("<img src=x");
  });

  it("fit on a phone, in light and in dark", async () => {
    await page.setViewportSize({ width: 390, height: 800 });

    await publish(aJob({ name: "build", tries: 3, failure: aFailure(), gaveUpAt: Date.now() }));

    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      const { wide, seen } = (await page.evaluate(
        "({ wide: document.documentElement.scrollWidth, seen: document.documentElement.clientWidth })",
      )) as { wide: number; seen: number };
      expect(wide).toBeLessThanOrEqual(seen);
    }
  });
});
