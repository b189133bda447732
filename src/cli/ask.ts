import { join } from "node:path";
import { readDataFolder } from "../config.ts";
import type { WhyAnswer } from "../control/answer.ts";
import { askController, CommandFailed } from "../control/client.ts";
import type { HostView, Overview } from "../control/overview.ts";
import { span } from "../core/markdown.ts";
import type { RelayHealth } from "../ports.ts";
import { indent, safe, table } from "./text.ts";
import { watch } from "./watch.ts";

export type AskOptions = { config: string; json?: boolean };

export const socketOf = (file: string): string => join(readDataFolder(file), "control.sock");

/** `mayfly ps`: hosts, pools, machines and jobs. `watch`: again and again. */
export async function ps({ config, json = false, ...more }: AskOptions & { watch?: boolean }): Promise<void> {
  const look = async () =>
    (await askController(socketOf(config), { method: "GET", path: "/ps" })) as Overview;
  if (more.watch) return watch({ look, text: overviewText, news: newsIn, json });
  const overview = await look();
  console.log(json ? JSON.stringify(overview, undefined, 2) : safe(overviewText(overview)));
}

/** NB: the relay pings, and calls are counted, all the time. */
const newsIn = ({ hosts, pools, machines, jobs, relay, setAside }: Overview) => [
  hosts,
  pools,
  machines,
  jobs,
  relay?.isConnected,
  setAside,
];

/** `mayfly why`: sentences, then what has happened. `what`: a job's id, its address at GitHub, or that of its run. */
export async function why(what: string, { config, json }: AskOptions): Promise<void> {
  const job = jobIn(what);
  const path = job === undefined ? `/runs/${runIn(what)}/why` : `/why/${job}`;
  const answer = (await askController(socketOf(config), { method: "GET", path })) as WhyAnswer | WhyAnswer[];
  if (json) return console.log(JSON.stringify(answer, undefined, 2));
  console.log(safe(Array.isArray(answer) ? answer.map(headText).join("\n\n") : whyText(answer)));
}

/** The job's id in what a person wrote: the number itself, or the address of its page. */
export const jobIn = (text: string): string | undefined =>
  /^\d{1,16}$/.exec(text)?.[0] ?? /\/jobs?\/(\d{1,16})(?:[/?#]|$)/.exec(text)?.[1];

/** The same. Throws `CommandFailed` when there is none. */
export function jobOf(text: string): string {
  const id = jobIn(text);
  if (id !== undefined) return id;
  throw new CommandFailed(
    "That is neither the number of a job nor its address. Open the job in the browser: its address ends with /job/ and a number.",
  );
}

function runIn(text: string): string {
  const id = /\/actions\/runs\/(\d{1,16})(?:[/?#]|$)/.exec(text)?.[1];
  if (id !== undefined) return id;
  throw new CommandFailed(
    "That is neither the number of a job nor the address of one or of a run. Open the job in the browser: its address ends with /job/ and a number.",
  );
}

function overviewText({ at, hosts, pools, machines, jobs, ...outside }: Overview): string {
  const ours = jobs.filter(({ isOurs }) => isOurs);
  const others = jobs.length - ours.length;
  const { relay, installations, setAside } = outside;
  return [
    ...(relay ? [relayWords(relay, at)] : []),
    section(
      "HOST",
      ["MACHINES", "STATE"],
      hosts.map((host) => [host.name, `${host.machines} of ${host.limit}`, hostWords(host, at)]),
      "",
    ),
    section(
      "POOL",
      ["IMAGE", "WAITING", "COMING", "WORKING", "HOT"],
      pools.map(({ repo, image, ...counts }) => [
        repo,
        image,
        ...[counts.waiting, counts.coming, counts.working, counts.hot].map(String),
      ]),
      "No pool is in use.",
    ),
    section(
      "MACHINE",
      ["HOST", "PHASE", "AGE", "JOB"],
      machines.map(({ name, host, phase, why, createdAt, job }) => [
        name,
        host,
        why === undefined ? phase : `${phase} (${why})`,
        span(at - createdAt),
        job === undefined ? "" : String(job),
      ]),
      "No machine is there.",
    ),
    section(
      "JOB",
      ["REPOSITORY", "NAME", "QUEUED", "STANDS"],
      ours.map(({ id, repo, name, queuedAt, text }) => [
        String(id),
        repo,
        name,
        `${span(at - queuedAt)} ago`,
        text,
      ]),
      "No job is open.",
    ),
    section(
      "INSTALLATION",
      ["REPOSITORIES", "CALLS LEFT", "GITHUB"],
      installations.map((standing) => installationRow(standing, at)),
      "GitHub has not been asked yet.",
    ),
    ...(setAside === 0
      ? []
      : [
          `Webhooks that failed every try and are set aside until the next start: ${setAside}. The log says why.`,
        ]),
    ...(others === 0 ? [] : [`${others} more open jobs are not for Mayfly: no image fits their labels.`]),
  ].join("\n\n");
}

function installationRow(
  { installation, repositories, calls, limitedUntil }: Overview["installations"][number],
  at: number,
): string[] {
  const left =
    calls && `${calls.left}${calls.limit ? ` of ${calls.limit}` : ""}, anew in ${span(calls.resetAt - at)}`;
  const limit =
    limitedUntil === undefined ? "answers" : `limits our calls for ${span(limitedUntil - at)} more`;
  return [String(installation), repositories.join(", "), left ?? "not known", limit];
}

function section(first: string, rest: string[], rows: string[][], none: string): string {
  return rows.length === 0 ? none : table([first, ...rest], rows);
}

function relayWords({ relay, ...health }: RelayHealth, now: number): string {
  const ago = (at: number | undefined) => (at === undefined ? "none yet" : `${span(now - at)} ago`);
  return [
    `RELAY ${relay}: ${health.isConnected ? "connected" : "not connected"}`,
    `last ping ${ago(health.lastPingAt)}`,
    `last event ${ago(health.lastEventAt)}`,
    ...(health.restarts === 0 ? [] : [`opened again ${health.restarts} times`]),
    ...(health.spoilt === 0 ? [] : [`${health.spoilt} events spoilt`]),
  ].join(", ");
}

function hostWords({ isReachable, isDrained, refusal }: HostView, at: number): string {
  if (refusal && isReachable && !isDrained)
    return `refuses (${refusal.text}), next try in ${span(Math.max(0, refusal.until - at))}`;
  if (!isReachable) return isDrained ? "drained, cannot be reached" : "cannot be reached";
  return isDrained ? "drained" : "ready";
}

const headText = ({ job, title, sentences }: WhyAnswer): string =>
  `${job.name} (job ${job.id} of ${job.repo})\n${job.url}\n\n${title}\n\n${sentences.join("\n")}`;

function whyText(answer: WhyAnswer): string {
  const told = answer.history.map(({ at, text }) => `${new Date(at).toISOString()}  ${text}`);
  return [
    headText(answer),
    ...(told.length === 0 ? [] : [`What has happened\n${indent(told.join("\n"))}`]),
  ].join("\n\n");
}
