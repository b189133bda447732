import { type ChildProcess, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { html } from "hono/html";
import type { Page } from "playwright-core";
import { openBrowser } from "./browser.ts";
import { takePages } from "./picture-pages.ts";
import { takeSetup } from "./setup-pages.ts";

/**
 * `npm run pictures -- --driver vagrant`: runs the demo, and takes the pictures that README.md shows. `--pages`: only those of Mayfly's own
 * pages, for which no VM is needed. Needs Chromium.
 */
const { values } = parseArgs({
  options: { driver: { type: "string", default: "vagrant" }, pages: { type: "boolean", default: false } },
});
const project = resolve(import.meta.dirname, "../..");
const images = join(project, "docs/images");

const browser = await openBrowser();
try {
  await takeSetup(browser, images);
  await takePages(browser, images);
  if (!values.pages) await takeDemo(values.driver);
} finally {
  await browser.close();
}

async function takeDemo(driver: string): Promise<void> {
  const demo = spawn(process.execPath, ["src/cli.ts", "demo", "--stay", "--driver", driver], {
    cwd: project,
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const { lines, checksUrl } = await untilItStays(demo);
    const newPage = () => browser.newPage({ viewport: { width: 1100, height: 760 }, deviceScaleFactor: 1.5 });
    await takeChecks(await newPage(), checksUrl);
    const command = `$ script/demo${driver === "vagrant" ? "" : ` --driver ${driver}`}`;
    await takeTerminal(await newPage(), [command, ...lines]);
  } finally {
    demo.kill("SIGINT");
  }
}

/** What the demo has printed by the time that only looking is left, and the page to look at. */
function untilItStays({ stdout }: ChildProcess): Promise<{ lines: string[]; checksUrl: string }> {
  if (!stdout) throw new Error("the demo has no output");
  const lines: string[] = [];
  let checksUrl = "";
  return new Promise((done, fail) => {
    const reader = createInterface({ input: stdout });
    reader.on("line", (line) => {
      if (line.startsWith("Still running")) return done({ lines, checksUrl });
      checksUrl = /^As GitHub shows it: (\S+)/.exec(line)?.[1] ?? checksUrl;
      lines.push(line);
    });
    reader.once("close", () => fail(new Error(`the demo ended:\n${lines.join("\n")}`)));
  });
}

async function takeChecks(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.screenshot({ path: join(images, "check-run.png") });
}

async function takeTerminal(page: Page, lines: readonly string[]): Promise<void> {
  await page.setContent(
    String(html`<body style="margin:0;background:#16181d">
      <pre style="margin:0;padding:1.2rem;color:#d8dee9;font:13px/1.45 monospace">${lines.join("\n")}</pre>
    </body>`),
  );
  await page.screenshot({ path: join(images, "demo.png"), fullPage: true });
}
