import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openBrowser, signIn as signInAt } from "../rig/browser.ts";
import { SITE_LABELS, type Site, startSite } from "../rig/site.ts";

/** What people see and do: a real Mayfly, an emulated GitHub to sign in with, and a real browser. */

const EVIL = "<img src=x onerror=\"document.title='owned'\">";
const SECONDS = 1000;
/** Well before the page would be made anew by itself. */
const SOON = { timeout: 6 * SECONDS };
let site: Site;
let folder: string;
let browser: Browser;
let context: BrowserContext | undefined;
/** Whatever the browser has to complain about. */
let complaints: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-pages-"));
  browser = await openBrowser();
  site = await startSite({
    driver: "fake",
    folder,
    controller: "pages",
    machines: 1,
    times: { cancelMs: SECONDS },
  });
  site.github.addCollaborator(site.repo, "mona", "read");
});
afterAll(async () => {
  await browser.close();
  await site.close();
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  await context?.close();
  for (const job of site.github.jobs(site.repo))
    if (job.status !== "completed") site.github.cancelJob(job.id);
  await site.github.until(
    () => site.github.jobs(site.repo).every(({ status }) => status === "completed"),
    30 * SECONDS,
  );
  expect(complaints.splice(0)).toEqual([]);
  expect(site.github.violations).toEqual([]);
});

async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
  context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  return page;
}

const signIn = (page: Page, login: string, path = "/"): Promise<void> =>
  signInAt(page, site.web, login, path);

const queue = (...names: string[]): number[] =>
  site.github.queueRun(site.repo, {
    name: "CI",
    jobs: names.map((name) => ({ name, labels: [...SITE_LABELS], script: SCRIPT })),
  }).jobs;

/** Says something each second, until it is ended. */
const SCRIPT = "for second in $(seq 1 120); do echo second $second; sleep 1; done";

/** Resolves to the name of the machine. */
async function running(job: number): Promise<string> {
  await site.github.until(() => site.github.job(job).status === "in_progress", 30 * SECONDS);
  return site.github.job(job).runner?.name ?? "";
}

const isLive = (page: Page) => page.getByRole("status").getByText("Live", { exact: true }).waitFor();

describe("the status page", () => {
  test("is what one sees after signing in, and shows a job that comes without being loaded again", async () => {
    const page = await newPage();
    await signIn(page, "octocat");
    await isLive(page);
    await page.evaluate("window.isOld = true");

    const [job = 0] = queue("unit tests", "docs");
    await running(job);

    await page
      .getByRole("table", { name: "Jobs that run" })
      .getByRole("link", { name: "unit tests" })
      .waitFor(SOON);
    for (const name of ["lint", "package"]) {
      queue(name);
      await page.getByRole("link", { name }).waitFor(SOON);
    }
    const waits = page.getByRole("table", { name: "Jobs that wait" });
    await waits.getByText("1st in the queue: lab1 is full").waitFor();
    expect(await page.evaluate("window.isOld")).toBe(true);
  });

  test("keeps what a person has opened when it is made new", async () => {
    const page = await newPage();
    await signIn(page, "octocat");
    await isLive(page);
    await page.getByText("Drain", { exact: true }).click();
    await page.getByText("Drain", { exact: true }).focus();
    await page.evaluate("window.oldBody = document.querySelector('[data-live] > *')");

    queue("unit tests");
    await expect.poll(() => page.evaluate("window.oldBody.isConnected"), { timeout: 20_000 }).toBe(false);

    expect(await page.getByRole("button", { name: "Drain lab1" }).isVisible()).toBe(true);
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Drain");
  });

  test("lets an operator pause a repository, whose job then says why it waits, and resume it", async () => {
    const page = await newPage();
    await signIn(page, "octocat");
    await page.getByRole("row", { name: site.repo }).getByText("Pause", { exact: true }).click();
    await page.getByRole("button", { name: `Pause ${site.repo}` }).click();
    await page.getByText("No more machines are ordered").waitFor();
    await page.getByRole("link", { name: "Status" }).click();

    const [job = 0] = queue("unit tests");

    await page.getByText(`1st in the queue: ${site.repo} is paused`).waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await running(job);
  });

  test("shows a maintainer jobs and machines, and no button but the one to sign out", async () => {
    const [job = 0] = queue("unit tests");
    const machine = await running(job);
    const page = await newPage();
    await signIn(page, "mona");

    expect(await page.getByRole("link", { name: machine }).first().isVisible()).toBe(true);
    expect(await page.getByRole("button").allTextContents()).toEqual(["Sign out"]);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.goto(site.web);
    expect(await page.getByRole("button", { name: "Sign in with GitHub" }).isVisible()).toBe(true);
  });

  test("says so when the line is lost, and is live again afterwards", async () => {
    const page = await newPage();
    await signIn(page, "octocat");
    await isLive(page);
    await page.context().setOffline(true);
    site.kill();
    await page.getByRole("status").getByText("Connection lost, trying again").waitFor();

    await page.context().setOffline(false);

    await isLive(page);
    complaints = complaints.filter((text) => !text.includes("net::ERR"));
  });
});

