import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import type { BuiltBox } from "./rig/box/build-box.ts";
import { type LogEntry, SITE_LABELS, type Site, startSite } from "./rig/site.ts";
import type { SiteCloud } from "./rig/site-catalogue.ts";

const run = promisify(execFile);

export type MainJobOptions = {
  driver: "fake" | "vagrant" | "openstack";
  limitMs: number;
  /** A box that boots, and one that never calls; for `fake` none are needed. */
  boxes?: () => Promise<{ good: BuiltBox; broken: BuiltBox }>;
  /** For `openstack`: where the servers are made. */
  cloud?: () => SiteCloud;
  /** What the first job does. */
  script?: string;
  /** Changes of the image that make its machines fail to boot. */
  brokenImage: Record<string, unknown>;
};

/** The main job on real parts, from the webhook to nothing left. The same claims for every driver. */
export function describeMainJob({
  driver,
  limitMs,
  boxes,
  cloud,
  script = "echo it works",
  brokenImage,
}: MainJobOptions): void {
  const opened: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  });

  async function openSite(name: string, more: Partial<Parameters<typeof startSite>[0]> = {}): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), "mayfly-site-"));
    // QEMU opens a box's kernel in it, under a user of its own.
    await chmod(folder, 0o711);
    opened.push(() => rm(folder, { recursive: true, force: true }));
    const box = (await boxes?.())?.good;
    // The same tests may run in another clone at the same time, and a name is good for one controller on a machine.
    const controller = `${name}${randomBytes(2).toString("hex")}`;
    const site = await startSite({ driver, folder, controller, box, cloud: cloud?.(), ...more });
    opened.push(() => site.close());
    return site;
  }

  describe(`the main job with the driver ${driver}`, () => {
    it("is served, told in one check run with at most four writes, and leaves nothing", {
      timeout: limitMs,
    }, async () => {
      const site = await openSite("one");

      const { headSha } = queue(site, [script]);
      await untilOver(site, limitMs);

      const [check] = site.github.checkRuns(site.repo, headSha);
      expect(check).toMatchObject({ status: "completed", conclusion: "success" });
      expect(check?.output.summary).toContain("Runner registered");
      expect(callsTo(site, "check-runs")).toBeLessThanOrEqual(4);
      await expectNothingLeft(site);
      expect(site.github.violations).toEqual([]);
    });

    it("comes to the same end when the controller is killed at every stage", {
      timeout: 2 * limitMs,
    }, async () => {
      const stages = ["machine created", "start", "configure", "machine retired", "destroy"];
      const kill = (entry: LogEntry) => {
        const stage = stages.findIndex(
          (name) => entry.msg === name || (entry.msg === "step done" && entry.step === name),
        );
        if (stage < 0) return;
        stages.splice(stage, 1);
        kills += 1;
        site.kill();
      };
      let kills = 0;
      const site = await openSite("kill", { onLog: kill });

      const { jobs, headSha } = queue(site, ["echo first; sleep 1", "echo second; sleep 1"]);
      await untilOver(site, 2 * limitMs);

      expect(kills).toBeGreaterThanOrEqual(4);
      expect(jobs.map((id) => site.github.job(id).conclusion)).toEqual(["success", "success"]);
      expect(site.github.checkRuns(site.repo, headSha).map(({ conclusion }) => conclusion)).toEqual([
        "success",
        "success",
      ]);
      await expectNothingLeft(site);
    });

    it("ends red with the cause and the console's tail when the image does not boot", {
      timeout: limitMs,
    }, async () => {
      const box = (await boxes?.())?.broken;
      const site = await openSite("broken", {
        ...(box ? { box } : {}),
        image: brokenImage,
        settings: { patience: { tries: 1 } },
      });

      const { headSha, jobs } = queue(site, ["echo never"]);
      const isRed = () => site.github.checkRuns(site.repo, headSha)[0]?.conclusion === "failure";
      await site.github.until(isRed, limitMs);

      const [check] = site.github.checkRuns(site.repo, headSha);
      expect(check?.output.title).toMatch(/^Given up: One machine failed/);
      expect(check?.output.text).toContain("Last words of");
      const [machine] = await readdir(join(site.data, "evidence"));
      const kept = await readdir(join(site.data, "evidence", machine ?? ""));
      expect(kept).toContain("console.log");
      expect(await site.mayfly("why", String(jobs[0]))).toContain("given up");
      site.github.cancelJob(jobs[0] ?? 0);
      await expectNothingLeft(site);
    });

    it("shows no secret in logs, arguments or files", { timeout: limitMs }, async () => {
      const seen: string[] = [];
      const site = await openSite("quiet");
      const watch = setInterval(
        () => void run("ps", ["-eo", "args"]).then(({ stdout }) => seen.push(stdout)),
        300,
      );
      opened.push(async () => clearInterval(watch));

      queue(site, ["sleep 1"]);
      await untilOver(site, limitMs);

      const files = await readAll(
        site.data,
        (path) => !path.includes("mayfly.sqlite") && !path.includes("authority"),
      );
      const everything = [
        ...seen,
        ...files,
        ...(await readAll(join(site.data, ".."), (path) => path.endsWith(".log"))),
      ].join("\n");
      const secrets = site.secrets();
      expect(secrets.length).toBeGreaterThan(3);
      expect(everything.length).toBeGreaterThan(1000);
      expect(secrets.filter((secret) => everything.includes(secret))).toEqual([]);
    });
  });
}

function queue(site: Site, scripts: readonly string[]) {
  const jobs = scripts.map((script, index) => ({
    name: `job ${index + 1}`,
    labels: [...SITE_LABELS],
    script,
  }));
  return site.github.queueRun(site.repo, { name: "test", jobs });
}

async function untilOver({ github, repo }: Site, limitMs: number): Promise<void> {
  const isOver = () =>
    github.jobs(repo).every((job) => job.status === "completed") &&
    github.checkRuns(repo).length === github.jobs(repo).length &&
    github.checkRuns(repo).every((check) => check.status === "completed");
  await github.until(isOver, limitMs);
}

/** Asks the system, GitHub and Mayfly, until all say that nothing is there. */
async function expectNothingLeft(site: Site): Promise<void> {
  const look = async () => {
    const ps: { machines: unknown[]; jobs: unknown[] } = JSON.parse(await site.mayfly("ps", "--json"));
    return [...(await site.leftovers()), ...site.github.runners(site.repo), ...ps.machines, ...ps.jobs];
  };
  await expect.poll(look, { timeout: 90_000, interval: 500 }).toEqual([]);
}

const callsTo = ({ github }: Site, path: string): number =>
  github.calls.filter((call) => call.path.includes(path) && call.method !== "GET").length;

async function readAll(folder: string, wanted: (path: string) => boolean): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return await Promise.all(paths.filter(wanted).map((path) => readFile(path, "latin1")));
}
