import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";

const SOURCE = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

type Found = { violations: { id: string; nodes: { html: string }[] }[] };

/** What keeps people out of the page as it is now, by the rules of WCAG 2.2 AA. NB: it is evaluated from outside, past the page's policy. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(SOURCE);
  const { violations } = (await page.evaluate("axe.run()")) as Found;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}