describe("a job's page", () => {
  test("is reached from the check run, by way of signing in", async () => {
    const [job = 0] = queue("unit tests");
    await running(job);
    const [check] = site.github.checkRuns(site.repo, site.github.job(job).run.headSha);
    const page = await newPage();

    await signIn(page, "mona", new URL(check?.detailsUrl ?? "").pathname);

    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("unit tests");
    expect(await page.getByRole("cell", { name: "Runner registered" }).isVisible()).toBe(true);
    expect(await page.getByText("lead to the image linux").isVisible()).toBe(true);
  });

  test("follows the job to its end", async () => {
    const [job = 0] = queue("unit tests");
    await running(job);
    const page = await newPage();
    await signIn(page, "octocat", `/jobs/${job}`);
    await isLive(page);

    site.github.cancelJob(job);

    await page.getByRole("cell", { name: "Job ended" }).waitFor();
    await page.getByText("cancelled", { exact: true }).waitFor();
  });

  test("shows a name with markup as it is", async () => {
    const [job = 0] = queue(EVIL);
    await running(job);
    const page = await newPage();
    await signIn(page, "octocat", `/jobs/${job}`);

    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe(EVIL);
    expect(await page.locator("main img").count()).toBe(0);
    await page.goto(site.web);
    expect(await page.getByRole("link", { name: EVIL }).first().isVisible()).toBe(true);
    expect(await page.title()).not.toBe("owned");
  });
});

describe("a machine's page", () => {
  test("shows the console while the VM writes it", async () => {
    const [job = 0] = queue("unit tests");
    const machine = await running(job);
    const page = await newPage();
    await signIn(page, "octocat", `/machines/${machine}`);
    const console = page.getByLabel("console.log");
    await console.waitFor();
    await isLive(page);
    await page.evaluate("window.isOld = true");
    expect(await console.textContent()).toContain("asking for work");

    await appendFile(
      join(site.data, "hosts/lab1/machines", machine, "console.log"),
      "a word of the kernel\n",
    );

    await console.getByText("a word of the kernel").waitFor();
    expect(await page.evaluate("window.isOld")).toBe(true);
  });

  test("is held by an operator, and let go", async () => {
    const [job = 0] = queue("unit tests");
    const machine = await running(job);
    const page = await newPage();
    await signIn(page, "octocat", `/machines/${machine}`);
    await page.getByLabel("How long its VM is kept").selectOption("30 min");
    await page.getByRole("button", { name: "Hold for" }).click();
    await page.getByText(`The VM of ${machine} is not destroyed before`).waitFor();
    await page.getByRole("link", { name: "Back" }).click();

    site.github.cancelJob(job);

    await page.getByText("The machine has done its job.").first().waitFor();
    expect(await page.getByText("held", { exact: true }).isVisible()).toBe(true);
    expect(await site.leftovers()).toEqual([`folder ${machine}`]);
    await page.getByRole("button", { name: "Let go" }).click();
    await page.getByRole("link", { name: "Back" }).click();
    await page.getByRole("cell", { name: "VM destroyed" }).waitFor();
  });

  test("destroys it after asking, and says what was done and who did it", async () => {
    const [job = 0] = queue("unit tests");
    const machine = await running(job);
    const page = await newPage();
    await signIn(page, "octocat", `/machines/${machine}`);
    expect(await page.getByRole("button", { name: "Destroy it" }).isVisible()).toBe(false);

    await page.getByText("Destroy", { exact: true }).click();
    await page.getByRole("button", { name: "Destroy it" }).click();

    await page.getByText(`Machine ${machine} will be destroyed now`).waitFor();
    await page.getByRole("link", { name: "Back" }).click();
    await page.getByText("octocat had it destroyed.").waitFor();
    await page.getByRole("cell", { name: "VM destroyed" }).waitFor();
  });
});

