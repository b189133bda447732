import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mayfly } from "../cli-site.ts";
import { SITE_LABELS, type Site, startSite } from "../rig/site.ts";
import { argsOf, byHarm, codesFor, isEntered, linesOf, mayflyCommands, type Things } from "./commands.ts";
import { PAGES } from "./pages.ts";

/** Every block of commands in README.md and docs/ is run here, or says why not: by a comment before it, `<!-- not run here: why -->`. */

const LIMIT_MS = 30_000;
let site: Site;
let folder: string;
let things: Things;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-docs-"));
  site = await startSite({
    driver: "fake",
    folder,
    controller: `docs${randomBytes(2).toString("hex")}`,
    machines: 1,
    times: { cancelMs: 1000 },
  });
  const [job = 0] = site.github.queueRun(site.repo, {
    name: "CI",
    jobs: [{ name: "test", labels: [...SITE_LABELS], script: "sleep 300" }],
  }).jobs;
  await site.github.until(() => site.github.job(job).status === "in_progress", LIMIT_MS);
  const machine = site.github.job(job).runner?.name ?? "";
  things = { job, machine, config: site.config, repo: site.repo };
}, 60_000);
afterAll(async () => {
  await site.close();
  await rm(folder, { recursive: true });
});

const COMMANDS = mayflyCommands().filter(isEntered).toSorted(byHarm);

describe("a command of Mayfly's in the docs", () => {
  test.each(COMMANDS)("can be entered: $line ($page)", { timeout: LIMIT_MS }, async ({ line }) => {
    const args = argsOf(line, things);
    const config = args.includes("--config") ? [] : ["--config", site.config];
    const { code, stdout, stderr } = await mayfly([...args, ...config], await envOf());

    expect(codesFor(args), `${stdout}${stderr}`).toContain(code);
    expect(`${stdout}${stderr}`.trim()).not.toBe("");
  });

  test("is found by this test in the pages", () => {
    const lines = COMMANDS.map(({ line }) => line);

    expect(lines).toEqual(expect.arrayContaining(["mayfly why JOB", "mayfly ps", "mayfly doctor"]));
  });
});

/** NB: doctor and check look at the App, so they have what the controller has. */
async function envOf(): Promise<Record<string, string>> {
  const entries = readFileSync(`/proc/${site.pid()}/environ`, "utf8").split("\0");
  const env = Object.fromEntries(entries.map((entry) => entry.split(/=(.*)/s).slice(0, 2)));
  return env as Record<string, string>;
}

describe("a block of commands in the docs", () => {
  test.each(PAGES)("is run here, or has a mark right before it that says why not: %s", (page) => {
    const neither = linesOf(page).filter((said) => !COMMANDS.some(({ line }) => line === said.line));

    expect(neither).toEqual([]);
  });
});
