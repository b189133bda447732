import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { startSite } from "./site.ts";

/** Takes pictures of the set-up wizard, each step as the person sees it. */
export async function takeSetup(
  browser: Browser,
  images: string,
  options: BrowserContextOptions = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-pictures-"));
  let address = "";
  const site = await startSite({
    ...{ driver: "fake", folder, controller: "lab", isNew: true },
    onLog: ({ url }) => {
      if (String(url).includes("/setup?token=")) address = String(url);
    },
  });
  const context = await browser.newContext({
    ...{ viewport: { width: 1000, height: 700 }, deviceScaleFactor: 1.5 },
    ...options,
  });
  try {
    await takeSteps(await context.newPage(), address, images);
  } finally {
    await context.close();
    await site.close();
    await rm(folder, { recursive: true });
  }
}

async function takeSteps(page: Page, address: string, images: string): Promise<void> {
  const take = (name: string) => page.screenshot({ path: join(images, `setup-${name}.png`), fullPage: true });
  await page.goto(address);
  await take("where");
  await page.getByRole("button", { name: "Go on" }).click();
  await take("make");
  await page.getByRole("button", { name: "Make the App at GitHub" }).click();
  await page.getByRole("button", { name: "Create GitHub App" }).click();
  await page.getByText("not yet").waitFor();
  const opened = page.waitForEvent("popup");
  await page.getByRole("button", { name: "Install it at GitHub" }).click();
  const tab = await opened;
  await tab.getByLabel("octo/spinw").check();
  await tab.getByRole("button", { name: "Install" }).click();
  await tab.close();
  await page.getByText("installed", { exact: true }).waitFor();
  await take("install");
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByText("A whole workflow").click();
  await take("job");
}
