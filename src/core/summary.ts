import { curesFor } from "./cures.ts";
import type { State } from "./facts.ts";
import { holdWords } from "./holds.ts";
import { matchLabels } from "./labels.ts";
import type { TartImage } from "./macs.ts";
import { block, cell, clock, code, link } from "./markdown.ts";
import { stagesOf } from "./stages.ts";
import type { Kept, Story } from "./story.ts";
import { isMachineFault, type TitleContext, wasGivenUp, wasStopped } from "./title.ts";
import type { Box, Failure, Host, Image, Job, Machine, MachineName } from "./types.ts";
import { forkWords, HELD_WORDS, mismatchWords, placeWords, WHY_WORDS } from "./words.ts";

export type SummaryContext = TitleContext & {
  /** Where the pages are, if anybody can sign in there. */
  publicUrl: string | undefined;
  state: Pick<State, "holds" | "machines">;
};

/** What a check run says below its title, as Markdown. */
export function summaryOf(job: Job, story: Story, context: SummaryContext): string {
  const parts = [
    headline(job, story, context),
    stageTable(job, story.machine),
    placeTable(story.machine, context),
    limitText(job),
    failureText(job, context),
    holdWords(job, story.machine, context, code).join(" "),
    links(job, story.machine, context),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function headline(job: Job, story: Story, context: SummaryContext): string {
  switch (story.is) {
    case "held":
      return HELD_WORDS;
    case "looked-at":
      return "Mayfly asks GitHub whether the job comes from a fork.";
    case "refused":
    case "unapproved":
      return `${forkWords(story, code)} ${WHILE_KEPT[story.is]}`;
    case "waiting":
      return `The job waits for a machine: ${placeWords(story.place, story.blocked, context.now)}.`;
    case "booting":
      return bootingHeadline(story.machine, context);
    case "running":
      if (wasStopped(job, story)) return `The job began on ${code(job.ranOn ?? "")}. ${STOPPED}`;
      return `The job runs on ${code(job.ranOn ?? "")}.`;
    case "given-up":
      return `${job.gaveUpCause ?? ""} So Mayfly makes no more machines for this job. Press Retry once the cause is mended; a job that nobody cancels is ended by GitHub after 24 hours.`;
    case "no-access":
      return "The App was removed from this repository, or suspended.";
    case "unserved":
      return unservedHeadline(job, story, context);
    case "done":
      if (wasStopped(job, story)) return `${doneHeadline(job)} ${STOPPED}`;
      return story.kept ? keptHeadline(job, story.kept) : doneHeadline(job);
  }
}

const STOPPED =
  "It comes from a fork's pull request that may not run here, or that nobody had approved; GitHub had given it the machine of another job. So Mayfly ended the machine, and had the run cancelled. Where such jobs wait for approval, run it again at GitHub and press **Approve** then.";

/** NB: nothing is written while the machine boots, so the time at which it should be ready says more than the time that is left. */
function bootingHeadline(machine: Machine | undefined, { boots, now }: SummaryContext): string {
  if (!machine) return "A machine is on its way.";
  const isOnItsWay = `Machine ${code(machine.name)} is on its way`;
  if (machine.askedAt !== undefined) return `${isOnItsWay}: it has booted.`;
  const usualMs = boots.get(machine.image);
  if (usualMs === undefined) return `${isOnItsWay}.`;
  const readyAt = (machine.startedAt ?? now) + usualMs;
  const rest = `Machines of its image take about ${clock(usualMs)} to boot`;
  if (readyAt < now) return `${isOnItsWay}. ${rest}, so this one is late.`;
  return `${isOnItsWay}. ${rest}, so it should be ready at about ${timeOfDay(readyAt).slice(11)} (UTC).`;
}

function unservedHeadline(job: Job, story: Story, { catalogue }: SummaryContext): string {
  const match = matchLabels(job.labels, job.repo, catalogue);
  const why = match.image ? "Mayfly's catalogue has changed." : mismatchWords(match, job, code);
  const cures = curesFor(job, story, catalogue).join(" ");
  return `${why} No machine is made for the job, and GitHub ends it after 24 hours. ${cures}`.trim();
}

const WHILE_KEPT: Record<Kept["is"], string> = {
  refused:
    "GitHub ends the job after 24 hours. As soon as another job needs a machine like it, Mayfly cancels the whole run, since GitHub could give the machine to this job.",
  unapproved:
    "Look at what it changes, workflows too, and press **Approve**, which takes the right to write to this repository: the jobs of this attempt of the run then get machines. As soon as another job needs a machine like it, Mayfly cancels the whole run, since GitHub could give the machine to this job; Approve then runs it again.",
};

function keptHeadline(job: Job, kept: Kept): string {
  const end = `The job ended as ${code(job.conclusion ?? "unknown")}; no machine ran it.`;
  const why =
    job.runCancelledAt === undefined
      ? ""
      : " Mayfly had its run cancelled, so that GitHub could not give it the machine of another job.";
  const then =
    kept.is === "unapproved"
      ? " To run the commit after all, look at what it changes, workflows too, and press **Approve**: the run is then run again."
      : "";
  return `${end}${why}\n\n${forkWords(kept, code)}${then}`;
}

function doneHeadline(job: Job): string {
  const end = `The job ended as ${code(job.conclusion ?? "unknown")}`;
  if (wasGivenUp(job)) return `${end}, after it had been given up. ${job.gaveUpCause ?? ""}`.trim();
  if (isMachineFault(job)) return `${end}, since its machine ${code(job.ranOn ?? "")} failed.`;
  return job.ranOn === undefined ? `${end}. No machine ran it.` : `${end} on ${code(job.ranOn)}.`;
}

function stageTable(job: Job, machine: Machine | undefined): string {
  const rows = stagesOf(job, machine).map(
    ({ stage, at, tookMs }) =>
      `| ${stage} | ${timeOfDay(at)} | ${clock(at - job.queuedAt)} | ${clock(tookMs)} |`,
  );
  return ["| Stage | Time (UTC) | Since queued | Took |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** Where it runs, and on what. NB: the catalogue may have changed since the machine was made. */
function placeTable(machine: Machine | undefined, { catalogue, publicUrl }: SummaryContext): string {
  if (!machine) return "";
  const image = catalogue.images.find(({ name }) => name === machine.image);
  const host = catalogue.hosts.find(({ name }) => name === machine.host);
  const rows = [
    ["Machine", linkTo(publicUrl, machinePath(machine.name), cell(machine.name))],
    ["Host", cell(machine.host)],
    ["Image", `${cell(machine.image)}${image ? originWords(image, host, machine) : ""}`],
    ...(machine.runnerVersion === undefined ? [] : [["Runner", cell(machine.runnerVersion)]]),
  ];
  const lines = rows.map(([what, value]) => `| ${what} | ${value} |`);
  return ["| Where | |", "| --- | --- |", ...lines].join("\n");
}

const DIGEST_CHARACTERS = 12;

function originWords(
  { box, tartImage }: Image,
  host: Host | undefined,
  { cloudImage, trial }: Machine,
): string {
  if (host?.driver === "openstack") {
    const id = cloudImage ?? trial;
    return `${id === undefined ? "" : `, cloud image ${cell(id)}`}${trial === undefined ? "" : " (a candidate)"}`;
  }
  if (host?.driver === "tart" || host?.driver === "orchard") return tartImage ? tartWords(tartImage) : "";
  return box ? boxWords(box) : "";
}

/** NB: the path of a box's file is the operator's affair, and tells nothing of what is in it. */
function boxWords({ name, version, file, sha256 }: Box): string {
  if (file !== undefined) return sha256 ? `, box of SHA-256 ${cell(sha256.slice(0, DIGEST_CHARACTERS))}` : "";
  return `, box ${cell(name)}${version === undefined ? "" : ` ${cell(version)}`}`;
}

function tartWords({ name, digest }: TartImage): string {
  const sha256 = digest?.slice("sha256:".length, "sha256:".length + DIGEST_CHARACTERS);
  return `, tart image ${cell(name)}${sha256 === undefined ? "" : ` of SHA-256 ${cell(sha256)}`}`;
}

const linkTo = (publicUrl: string | undefined, path: string, text: string): string =>
  publicUrl === undefined ? text : link(text, `${publicUrl}${path}`);

/** NB: GitHub may have told of the job without its address. */
function links(
  { id, url, failure }: Job,
  machine: Machine | undefined,
  { publicUrl }: SummaryContext,
): string {
  const log = url === "" ? [] : [link("Log at GitHub", url)];
  if (publicUrl === undefined) return log.join("");
  const name = machine?.name ?? failure?.machine;
  const pages = [
    linkTo(publicUrl, `/jobs/${id}`, "Job in Mayfly"),
    ...(name === undefined ? [] : [linkTo(publicUrl, machinePath(name), "Its machine in Mayfly")]),
  ];
  return [...log, ...pages].join(" · ");
}

const machinePath = (name: MachineName): string => `/machines/${encodeURIComponent(name)}`;

/** NB: a job that ran already when GitHub set the limit had not to wait for it. */
function limitText({ limited, startedAt }: Job): string {
  if (!limited || (startedAt !== undefined && startedAt < limited.at)) return "";
  return `GitHub limited Mayfly's calls from ${timeOfDay(limited.at)} to ${timeOfDay(limited.until)} (UTC); the job may have waited for that.`;
}

const timeOfDay = (at: number): string => new Date(at).toISOString().slice(0, 19).replace("T", " ");

function failureText(job: Job, { publicUrl }: SummaryContext): string {
  const { failure, failed = [] } = job;
  if (!failure) return "";
  const tries = job.tries > 0 ? `**Failed machines so far: ${job.tries}.** ` : "";
  const last = `${tries}The last one was ${code(failure.machine)} (image ${code(failure.image)}). ${WHY_WORDS[failure.why]}${causeWords(failure)}`;
  if (failed.length < 2) return last;
  const rows = failed.map(({ machine, at, why }) => {
    const name = linkTo(publicUrl, machinePath(machine), cell(machine));
    return `| ${name} | ${timeOfDay(at)} | ${WHY_WORDS[why]} |`;
  });
  const table = ["| Failed machine | Time (UTC) | Cause |", "| --- | --- | --- |", ...rows].join("\n");
  return `${table}\n\n${last}`;
}

/** In each of summary and text GitHub takes 65,535 characters, and answers 422 to more. */
const CAUSE_CHARACTERS = 4000;
const TAIL_CHARACTERS = 16_000;

const causeWords = ({ text }: Failure): string =>
  text === "" ? "" : `\n\n${block(text.slice(0, CAUSE_CHARACTERS))}`;

/** The evidence of a failure, for the check run's text. */
export function evidenceText({ failure }: Job, { publicUrl }: SummaryContext): string | undefined {
  if (!failure?.tail) return undefined;
  const { machine, tail } = failure;
  const kept = `The whole evidence is kept on the controller, in the folder ${code(`evidence/${machine}`)}`;
  const page =
    publicUrl === undefined ? "." : `; ${linkTo(publicUrl, machinePath(machine), "its page")} shows it.`;
  return `Last words of ${code(machine)}:\n\n${block(tail.slice(-TAIL_CHARACTERS))}\n\n${kept}${page}`;
}
