import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { barriers } from "../rig/axe.ts";
import { openBrowser, signIn } from "../rig/browser.ts";
import { type Site, startSite } from "../rig/site.ts";

/** What the admin of a repository does on its settings page: a real Mayfly, an emulated GitHub, a real browser. */

const SECONDS = 1000;
const PAGE = "/settings/octo/spinw";
let site: Site;
let folder: string;
let browser: Browser;
/** Whatever the browser has to complain about. */
const complaints: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-settings-"));
  browser = await openBrowser();
  const settings = {
    repositories: [{ name: "octo/spinw", images: ["linux"], machines: 6, mostHot: { linux: 2 } }],
  };
  site = await startSite({ driver: "fake", folder, controller: "settings", machines: 2, settings });
  for (const admin of ["mona", "lisa"]) site.github.addCollaborator(site.repo, admin, "admin");
});
afterAll(async () => {
  await browser.close();
  await site.close();
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  // NB: the browser complains of every answer that says that something was not done.
  const expected = /the server responded with a status of 4\d\d/;
  expect(complaints.splice(0).filter((text) => !expected.test(text))).toEqual([]);
  expect(site.github.violations).toEqual([]);
});

/** A browser of that person, on the page, by way of GitHub. */
async function pageOf(login: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await signIn(page, site.web, login, PAGE);
  return page;
}

const labels = (page: Page) => page.getByLabel("More labels, in this repository");
const most = (page: Page) => page.getByLabel("Most machines at a time");
const save = (page: Page) => page.getByRole("button", { name: "Save" }).click();
const isSaved = (page: Page) => page.getByText("Saved. It is in force at once").waitFor();
const history = (page: Page) => page.getByRole("listitem").first().textContent();

async function tryLine(page: Page, line: string): Promise<string | null> {
  await page.getByLabel("What stands behind runs-on: in a workflow").fill(line);
  await page.getByRole("button", { name: "Try it" }).click();
  await page.waitForURL(/runs-on=/);
  return page.locator("#outcome").textContent();
}

