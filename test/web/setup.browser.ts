import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { barriers } from "../rig/axe.ts";
import { openBrowser } from "../rig/browser.ts";
import { SITE_LABELS, type Site, type SiteOptions, startSite } from "../rig/site.ts";

/** Somebody who has nothing but a mayfly.yml: from `mayfly start` to the first job, in a real browser. */

const SECONDS = 1000;
let browser: Browser;
let folder: string;
let site: Site | undefined;
let address = "";

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-setup-"));
});
afterEach(async () => {
  await site?.close();
  site = undefined;
  await rm(folder, { recursive: true });
});

async function begin(options: Partial<SiteOptions> = {}): Promise<Site> {
  const onLog = ({ url }: Record<string, unknown>) => {
    if (String(url).includes("/setup?token=")) address = String(url);
  };
  site = await startSite({ driver: "fake", folder, controller: "setup", isNew: true, onLog, ...options });
  return site;
}

/** Whatever the browser has to complain about becomes a failure of the test. */
async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error")
      complaints.push(`${message.text()} ${message.location().url} on ${page.url()}`);
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  return page;
}
const complaints: string[] = [];
afterEach(() => expect(complaints.splice(0)).toEqual([]));

/** The second step, here and at GitHub. */
async function makeApp(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Make the App at GitHub" }).click();
  await page.getByRole("button", { name: "Create GitHub App" }).click();
  await page.getByRole("heading", { name: "Install it on a repository" }).waitFor();
}

/** At GitHub, in a tab of its own. */
async function install(page: Page, ...repos: string[]): Promise<void> {
  const opened = page.waitForEvent("popup");
  await page.getByRole("button", { name: "Install it at GitHub" }).click();
  const tab = await opened;
  for (const repo of repos) await tab.getByLabel(repo).check();
  await tab.getByRole("button", { name: "Install" }).click();
  await tab.waitForLoadState();
  await tab.close();
}

/** A job of the repository, which has to run to its end. */
async function firstJob({ github, repo }: Site): Promise<void> {
  const jobs = [{ name: "hello", labels: [...SITE_LABELS], script: "echo hello" }];
  const { jobs: ids } = github.queueRun(repo, { name: "Try Mayfly", jobs });
  await github.until(() => ids.every((id) => github.job(id).conclusion === "success"), 30 * SECONDS);
}

const credentials = async ({ data }: Site) =>
  JSON.parse(await readFile(join(data, "github-app.json"), "utf8"));

describe("the set-up", () => {
  test("leads from mayfly start without an App to a first job, with webhooks that come directly", async () => {
    const { github, web, ...rest } = await begin();
    const page = await newPage();

    await page.goto(address);
    await page.getByLabel("Name of the App").fill("Mayfly <b>of</b> octo");
    await page.getByLabel("directly").check();
    await page.getByRole("button", { name: "Go on" }).click();
    await makeApp(page);
    await page.getByText("not yet").waitFor();
    await install(page, "octo/spinw");
    await page.getByText("installed", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Go on" }).click();
    await page
      .getByText(`runs-on: [${SITE_LABELS.join(", ")}]`)
      .first()
      .waitFor();
    await page.getByRole("button", { name: "Start Mayfly" }).click();
    await page.getByText("Mayfly is starting").waitFor();
    await page.getByRole("button", { name: "Sign in with GitHub" }).waitFor();

    expect(github.world.webhook?.url).toBe(`${web}/webhook`);
    await firstJob({ github, web, ...rest });
    expect(github.deliveries().some(({ event, status }) => event === "workflow_job" && status === "OK")).toBe(
      true,
    );
    expect(github.violations).toEqual([]);
  });

  test("does so behind a firewall, with the address of a relay, without JavaScript", async () => {
    const one = await begin({ relay: true });
    const { github, relay } = one;
    github.addRepository("octo/other", { installed: false });
    const page = await newPage({
      javaScriptEnabled: false,
      colorScheme: "dark",
      viewport: { width: 400, height: 800 },
    });

    await page.goto(address);
    await page.getByLabel("over another relay").check();
    await page.getByLabel("Its address").fill(relay?.url ?? "");
    await page.getByRole("button", { name: "Go on" }).click();
    await makeApp(page);
    await install(page, "octo/spinw", "octo/other");
    await page.getByRole("link", { name: "Look again" }).click();
    await page.getByText("- name: octo/other").waitFor();
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("button", { name: "Start Mayfly" }).click();
    await page.getByRole("button", { name: "Sign in with GitHub" }).waitFor();

    expect(github.world.webhook?.url).toBe(relay?.url);
    expect((await credentials(one)).relayUrl).toBe(relay?.url);
    await firstJob(one);
    expect(relay?.listeners()).toBe(1);
    expect(github.violations).toEqual([]);
  });

  test("leaves the key in a file that is for Mayfly only, and in no log and no page", async () => {
    const one = await begin();
    const page = await newPage();
    const pages: string[] = [];
    page.on("response", async (response) => {
      if (response.url().startsWith(one.web)) pages.push(await response.text().catch(() => ""));
    });

    await page.goto(address);
    await page.getByRole("button", { name: "Go on" }).click();
    await makeApp(page);
    const kept = await credentials(one);
    await install(page, "octo/spinw");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("button", { name: "Start Mayfly" }).click();
    await page.getByRole("button", { name: "Sign in with GitHub" }).waitFor();
    await firstJob(one);

    expect((await stat(join(one.data, "github-app.json"))).mode & 0o777).toBe(0o600);
    const log = await readFile(join(folder, "mayfly.log"), "utf8");
    const middleOfKey = kept.privateKey.split("\n")[5];
    expect(log).toContain("the GitHub App is made");
    expect(pages.join()).toContain("Install it at GitHub");
    for (const secret of [middleOfKey, kept.clientSecret, kept.webhookSecret]) {
      expect(secret.length).toBeGreaterThan(15);
      expect(log).not.toContain(secret);
      expect(pages.join()).not.toContain(secret);
    }
  });

  test("keeps nobody out, at any step, in light and dark and on a phone", async () => {
    const { web } = await begin();
    const page = await newPage();
    const look = async (step: string) => {
      for (const colorScheme of ["light", "dark"] as const) {
        // NB: else links fade from one colour to the other.
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        expect(await barriers(page), `${step}, ${colorScheme}`).toEqual([]);
      }
      await page.setViewportSize({ width: 360, height: 700 });
      expect(await page.evaluate("document.documentElement.scrollWidth"), step).toBe(360);
      await page.setViewportSize({ width: 1100, height: 900 });
    };

    await page.goto(address);
    await look("where");
    await page.getByLabel("Its name in addresses").fill("no/such");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("alert").waitFor();
    await look("where, with a fault");
    complaints.splice(0);
    await page.getByLabel("Its name in addresses").fill("octo");
    await page.getByRole("button", { name: "Go on" }).click();
    await look("make");
    await makeApp(page);
    await look("install");
    await page.goto(`${web}/setup/job`);
    await page.getByText("A whole workflow").click();
    await look("job");
    await page.getByRole("button", { name: "Start Mayfly" }).click();
    await look("done");
  });
});
