import { type Match, matchLabels } from "./labels.ts";
import { clock } from "./markdown.ts";
import type { Kept, Story } from "./story.ts";
import type { Catalogue, Job, Machine } from "./types.ts";
import { placeWords } from "./words.ts";

export type TitleContext = {
  now: number;
  catalogue: Catalogue;
  /** What booting usually takes, by image, where enough machines tell. See: likely.ts. */
  boots: ReadonlyMap<string, number>;
};

/** Where a job stands, at a glance: the same on its check run, on the pages and on the command line. */
export function titleOf(job: Job, story: Story, context: TitleContext): string {
  switch (story.is) {
    case "held":
      return "Held back by GitHub";
    case "looked-at":
      return "Being looked at";
    case "refused":
      return "Refused: a pull request from a fork";
    case "unapproved":
      return "Waits for approval: a pull request from a fork";
    case "waiting":
      return capital(placeWords(story.place, story.blocked, context.now));
    case "booting":
      return bootingTitle(job, story.machine, context);
    case "running":
      if (wasStopped(job, story)) return STOPPED;
      return `Running on ${imageWords(job, story.machine)}`;
    case "given-up":
      return givenUpTitle(job);
    case "unserved":
      return unservedTitle(matchLabels(job.labels, job.repo, context.catalogue));
    case "no-access":
      return "Mayfly is not installed here any more";
    case "done":
      if (wasStopped(job, story)) return STOPPED;
      return story.kept ? keptTitle(story.kept) : doneTitle(job, story.machine);
  }
}

const STOPPED = "Stopped: a pull request from a fork";

/** GitHub had given a fork's job, which may not run here, the machine of another. */
export const wasStopped = ({ conclusion }: Job, { machine }: Story): boolean =>
  machine?.retired?.why === "fork" && conclusion !== "success";

/** For good: it has not run after all. */
export const wasGivenUp = ({ gaveUpAt, startedAt }: Job): boolean =>
  gaveUpAt !== undefined && startedAt === undefined;

/** The machine that ran the job is the one that failed, and the job with it. */
export const isMachineFault = ({ failure, ranOn, conclusion }: Job): boolean =>
  failure !== undefined && failure.machine === ranOn && conclusion !== "success";

/** `Booting spinw-linux, 0:18 of about 0:40, try 2`. */
function bootingTitle({ tries }: Job, machine: Machine | undefined, { now, boots }: TitleContext): string {
  const attempt = tries > 0 ? `, try ${tries + 1}` : "";
  if (!machine) return `Booting a machine${attempt}`;
  if (machine.askedAt !== undefined) return `Starting on ${machine.image}${attempt}`;
  const soFar = machine.startedAt === undefined ? 0 : now - machine.startedAt;
  return `Booting ${machine.image}${timeWords(soFar, boots.get(machine.image))}${attempt}`;
}

function timeWords(soFarMs: number, usualMs: number | undefined): string {
  if (usualMs !== undefined) return `, ${clock(soFarMs)} of about ${clock(usualMs)}`;
  return soFarMs < 1000 ? "" : `, ${clock(soFarMs)}`;
}

/** `No image has the label spinw-linx; nearest: spinw-linux`. */
function unservedTitle(match: Match): string {
  if (match.image) return "Not served by Mayfly any more";
  switch (match.why) {
    case "not-served":
      return "This repository is not served by Mayfly";
    case "only-generic":
      return "Asks for general labels only, so it is not for Mayfly";
    case "unknown-label":
      if (match.label === undefined) return "No one image has all of its labels";
      return `No image has the label ${match.label}${match.nearest === undefined ? "" : `; nearest: ${match.nearest}`}`;
  }
}

const keptTitle = ({ is }: Kept): string =>
  is === "refused"
    ? "Refused: a pull request from a fork"
    : "Ended before it was approved: a pull request from a fork";

/** `Given up: 3 machines failed before the job could begin (boot-timeout)`. */
function givenUpTitle({ gaveUpCause = "", failure }: Job): string {
  const cause = gaveUpCause.replace(/\.$/, "");
  return `Given up: ${cause}${failure ? ` (${failure.why})` : ""}`;
}

function doneTitle(job: Job, machine: Machine | undefined): string {
  if (wasGivenUp(job)) return givenUpTitle(job);
  if (isMachineFault(job)) return `The machine failed: ${job.failure?.why}`;
  if (job.startedAt === undefined || job.ranOn === undefined) {
    return job.conclusion === "cancelled" ? "Cancelled before it started" : "Ended before it started";
  }
  const took = clock((job.doneAt ?? job.startedAt) - job.startedAt);
  return `Ran on ${imageWords(job, machine)} for ${took}`;
}

/** A runner that is none of our machines is named as it is. */
const imageWords = (job: Job, machine: Machine | undefined): string =>
  machine?.image ?? job.ranOn ?? "a machine";

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