describe("every page", () => {
  /** Each with something on it. */
  async function paths(): Promise<string[]> {
    const [job = 0] = queue(`unit tests ${"of a very long name ".repeat(5)}`, "docs");
    const machine = await running(job);
    return ["/", `/jobs/${job}`, `/machines/${machine}`];
  }

  test("fits on a phone", async () => {
    const page = await newPage({ viewport: { width: 360, height: 740 } });
    await signIn(page, "octocat");

    for (const path of await paths()) {
      await page.goto(`${site.web}${path}`);
      const wide = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      expect(wide, path).toBeLessThanOrEqual(0);
    }
  });

  test.each(["light", "dark"] as const)("can be read when it is %s", async (colorScheme) => {
    const page = await newPage({ colorScheme, reducedMotion: "reduce" });
    await signIn(page, "octocat");

    for (const path of await paths()) {
      await page.goto(`${site.web}${path}`);
      expect(await page.evaluate(FAINT), path).toEqual([]);
    }
    const paper = String(await page.evaluate("getComputedStyle(document.documentElement).backgroundColor"));
    expect(Number(/\d+/.exec(paper)?.[0]) < 128).toBe(colorScheme === "dark");
  });

  test("has one heading of the first level, and a name for everything that can be used", async () => {
    const page = await newPage();
    await signIn(page, "octocat");

    for (const path of await paths()) {
      await page.goto(`${site.web}${path}`);
      expect(await page.getByRole("heading", { level: 1 }).count(), path).toBe(1);
      expect(await page.evaluate(NAMELESS), path).toEqual([]);
      expect(await page.evaluate(SKIPPED_LEVELS), path).toEqual([]);
    }
  });

  test("does all of it without a script", async () => {
    const page = await newPage({ javaScriptEnabled: false });
    await signIn(page, "octocat");
    const [, , machinePath = ""] = await paths();

    await page.goto(`${site.web}${machinePath}`);
    expect(await page.locator("noscript").innerHTML()).toContain("refresh");
    await page.getByText("Destroy", { exact: true }).click();
    await page.getByRole("button", { name: "Destroy it" }).click();

    await page.getByText("will be destroyed now").waitFor();
  });
});

/** Texts whose contrast with what is behind them is below 4.5. See: WCAG 2.2, 1.4.3. */
const FAINT = `(() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const faint = [];
  while (words.nextNode()) {
    const element = words.currentNode.parentElement;
    if (words.currentNode.data.trim() === "" || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(words.currentNode.data.trim() + " " + contrast.toFixed(2));
  }
  return faint;
})()`;

const NAMELESS = `[...document.querySelectorAll("a, button, summary, table, progress, select, input:not([type=hidden])")]
  .filter((one) => !(one.getAttribute("aria-label") || one.textContent).trim()).map((one) => one.outerHTML)`;

const SKIPPED_LEVELS = `[...document.querySelectorAll("h1, h2, h3, h4")]
  .filter((one, index, all) => index > 0 && Number(one.tagName[1]) > Number(all[index - 1].tagName[1]) + 1)
  .map((one) => one.textContent)`;
