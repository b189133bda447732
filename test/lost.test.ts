import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { SITE_LABELS, type Site, type SiteOptions, startSite } from "./rig/site.ts";

/** A real Mayfly, with the driver `fake`, that is not told of its jobs. */

const LIMIT_MS = 60_000;
/** From the start of the controller, says the promise; it takes a few seconds. */
const ORDER_MS = 60_000;

describe("a controller that only asks GitHub", { timeout: 2 * LIMIT_MS }, () => {
  test("serves the main job without a webhook, a secret or an open port, and leaves nothing", async () => {
    const site = await openSite({ intake: "poll" });

    const { headSha } = queue(site);
    await untilOver(site);

    const [check] = site.github.checkRuns(site.repo, headSha);
    expect(check).toMatchObject({ status: "completed", conclusion: "success" });
    expect(check?.output.summary).toContain("Runner registered");
    await expectNothingLeft(site);
    expect(site.github.deliveries()).toEqual([]);
    expect(site.github.violations).toEqual([]);
    // The one that VMs call, and the web listener, which takes no webhook then.
    const [, ...more] = await listening(site.pid());
    expect(more).toHaveLength(1);
    const { port } = await webOf(site);
    const posted = await fetch(`http://127.0.0.1:${port}/webhook`, { method: "POST" });
    expect(posted.status).toBe(404);
  });

  test("hears of a job that is cancelled while it waits", async () => {
    const site = await openSite({ intake: "poll", image: { box: { name: "process?hang" } } });
    const { jobs } = queue(site);
    await untilOrdered(site);

    site.github.cancelJob(jobs[0] ?? 0);

    await expectNothingLeft(site);
  });

  test("pays nothing of its budget for looks that find nothing new", async () => {
    const site = await openSite({ intake: "poll" });
    const looks = () => site.github.calls.filter(({ operation }) => operation === RUNS);
    await site.github.until(() => looks().length >= 15, LIMIT_MS);

    // NB: the first round asks five times, for each status of a run, and the look for check runs that were left open asks once.
    const later = looks().slice(6);

    expect(later.map(({ status }) => status)).toEqual(later.map(() => 304));
  });
});

describe("a job that was queued while Mayfly was down", { timeout: 2 * LIMIT_MS }, () => {
  test.for([
    ["a relay lost its webhook", { lose: 1 }],
    ["GitHub never made its webhook", { forget: 1 }],
  ] as const)("gets its VM within 60 s of the start though %s", async ([, webhooks]) => {
    const site = await openSite();
    site.github.setFaults({ webhooks });

    site.kill();
    queue(site);
    const startedAt = performance.now();
    await untilOrdered(site);

    expect(performance.now() - startedAt).toBeLessThan(ORDER_MS);
  });
});

describe("check runs that were open when the store was lost", { timeout: 2 * LIMIT_MS }, () => {
  test("are closed if their job is over, and go on if it is not", async () => {
    const site = await openSite({ intake: "poll", image: { box: { name: "process?hang" } } });
    const { headSha, jobs } = queue(site, 2);
    const [over = 0, open = 0] = jobs;
    const checks = () => site.github.checkRuns(site.repo, headSha);
    await site.github.until(() => checks().length === 2, LIMIT_MS);
    const checkOf = (job: number) => checks().find(({ externalId }) => externalId === String(job));
    const writes = checkOf(open)?.writes ?? 0;

    for (const end of ["", "-wal", "-shm"]) rmSync(join(site.data, `mayfly.sqlite${end}`), { force: true });
    site.github.cancelJob(over);
    site.kill();
    const isRight = () => checkOf(over)?.status === "completed" && (checkOf(open)?.writes ?? 0) > writes;
    await site.github.until(isRight, LIMIT_MS);

    expect(checkOf(over)).toMatchObject({
      conclusion: "neutral",
      output: { title: "Mayfly lost sight of this job" },
    });
    expect(checkOf(open)?.status).not.toBe("completed");
    expect(checks()).toHaveLength(2);
  });
});

const RUNS = "actions/list-workflow-runs-for-repo";

async function openSite(options: Partial<SiteOptions> = {}): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-lost-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const controller = `lost${randomBytes(2).toString("hex")}`;
  const site = await startSite({ driver: "fake", folder, controller, ...options });
  onTestFinished(() => site.close());
  return site;
}

function queue(site: Site, count = 1) {
  const job = { labels: [...SITE_LABELS], script: "echo it works" };
  const jobs = Array.from({ length: count }, (_, index) => ({ ...job, name: `job ${index + 1}` }));
  return site.github.queueRun(site.repo, { name: "test", jobs });
}

async function untilOver({ github, repo }: Site): Promise<void> {
  const isOver = () =>
    github.jobs(repo).every((job) => job.status === "completed") &&
    github.checkRuns(repo).length === github.jobs(repo).length &&
    github.checkRuns(repo).every((check) => check.status === "completed");
  await github.until(isOver, LIMIT_MS);
}

const look = async (site: Site): Promise<{ machines: unknown[]; jobs: unknown[] }> =>
  JSON.parse(await site.mayfly("ps", "--json").catch(() => '{"machines":[],"jobs":[]}'));

async function untilOrdered(site: Site): Promise<void> {
  const machines = async () => (await look(site)).machines.length;
  await expect.poll(machines, { timeout: LIMIT_MS, interval: 200 }).toBe(1);
}

async function expectNothingLeft(site: Site): Promise<void> {
  const left = async () => {
    const { machines, jobs } = await look(site);
    return [...(await site.leftovers()), ...site.github.runners(site.repo), ...machines, ...jobs];
  };
  await expect.poll(left, { timeout: LIMIT_MS, interval: 500 }).toEqual([]);
}

async function webOf({ config }: Site): Promise<URL> {
  const { web } = parse(await readFile(config, "utf8")) as { web: { listen: string } };
  return new URL(`http://${web.listen}`);
}

/** The local ends of a process's sockets that listen. See: proc_pid_net(5); the state 0A is "listen", the tenth word the inode. */
async function listening(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder);
  const links = await Promise.all(names.map((name) => readlink(join(folder, name)).catch(() => "")));
  const tables = await Promise.all(["tcp", "tcp6"].map((table) => readFile(`/proc/net/${table}`, "utf8")));
  return tables.flatMap((table) =>
    table.split("\n").flatMap((line) => {
      const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
      return state === "0A" && links.includes(`socket:[${inode}]`) ? [local] : [];
    }),
  );
}
