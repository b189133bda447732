import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { SITE_LABELS, type Site, startSite } from "./rig/site.ts";

/** Less than Mayfly takes to learn of a job in any other way, so that it was the relay that told. */
const SOON_MS = 30_000;

test("a job that the relay tells of is served, also after the relay was away for a while", {
  timeout: 4 * SOON_MS,
}, async () => {
  const { site, relay } = await openSite();
  await untilLine(site, "connected");

  const first = await served(site);
  await relay.cut();
  await untilLine(site, "not connected");
  await relay.mend();
  await untilLine(site, "connected");
  const second = await served(site);

  expect([first, second]).toEqual(["success", "success"]);
  expect(relay.listeners()).toBe(1);
  const written = await readFile(join(site.data, "../mayfly.log"), "utf8");
  expect(written).toContain("relay connected");
  expect(site.secrets().filter((secret) => written.includes(secret))).toEqual([]);
});

async function openSite() {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-relay-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  // The same test may run in another clone at the same time, and a name is good for one controller on a machine.
  const controller = `relay${randomBytes(2).toString("hex")}`;
  const site = await startSite({ driver: "fake", folder, controller, relay: true });
  onTestFinished(site.close);
  if (!site.relay) throw new Error("the site has no relay");
  return { site, relay: site.relay };
}

/** Asks Mayfly itself. */
async function untilLine(site: Site, state: "connected" | "not connected"): Promise<void> {
  const line = async () => (await site.mayfly("ps")).split("\n")[0];
  await expect
    .poll(line, { timeout: SOON_MS, interval: 200 })
    .toMatch(new RegExp(`^RELAY 127\\S+: ${state},`));
}

/** Queues a job, and answers how it ended. */
async function served({ github, repo }: Site): Promise<string | null | undefined> {
  const jobs = [{ name: "over the relay", labels: [...SITE_LABELS], script: "echo it works" }];
  const [id = 0] = github.queueRun(repo, { name: "test", jobs }).jobs;
  await github.until(() => github.job(id).status === "completed", SOON_MS);
  return github.job(id).conclusion;
}
