import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { SITE_LABELS, type Site, startSite } from "./rig/site.ts";

/** What people see of a job that no machine comes up for, and what they can do; on a real controller and an emulated GitHub. */

const LIMIT_MS = 45_000;
const opened: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

/** A site whose VMs boot and never call, where one machine is all that a job gets. */
async function brokenSite(repository: Record<string, unknown> = {}): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-site-"));
  opened.push(() => rm(folder, { recursive: true, force: true }));
  const site = await startSite({
    driver: "fake",
    folder,
    controller: `give${randomBytes(2).toString("hex")}`,
    image: { box: { name: "fake?hang" }, limits: { boot: "1s" } },
    settings: {
      patience: { tries: 1, backoff: "1s" },
      repositories: [{ name: "octo/spinw", images: ["linux"], ...repository }],
    },
  });
  opened.push(() => site.close());
  return site;
}

const queue = ({ github, repo }: Site) =>
  github.queueRun(repo, { name: "test", jobs: [{ name: "job", labels: [...SITE_LABELS], script: "true" }] });

const checkOf = ({ github, repo }: Site) => github.checkRuns(repo)[0];
const untilGivenUp = (site: Site) =>
  site.github.until(() => checkOf(site)?.conclusion === "failure", LIMIT_MS);
const machinesOf = (site: Site): Promise<string[]> => readdir(join(site.data, "evidence"));

/** Until the history of the job tells of it. */
async function untilTold(site: Site, text: string): Promise<void> {
  const [job] = site.github.jobs(site.repo);
  await expect.poll(() => site.mayfly("why", String(job?.id)), { timeout: LIMIT_MS }).toContain(text);
}

describe("a job that was given up", () => {
  test("has a button Retry, which has it tried again for a person who may write, and for nobody else", {
    timeout: 2 * LIMIT_MS,
  }, async () => {
    const site = await brokenSite();
    site.github.addCollaborator(site.repo, "mona", "write");
    site.github.addCollaborator(site.repo, "eve", "read");
    queue(site);
    await untilGivenUp(site);
    const id = checkOf(site)?.id ?? 0;
    const writes = checkOf(site)?.writes ?? 0;

    site.github.requestAction(id, "retry", "eve");
    site.github.requestAction(id, "retry", "mona");
    await site.github.until(() => (checkOf(site)?.writes ?? 0) > writes + 1, LIMIT_MS);
    await untilGivenUp(site);

    expect(await machinesOf(site)).toHaveLength(2);
    expect(checkOf(site)?.actions.map(({ label }) => label)).toEqual(["Retry", "Hold next"]);
    const [job] = site.github.jobs(site.repo);
    expect(await site.mayfly("why", String(job?.id))).toContain("mona asked for the job to be tried again");
    expect(site.github.violations).toEqual([]);
  });

  test("has a button Hold next, which keeps the VM of the next machine that fails until it is let go", {
    timeout: 2 * LIMIT_MS,
  }, async () => {
    const site = await brokenSite();
    site.github.addCollaborator(site.repo, "mona", "write");
    queue(site);
    await untilGivenUp(site);
    const id = checkOf(site)?.id ?? 0;

    site.github.requestAction(id, "hold-next", "mona");
    await untilTold(site, "mona asked for the next machine of the image linux that fails to be held");
    const writes = checkOf(site)?.writes ?? 0;
    site.github.requestAction(id, "retry", "mona");
    await site.github.until(() => (checkOf(site)?.writes ?? 0) > writes + 1, LIMIT_MS);
    await untilGivenUp(site);
    const held = await site.mayfly("ps", "--json").then(JSON.parse);

    expect(held.machines).toMatchObject([{ phase: "leaving", why: "boot-timeout" }]);
    expect(checkOf(site)?.output.summary).toContain("so that an operator can look into it.");
    expect(await readdir(join(site.data, "hosts/lab1/machines"))).toEqual([held.machines[0].name]);

    await site.mayfly("hold", held.machines[0].name, "--for", "0");
    await expect
      .poll(() => site.mayfly("ps", "--json").then(JSON.parse), { timeout: LIMIT_MS })
      .toMatchObject({ machines: [] });
    expect(site.github.violations).toEqual([]);
  });

  test("has its run cancelled where the catalogue says so, and its check run stays red and says why", {
    timeout: LIMIT_MS,
  }, async () => {
    const site = await brokenSite({ onGiveUp: "cancel" });

    queue(site);
    await site.github.until(() => site.github.jobs(site.repo)[0]?.conclusion === "cancelled", LIMIT_MS);
    await expect
      .poll(() => site.mayfly("ps", "--json").then(JSON.parse), { timeout: LIMIT_MS })
      .toMatchObject({
        jobs: [],
        machines: [],
      });

    expect(checkOf(site)).toMatchObject({
      conclusion: "failure",
      output: { title: expect.stringMatching(/^Given up: One machine failed before the job could begin/) },
    });
    expect(site.github.violations).toEqual([]);
  });
});
