import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { SETTINGS_FILE } from "../src/core/name.ts";
import { SITE_REPO, type Site, startSite } from "./rig/site.ts";

/** `.github/mayfly.yml`, from a push to what becomes of jobs, on a real controller and an emulated GitHub. */

const LIMIT_MS = 45_000;

/** A site whose repository may use two images, `linux` and `other`. */
async function openSite(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-settings-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const controller = `set${randomBytes(2).toString("hex")}`;
  const images = ["linux", "other"].map((name) => ({
    name,
    os: "linux",
    labels: ["self-hosted", "linux", "x64", `spinw-${name}`],
    box: { name: "process" },
    prepared: true,
    memory: "512 MiB",
  }));
  const repositories = [{ name: SITE_REPO, images: ["linux", "other"], machines: 2 }];
  const settings = { images, repositories };
  const site = await startSite({ driver: "fake", folder, controller, settings });
  onTestFinished(() => site.close());
  return site;
}

const pushed = ({ github }: Site, text: string | null) =>
  github.push(SITE_REPO, { files: { [SETTINGS_FILE]: text } });

/** What the commit says of its file. */
async function verdictOn({ github }: Site, sha: string) {
  const find = () => github.checkRuns(SITE_REPO, sha).find(({ name }) => name === "Mayfly settings");
  await github.until(() => find() !== undefined, LIMIT_MS);
  return find();
}

/** The runner that a job got which asks for the label `fast`, and nothing else of ours. */
async function runnerOf({ github }: Site): Promise<string> {
  const job = { name: "test", labels: ["self-hosted", "fast"], script: "echo it works" };
  const [id = 0] = github.queueRun(SITE_REPO, { jobs: [job] }).jobs;
  await github.until(() => github.job(id).status === "completed", LIMIT_MS);
  return github.job(id).runner?.name ?? "none";
}

describe("a settings file that is pushed", { timeout: 2 * LIMIT_MS }, () => {
  test("says which image a job gets; one with a fault changes nothing, and its commit says where", async () => {
    const site = await openSite();
    const first = pushed(site, "images:\n  linux: { labels: [fast] }\n");
    const [told, before] = [await verdictOn(site, first), await runnerOf(site)];
    const second = pushed(site, "images:\n  other: { labels: [fast] }\n");
    await verdictOn(site, second);
    const after = await runnerOf(site);

    const third = pushed(site, "images:\n  linux: { labels: [fast] }\nmachines: 3\n");
    const [fault, still] = [await verdictOn(site, third), await runnerOf(site)];

    expect(told).toMatchObject({ conclusion: "success", output: { title: "The settings are in force" } });
    expect([before, after, still]).toEqual([
      expect.stringContaining("-linux-"),
      expect.stringContaining("-other-"),
      expect.stringContaining("-other-"),
    ]);
    expect(fault).toMatchObject({
      conclusion: "failure",
      output: { annotations: [{ path: SETTINGS_FILE, line: 3, level: "failure" }] },
    });
    expect(site.github.violations).toEqual([]);
  });

  test("is read at the next start though its webhook was lost", async () => {
    const site = await openSite();
    site.github.setFaults({ webhooks: { forget: 1 } });
    const sha = pushed(site, "paused: maybe\n");

    site.kill();

    expect(await verdictOn(site, sha)).toMatchObject({ conclusion: "failure" });
    expect(site.github.violations).toEqual([]);
  });
});
