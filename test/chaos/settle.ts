import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processesOf } from "../../src/drivers/processes.ts";
import type { CheckRun, Job } from "../rig/github/model.ts";
import type { Arena } from "./arena.ts";
import type { Queued } from "./jobs.ts";

/** Lost webhooks are made up for within some minutes; a runner that died is given up by GitHub after a while. */
const QUIET_MS = 8 * 60_000;
const LOOK_MS = 2000;

/** `unheard`: cancelled before Mayfly had heard of it, since its webhooks were lost. */
export type Ends = { served: number; endedVisibly: number; unheard: number; lost: string[] };

/** Waits until nothing goes on any more, or too long. Answers what is left then. */
export async function untilQuiet(arena: Arena): Promise<string[]> {
  const endsAt = performance.now() + QUIET_MS;
  for (;;) {
    endGivenUp(arena);
    const left = await leftNow(arena);
    if (left.length === 0 || performance.now() > endsAt) return left;
    await sleep(LOOK_MS);
  }
}

/** GitHub ends a job that nobody takes after a day. So long nobody wants to wait here. */
function endGivenUp({ site, tell }: Arena): void {
  const open = site.github.jobs(site.repo).filter(({ status }) => status !== "completed");
  const isGivenUp = (job: Job) => checksOf(job, site.github.checkRuns(site.repo)).some(isGiveUp);
  for (const job of open.filter(isGivenUp)) {
    tell(`job ${job.id} was given up, and is ended`);
    site.github.cancelJob(job.id);
  }
}

const isGiveUp = ({ status, output }: CheckRun): boolean =>
  status === "completed" && output.title?.startsWith("Given up") === true;

const checksOf = (job: Job, checks: readonly CheckRun[]): CheckRun[] =>
  checks.filter(({ externalId }) => externalId === String(job.id));

/** Asks the system, GitHub and Mayfly. */
async function leftNow({ site, vms }: Arena): Promise<string[]> {
  const { github, repo } = site;
  const jobs = github.jobs(repo).filter(({ status }) => status !== "completed");
  const checks = github.checkRuns(repo).filter(({ status }) => status !== "completed");
  const rows = await site
    .mayfly("ps", "--json")
    .then((text): { machines: { name: string; phase: string }[]; jobs: { id: number; text: string }[] } =>
      JSON.parse(text),
    )
    .catch(() => undefined);
  return [
    ...(await vms.names()).map((name) => `VM ${name}`),
    ...(await site.leftovers()),
    ...github.runners(repo).map(({ name }) => `runner ${name}`),
    ...jobs.map(({ id, name, status }) => `job ${id} "${name}" is ${status}`),
    ...checks.map(({ name, status, output }) => `check run "${name}" is ${status}: ${output.title}`),
    ...(rows ? [] : ["mayfly ps does not answer"]),
    ...(rows?.machines ?? []).map(({ name, phase }) => `row of machine ${name}, ${phase}`),
    ...(rows?.jobs ?? []).map(({ id, text }) => `row of job ${id}: ${text}`),
  ];
}

/** What the controller must have taken with it when it ended: processes of Vagrant, and their folders. */
export async function leftAfterEnd({ site }: Arena): Promise<string[]> {
  const host = join(site.data, "hosts/lab1");
  const processes = await processesOf(`VAGRANT_HOME=${join(host, "vagrant")}`, undefined);
  const folders = ["dot", "machines"].map(async (name) =>
    (await readdir(join(host, name)).catch(() => [])).map((entry) => `folder ${name}/${entry}`),
  );
  return [...processes.map((pid) => `process ${pid} of Vagrant`), ...(await Promise.all(folders)).flat()];
}

/** Counts how the jobs ended. Lost is one that did not end as it should, and not by what we did to its machine either. */
export function judge({ site, harmed }: Arena, queued: Queued): Ends {
  const ends: Ends = { served: 0, endedVisibly: 0, unheard: 0, lost: [] };
  const checks = site.github.checkRuns(site.repo);
  for (const [id, { expected }] of queued) {
    const job = site.github.job(id);
    const own = checksOf(job, checks);
    const isTold = own.length > 0 && own.every(({ status }) => status === "completed");
    const isAsMeant = job.conclusion === expected || (expected === "cancelled" && job.status === "completed");
    const isHarmed = job.runner !== undefined && harmed.has(job.runner.name);
    const cause = own.map(({ conclusion, output }) => `${conclusion}: ${output.title}`).join("; ");
    const said = `job ${id} "${job.name}" ended as ${job.conclusion} on ${job.runner?.name}; its check runs: ${cause}`;
    if (own.length === 0 && job.conclusion === "cancelled" && !job.runner) ends.unheard += 1;
    else if (!isTold || own.length > 1) ends.lost.push(said);
    else if (isAsMeant && expected !== "cancelled") ends.served += 1;
    else if (isAsMeant || isHarmed || own.some(isGaveUp)) ends.endedVisibly += 1;
    else ends.lost.push(said);
  }
  return ends;
}

/** NB: the check run of a job that was given up says so no more once the job was cancelled; but that no machine came up, it does. */
const isGaveUp = ({ output, conclusion }: CheckRun): boolean =>
  conclusion === "failure" &&
  /given up|Failed machines|before it started/i.test(`${output.title} ${output.summary}`);