describe("the settings page", () => {
  test.each([true, false])(
    "gives an image a label, with which a job then gets a machine (JavaScript: %s)",
    async (javaScriptEnabled) => {
      const label = `docs-${javaScriptEnabled}`;
      const page = await pageOf("mona", { javaScriptEnabled });
      expect(await tryLine(page, `[self-hosted, ${label}]`)).toContain(`No image has the label ${label}`);
      await labels(page).fill(label);

      await save(page);
      await isSaved(page);

      expect(await tryLine(page, `[self-hosted, ${label}]`)).toContain("It gets the image linux.");
      expect(await history(page)).toMatch(new RegExp(`mona: labels of linux: .+ → ${label}$`));
      const order = { name: "docs", labels: ["self-hosted", label], script: "echo hello" };
      const { jobs } = site.github.queueRun(site.repo, { name: "CI", jobs: [order] });
      await site.github.until(
        () => jobs.every((id) => site.github.job(id).conclusion === "success"),
        30 * SECONDS,
      );
    },
  );

  test("keeps a machine booted and waiting, and lets it go again", async () => {
    const page = await pageOf("mona");
    await page.getByLabel("Hot machines").fill("1");
    await save(page);
    await isSaved(page);
    const machines = async () => (await site.mayfly("ps", "--json")).match(/"phase": ?"ready"/g)?.length ?? 0;

    await expect.poll(machines, { timeout: 30 * SECONDS }).toBe(1);
    await page.getByLabel("Hot machines").fill("");
    await save(page);
    await isSaved(page);

    await expect.poll(machines, { timeout: 30 * SECONDS }).toBe(0);
  });

  test("says what is wrong, keeps what was typed, and is where the keyboard goes on", async () => {
    const page = await pageOf("mona");
    await labels(page).fill("<script>alert(1)</script> linux");
    await most(page).fill("99");

    await save(page);

    await page.getByText("Nothing was saved").waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("faults");
    expect(await labels(page).inputValue()).toBe("<script>alert(1)</script> linux");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("machines");
    const described = await most(page).getAttribute("aria-describedby");
    expect(described).toBe("machines-fault machines-hint");
    expect(await page.locator("#machines-fault").textContent()).toContain("from 1 to 6");
    expect(await barriers(page)).toEqual([]);
  });

  test("tells the second of two admins what the first has saved, and saves on purpose", async () => {
    const mine = await pageOf("mona");
    const theirs = await pageOf("lisa");
    await most(theirs).fill("2");
    await save(theirs);
    await isSaved(theirs);

    await most(mine).fill("3");
    await save(mine);

    await mine.getByText("lisa saved other settings").waitFor();
    const row = mine.getByRole("row", { name: "most machines" });
    expect(await row.getByRole("cell").allInnerTexts()).toEqual(["most machines", "2", "3"]);
    expect(await barriers(mine)).toEqual([]);
    await mine.getByRole("button", { name: "Save mine instead" }).click();
    await isSaved(mine);
    expect(await history(mine)).toContain("mona: most machines: 2 → 3");
  });

  test("saves nothing for somebody whose right was taken while they typed", async () => {
    site.github.addCollaborator(site.repo, "hubot", "admin");
    const page = await pageOf("hubot");
    await most(page).fill("5");
    site.github.addCollaborator(site.repo, "hubot", "write");

    await save(page);

    await page.getByRole("heading", { name: "You do not administer it" }).waitFor();
    const other = await pageOf("mona");
    expect(await most(other).inputValue()).not.toBe("5");
  });

  test("leads back to itself after the sign-in has ended, and says that nothing was saved", async () => {
    const page = await pageOf("mona");
    await most(page).fill("4");
    await page.context().clearCookies();

    await save(page);

    await page.getByText("Your sign-in had ended, so nothing was saved.").waitFor();
    await page.getByRole("button", { name: "Sign in with GitHub" }).click();
    await page.getByLabel("Sign in as").selectOption("mona");
    await page.getByRole("button", { name: "Authorize" }).click();
    await page.waitForURL(`${site.web}${PAGE}`);
    expect(await most(page).inputValue()).not.toBe("4");
  });

  test.each([
    ["light", 1100],
    ["dark", 1100],
    ["light", 360],
  ] as const)("keeps nobody out, and fits (%s, %d wide)", async (colorScheme, width) => {
    const page = await pageOf("mona", {
      ...{ colorScheme, viewport: { width, height: 800 }, reducedMotion: "reduce" },
    });
    await tryLine(page, `[self-hosted, ${"a-very-long-label-".repeat(8)}]`);
    await page.getByText("The same as").click();

    expect(await barriers(page)).toEqual([]);
    const wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect(await page.evaluate(wide)).toBeLessThanOrEqual(0);
  });

  test("only shows what the file says as long as there is one, with its commit in the history", async () => {
    const file = ".github/mayfly.yml";
    const sha = site.github.push(site.repo, { files: { [file]: "machines: 1\nforks: refuse\n" } });
    const page = await pageOf("lisa");
    const isFile = async () => {
      await page.reload();
      return page.getByText("says what is in force").count();
    };

    await expect.poll(isFile, { timeout: 30 * SECONDS }).toBe(1);

    expect(await page.getByRole("button", { name: "Save" }).count()).toBe(0);
    expect(await page.getByRole("link", { name: file }).getAttribute("href")).toBe(
      `${site.github.url}/octo/spinw/blob/HEAD/${file}`,
    );
    expect(await page.getByRole("definition").allInnerTexts()).toContain("they are refused");
    const words = await history(page);
    expect(words).toContain(`${file} by ${sha.slice(0, 7)}: `);
    expect(words).toContain("jobs of forks: as the operator says → refuse");
    expect(await barriers(page)).toEqual([]);
    site.github.push(site.repo, { files: { [file]: "machines: 1\nforks: sometimes\n" } });
    await page.goto(`${site.web}${PAGE}`);
    const fault = async () => {
      await page.reload();
      return page.getByRole("link", { name: "Line 2" }).count();
    };
    await expect.poll(fault, { timeout: 30 * SECONDS }).toBe(1);
  });
});
