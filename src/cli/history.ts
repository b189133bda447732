import { DURATION, toMs } from "../config/units.ts";
import { askController } from "../control/client.ts";
import type { History, PastJob, Report } from "../control/history.ts";
import { span } from "../core/markdown.ts";
import { SetupError } from "../ports.ts";
import { type AskOptions, socketOf } from "./ask.ts";
import { safe, table } from "./text.ts";

const MOST = 10_000;

/** `mayfly history`. */
export async function history(
  options: AskOptions & { repo?: string; since: string; limit: string },
): Promise<void> {
  const { config, json, repo } = options;
  const query = new URLSearchParams({
    since: String(sinceIn(options.since)),
    limit: String(limitIn(options.limit)),
  });
  if (repo !== undefined) query.set("repo", repo);
  const path = `/history?${query}`;
  const answer = (await askController(socketOf(config), { method: "GET", path })) as History;
  console.log(json ? JSON.stringify(answer, undefined, 2) : safe(historyText(answer, options.since)));
}

/** `mayfly report`. */
export async function report({ config, json, month }: AskOptions & { month?: string }): Promise<void> {
  const query = new URLSearchParams({ month: month ?? new Date().toISOString().slice(0, 7) });
  const path = `/report?${query}`;
  const answer = (await askController(socketOf(config), { method: "GET", path })) as Report;
  console.log(json ? JSON.stringify(answer, undefined, 2) : safe(reportText(answer)));
}

function sinceIn(text: string): number {
  if (DURATION.test(text)) return Date.now() - toMs(text);
  throw new SetupError("--since must be a time with its unit, such as 12h or 7d.");
}

function limitIn(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST) return limit;
  throw new SetupError(`--limit must be a whole number from 1 to ${MOST}.`);
}

function historyText({ jobs, hasMore }: History, since: string): string {
  if (jobs.length === 0) return `No job of Mayfly's has ended in the last ${since}.`;
  const headings = [
    "ENDED (UTC)",
    "REPOSITORY",
    "JOB",
    "NAME",
    "IMAGE",
    "WAITED",
    "RAN",
    "ENDED AS",
    "MACHINE",
  ];
  const more = hasMore ? ["", "There are more: --limit shows them."] : [];
  return [table(headings, jobs.map(jobRow)), ...more].join("\n");
}

function jobRow({
  doneAt,
  repo,
  id,
  name,
  image,
  waitedMs,
  ranMs,
  conclusion,
  gaveUp,
  machine,
}: PastJob): string[] {
  return [
    new Date(doneAt).toISOString().slice(0, 16).replace("T", " "),
    repo,
    String(id),
    name,
    image ?? "",
    waitedMs === undefined ? "" : span(waitedMs),
    ranMs === undefined ? "" : span(ranMs),
    gaveUp ? `${conclusion}, given up` : conclusion,
    machine ?? "",
  ];
}

function reportText({ month, isWhole, usage }: Report): string {
  const note = isWhole
    ? []
    : [
        "",
        `The figures are not those of the whole month: it is not over, or its beginning is not known any more.`,
      ];
  if (usage.length === 0)
    return [`No job of Mayfly's ended in ${month}, and no VM was there.`, ...note].join("\n");
  const seconds = (value: number | undefined) => (value === undefined ? "" : span(value * 1000));
  const rows = usage.map(({ repo, ...one }) => [
    repo === "" ? "(not known)" : repo,
    String(one.jobs),
    one.vmHours.toFixed(2),
    seconds(one.queueP50Seconds),
    seconds(one.queueP95Seconds),
    String(one.machinesFailed),
    String(one.jobsGivenUp),
  ]);
  const headings = ["JOBS", "VM HOURS", "QUEUE P50", "QUEUE P95", "MACHINES FAILED", "JOBS GIVEN UP"];
  return [table([month, ...headings], rows), ...note].join("\n");
}
