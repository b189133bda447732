import { setImmediate as letOthersIn } from "node:timers/promises";
import { matchLabels } from "../core/labels.ts";
import { waitsSince } from "../core/measure.ts";
import { parseName } from "../core/name.ts";
import type { Catalogue, Job, Machine, MachineName, RepoName } from "../core/types.ts";
import { type Span, type Usage, usageOf, wasOurs } from "../core/usage.ts";
import type { World } from "../core/world.ts";
import type { ClosedJob, Store } from "../ports.ts";

/** A job of ours that is over. Times are epoch milliseconds. */
export type PastJob = Pick<Job, "id" | "repo" | "name" | "workflow" | "url" | "queuedAt"> & {
  image: string | undefined;
  /** From its queueing to its start; undefined: it never started. */
  waitedMs: number | undefined;
  ranMs: number | undefined;
  conclusion: string;
  gaveUp: boolean;
  machine: MachineName | undefined;
  doneAt: number;
};

export type History = { jobs: PastJob[]; hasMore: boolean };

type HistoryParts = { store: Pick<Store, "closedJobs" | "pastMachines">; world: () => World };

/** Read at a time. NB: reading blocks the process. */
const PAGE = 500;

/** Jobs of ours that are over, newest first. */
export async function answerHistory(
  { since, repo, limit }: { since: number; repo?: RepoName | undefined; limit: number },
  { store, world }: HistoryParts,
): Promise<History> {
  const { catalogue } = world();
  const jobs: PastJob[] = [];
  for await (const job of closedJobs(store, { since, repo })) {
    if (!wasOurs(job, catalogue.controller)) continue;
    if (jobs.length === limit) return { jobs, hasMore: true };
    jobs.push(pastJob(job, catalogue));
  }
  return { jobs, hasMore: false };
}

function pastJob(job: ClosedJob, catalogue: Catalogue): PastJob {
  const { id, repo, name, workflow, url, queuedAt, startedAt, doneAt, ranOn } = job;
  return {
    ...{ id, repo, name, workflow, url, queuedAt },
    image: imageOf(job, catalogue),
    waitedMs: startedAt === undefined ? undefined : Math.max(0, startedAt - waitsSince(job)),
    ranMs: startedAt === undefined || doneAt === undefined ? undefined : Math.max(0, doneAt - startedAt),
    conclusion: job.conclusion ?? "unknown",
    gaveUp: job.gaveUpAt !== undefined,
    machine: ranOn ?? job.failure?.machine,
    doneAt: doneAt ?? job.closedAt,
  };
}

/** The machine's name says its image; of a job that had none its labels do, as far as the catalogue knows them still. */
function imageOf({ ranOn, failure, labels, repo }: Job, catalogue: Catalogue): string | undefined {
  const ran = ranOn === undefined ? "not ours" : parseName(catalogue.controller, ranOn);
  if (ran !== "not ours") return ran.image;
  return failure?.image ?? matchLabels(labels, repo, catalogue).image?.name;
}

/** What each repository used in a month. */
export type Report = {
  month: string;
  /** Epoch milliseconds. */
  from: number;
  to: number;
  /** False: the month is not over, or began before what is known. */
  isWhole: boolean;
  usage: Usage[];
};

/** A job is closed some time after its end: a day at most, see REPORT_MS. */
const CLOSED_LATE_MS = 2 * 24 * 3_600_000;

/** `keptSince`: what is older is not known any more. `month`: `2026-11`, of the calendar in UTC. */
export async function answerReport(
  month: string,
  keptSince: number,
  { store, world }: HistoryParts,
): Promise<Report> {
  const span = monthOf(month);
  const { state, catalogue, now } = world();
  // NB: what is open now may be over before all is read, and would be there twice.
  const jobs = new Map<number, Job>(state.jobs);
  const machines = new Map<MachineName, Machine>(state.machines);
  const before = { closedAt: span.to + CLOSED_LATE_MS, id: 0 };
  for await (const job of closedJobs(store, { since: span.from, before })) jobs.set(job.id, job);
  for await (const machine of pastMachines(store, span.from)) machines.set(machine.name, machine);
  const isWhole = span.to <= now && span.from >= keptSince;
  const rows = { jobs: jobs.values(), machines: machines.values() };
  const usage = usageOf({ ...rows, span, now, controller: catalogue.controller });
  return { month, ...span, isWhole, usage };
}

function monthOf(month: string): Span {
  const [year = 0, number = 0] = month.split("-").map(Number);
  return { from: Date.UTC(year, number - 1), to: Date.UTC(year, number) };
}

type Before = { closedAt: number; id: number };

/** Page after page. */
export async function* closedJobs(
  store: Pick<Store, "closedJobs">,
  which: { since: number; repo?: RepoName | undefined; before?: Before | undefined },
): AsyncGenerator<ClosedJob> {
  for (let before = which.before; ; ) {
    const page = await store.closedJobs({ ...which, before, most: PAGE });
    yield* page;
    before = page.at(-1);
    if (page.length < PAGE) return;
    await letOthersIn();
  }
}

/** NB: one that was there in the month may have been forgotten long after it. */
async function* pastMachines(store: HistoryParts["store"], since: number): AsyncGenerator<Machine> {
  for (let after: { forgottenAt: number; name: MachineName } | undefined; ; ) {
    const page = await store.pastMachines({ since, after, most: PAGE });
    yield* page;
    after = page.at(-1);
    if (page.length < PAGE) return;
    await letOthersIn();
  }
}
