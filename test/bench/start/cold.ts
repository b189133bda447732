import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import type { Fact } from "../../../src/core/facts.ts";
import { LIBVIRT } from "../../../src/drivers/libvirt-virsh.ts";
import { SITE_LABELS, type Site } from "../../rig/site.ts";
import type { Template } from "./bare.ts";
import { type Starts, virsh } from "./virsh.ts";
import { LIMIT_MS, type Measured, stagesOf, unlessAborted, type Way } from "./way.ts";

const LOOK_MS = 500;
/** From one job to whatever is measured next. NB: Mayfly gets ready for the next job 20 s after an order, which takes CPU. */
const REST_MS = 30_000;

export type ColdParts = {
  site: Site;
  starts: Starts;
  /** Aborted when a machine fails. */
  broken: AbortSignal;
  signal: AbortSignal;
};

/**
 * Mayfly, as it is and at rest: from the webhook of a queued job to the runner's first session. The first machine, for which the box is taken in,
 * is made here; what it was made of is the template for bare ones.
 */
export async function coldWay(parts: ColdParts): Promise<{ way: Way; template: Template }> {
  const { site, signal } = parts;
  const first = await serveOne(parts, "sleep 5");
  const template = await readTemplate(first.machine);
  await untilNothingIsLeft(site, first.job, signal);
  await sleep(REST_MS, undefined, { signal });
  return { way: { name: "cold", measure: (abort) => measure({ ...parts, signal: abort }) }, template };
}

async function measure(parts: ColdParts): Promise<Measured> {
  const { job, machine, queuedAt, onlineAt } = await serveOne(parts, "true");
  const runningAt = await parts.starts.of(machine);
  await untilNothingIsLeft(parts.site, job, parts.signal);
  await sleep(Math.max(0, queuedAt + REST_MS - Date.now()), undefined, { signal: parts.signal });
  const at = timesOf(join(parts.site.data, "mayfly.sqlite"), machine);
  return stagesOf(queuedAt, {
    "VM ordered": at("machine-started"),
    "VM running": runningAt,
    "guest asked": at("guest-asked"),
    "guest answered": at("machine-configured"),
    "runner online": onlineAt,
  });
}

type Served = { job: number; machine: string; queuedAt: number; onlineAt: number };

/** Queues a job, and waits until its runner is online. */
async function serveOne({ site, broken, signal }: ColdParts, script: string): Promise<Served> {
  const { github, repo, mayfly } = site;
  const online = () => github.runners(repo).find(({ session }) => session !== undefined);
  const queuedAt = Date.now();
  const run = github.queueRun(repo, {
    name: "bench",
    jobs: [{ name: "bench", labels: [...SITE_LABELS], script }],
  });
  const [job = 0] = run.jobs;
  await unlessAborted(
    github.until(() => online() !== undefined, LIMIT_MS),
    AbortSignal.any([signal, broken]),
  ).catch(async (cause: unknown) => {
    throw new Error(`no runner came\n${await mayfly("why", `${job}`)}\n${await readEvidence(site.data)}`, {
      cause,
    });
  });
  const onlineAt = Date.now();
  return { job, machine: online()?.name ?? "", queuedAt, onlineAt };
}

/** All that Mayfly has kept of machines that failed. */
async function readEvidence(data: string): Promise<string> {
  const folder = join(data, "evidence");
  const paths = existsSync(folder) ? await readdir(folder, { recursive: true }) : [];
  const texts = paths
    .filter((path) => path.endsWith(".log"))
    .map(async (path) => `--- ${path}\n${await readFile(join(folder, path), "utf8")}`);
  return (await Promise.all(texts)).join("\n");
}

async function untilNothingIsLeft(
  { github, repo, leftovers }: Site,
  job: number,
  signal: AbortSignal,
): Promise<void> {
  const isOver = () =>
    github.job(job).status === "completed" &&
    github.checkRuns(repo).every(({ status }) => status === "completed");
  await unlessAborted(github.until(isOver, LIMIT_MS), signal);
  while ((await leftovers()).length > 0) await sleep(LOOK_MS, undefined, { signal });
}

/** When each fact about a machine was, as Mayfly itself has written it down. */
function timesOf(store: string, machine: string): (kind: Fact["kind"]) => number | undefined {
  const db = new Database(store, { readonly: true });
  try {
    const rows = db
      .prepare<[string], { kind: string; at: number }>(
        "SELECT kind, at FROM fact WHERE machine = ? ORDER BY seq",
      )
      .all(machine);
    return (kind) => rows.find((row) => row.kind === kind)?.at;
  } finally {
    db.close();
  }
}

/** What libvirt has of a VM that Mayfly made: its definition as of the next start, and its disk. */
async function readTemplate(machine: string): Promise<Template> {
  const domain = await virsh("dumpxml", "--inactive", machine);
  const disk = await virsh("vol-dumpxml", "--pool", LIBVIRT.pool, `${machine}.img`);
  return { machine, domain, disk };
}
