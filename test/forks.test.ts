import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { type LogEntry, SITE_LABELS, SITE_REPO, type Site, startSite } from "./rig/site.ts";

/** Pull requests of strangers, on a real controller and an emulated GitHub: who gets a VM, and who does not. */

const LIMIT_MS = 45_000;
const PUBLIC = "octo/public";
const opened: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

/** A site that serves a public repository, too. */
async function openSite(forks?: "approve", onLog?: (entry: LogEntry) => void): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-forks-"));
  opened.push(() => rm(folder, { recursive: true, force: true }));
  const repositories = [
    { name: SITE_REPO, images: ["linux"] },
    { name: PUBLIC, images: ["linux"], ...(forks && { forks }) },
  ];
  const controller = `fork${randomBytes(2).toString("hex")}`;
  const site = await startSite({ driver: "fake", folder, controller, settings: { repositories }, onLog });
  opened.push(() => site.close());
  site.github.addRepository(PUBLIC);
  site.github.addCollaborator(PUBLIC, "mona", "write");
  site.github.addCollaborator(PUBLIC, "eve", "read");
  return site;
}

const JOB = { name: "test", labels: [...SITE_LABELS], script: "echo it works" };
const pullRequest = ({ github }: Site, repo = PUBLIC, count = 1) =>
  github.queueRun(repo, {
    event: "pull_request",
    headRepository: "stranger/spinw",
    actor: "stranger",
    jobs: Array.from({ length: count }, () => JOB),
  });
const push = ({ github }: Site, repo = PUBLIC) => github.queueRun(repo, { jobs: [JOB] });

const checkOf = ({ github }: Site, job = 0) =>
  github.checkRuns(PUBLIC).find(({ externalId }) => externalId === String(job));
const untilTold = (site: Site, job: number | undefined, conclusion: string) =>
  site.github.until(() => checkOf(site, job)?.conclusion === conclusion, LIMIT_MS);
const untilOver = ({ github }: Site, job: number | undefined) =>
  github.until(() => github.job(job ?? 0).status === "completed", LIMIT_MS);
const runsLookedUp = ({ github }: Site) =>
  github.calls.filter(({ operation }) => operation === "actions/get-workflow-run").length;
/** Every runner that GitHub ever registered. */
const registrations = ({ github }: Site) =>
  github.calls.filter(({ operation }) => operation?.startsWith("actions/generate-runner-jitconfig")).length;
const history = async (site: Site, job: number | undefined) => site.mayfly("why", String(job));

describe("a fork's job on a public repository whose rule was not set", () => {
  test("gets no VM and a check run that says so, while jobs of the repository itself are served", {
    timeout: 2 * LIMIT_MS,
  }, async () => {
    const site = await openSite();
    const { jobs } = pullRequest(site);
    await untilTold(site, jobs[0], "neutral");
    const left = site.github.job(jobs[0] ?? 0).status;
    const why = await history(site, jobs[0]);

    // NB: GitHub would give this one's runner to the fork's job, which has waited longer.
    const own = push(site);
    await untilOver(site, own.jobs[0]);

    expect(left).toBe("queued");
    expect(why).toContain("comes from the fork stranger/spinw, and this repository's machines run nothing");
    expect(site.github.job(own.jobs[0] ?? 0).conclusion).toBe("success");
    const refused = site.github.job(jobs[0] ?? 0);
    expect([refused.conclusion, refused.startedAt]).toEqual(["cancelled", undefined]);
    expect(checkOf(site, jobs[0])?.output.title).toBe("Refused: a pull request from a fork");
    expect(registrations(site)).toBe(1);
    expect(site.github.violations).toEqual([]);
  });
});

describe("a fork's job that has to be approved", () => {
  test("waits; a reader's click does nothing, a writer's has it served; the next attempt asks again", {
    timeout: 2 * LIMIT_MS,
  }, async () => {
    const logged: (string | undefined)[] = [];
    const site = await openSite("approve", ({ msg }) => void logged.push(msg));
    const { jobs, runId } = pullRequest(site, PUBLIC, 2);
    const [first = 0, second = 0] = jobs;
    for (const job of jobs) await untilTold(site, job, "action_required");
    const check = checkOf(site, first);

    site.github.requestAction(check?.id ?? 0, "approve", "eve");
    await expect.poll(() => logged.join("\n"), { timeout: LIMIT_MS }).toContain("approve refused");
    const afterReader = [registrations(site), await history(site, first)];

    site.kill();
    site.github.requestAction(check?.id ?? 0, "approve", "mona");
    for (const job of jobs) await untilTold(site, job, "success");

    expect(afterReader).toEqual([0, expect.stringContaining("somebody who may write to the repository")]);
    expect(jobs.map((job) => site.github.job(job).conclusion)).toEqual(["success", "success"]);
    expect(await history(site, first)).toContain(`mona let attempt 1 of its run ${runId} run`);
    expect(site.github.checkRuns(PUBLIC)).toHaveLength(2);

    const again = site.github.rerunJob(second);
    await untilTold(site, again, "action_required");

    expect(registrations(site)).toBe(2);
    expect(runsLookedUp(site)).toBe(2);
    expect(site.github.violations).toEqual([]);
  });

  test("makes way for others, and is run again when it is approved then", {
    timeout: 2 * LIMIT_MS,
  }, async () => {
    const site = await openSite("approve");
    const { jobs, runId } = pullRequest(site);
    await untilTold(site, jobs[0], "action_required");
    const own = push(site);
    await untilOver(site, own.jobs[0]);
    await site.github.until(
      () => checkOf(site, jobs[0])?.output.title?.startsWith("Ended") === true,
      LIMIT_MS,
    );

    site.github.requestAction(checkOf(site, jobs[0])?.id ?? 0, "approve", "mona");
    const newest = () => site.github.jobs(PUBLIC).findLast(({ run }) => run.id === runId);
    await site.github.until(() => newest()?.attempt === 2 && newest()?.status === "completed", LIMIT_MS);

    expect(site.github.job(own.jobs[0] ?? 0).conclusion).toBe("success");
    expect(site.github.job(jobs[0] ?? 0).conclusion).toBe("cancelled");
    expect(newest()?.conclusion).toBe("success");
    expect(site.github.violations).toEqual([]);
  });
});

describe("a fork's job on a private repository whose rule was not set", () => {
  test("is served like any other, and costs no call more", { timeout: 2 * LIMIT_MS }, async () => {
    const site = await openSite();

    const { jobs } = pullRequest(site, SITE_REPO);
    await untilOver(site, jobs[0]);

    expect(site.github.job(jobs[0] ?? 0).conclusion).toBe("success");
    expect(runsLookedUp(site)).toBe(0);
  });
});
