import { type Browser, chromium, type Page } from "playwright-core";

/** Debian's Chromium, without a window. It speaks to nobody but the page: the other flags keep it from calling home. */
export const openBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });

/** Goes to a page of Mayfly, by way of signing in at the emulated GitHub. */
export async function signIn(page: Page, web: string, login: string, path = "/"): Promise<void> {
  await page.goto(`${web}${path}`);
  await page.getByRole("button", { name: "Sign in with GitHub" }).click();
  await page.getByLabel("Sign in as").selectOption(login);
  await page.getByRole("button", { name: "Authorize" }).click();
  await page.waitForURL(`${web}${path}`);
}
