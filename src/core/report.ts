import { block, clock, code } from "./markdown.ts";
import type { Kept, Story } from "./story.ts";
import type { Failure, Job, Machine } from "./types.ts";
import { forkWords, placeWords, WHY_WORDS } from "./words.ts";

/** What a check run says. It is a projection of the facts: nothing else in the code updates a check run. */
export type CheckRun = {
  /** Changes when, and only when, there is something new that is worth a write at GitHub. */
  digest: string;
  name: string;
  status: "queued" | "in_progress" | "completed";
  conclusion?: Conclusion | undefined;
  startedAt?: number | undefined;
  completedAt?: number | undefined;
  title: string;
  /** Markdown. GitHub allows 65,535 characters in each of both. See: docs.github.com, REST, "Create a check run". */
  summary: string;
  text?: string | undefined;
  /** Buttons, which GitHub shows once the check run is completed. */
  actions: readonly CheckAction[];
};

/** At most 20, 40 and 20 characters. See: docs.github.com, REST, "Create a check run", `actions`. */
export type CheckAction = { label: string; description: string; identifier: string };

/** What the buttons send. See: app.ts. */
export const RETRY = "retry";
export const APPROVE = "approve";
const APPROVE_FORK = { label: "Approve", description: "Let this commit of a fork run", identifier: APPROVE };
const RETRY_WAITING = { label: "Retry", description: "Make machines for this job again", identifier: RETRY };
const RETRY_ENDED = { label: "Retry", description: "Run this job again", identifier: RETRY };

export type Conclusion = "success" | "failure" | "neutral" | "cancelled" | "action_required";

/**
 * Names the stage that a check run is to show. At most four differ for a job that goes well: waiting, booting, running, done.
 * NB: it never goes back from booting to waiting, when another job takes a machine on its way.
 */
export function digestOf(job: Job, story: Story): string {
  switch (story.is) {
    case "held":
    case "looked-at":
    case "waiting":
      return job.check?.digest === `booting/${job.tries}` ? job.check.digest : `waiting/${job.tries}`;
    case "booting":
      return `booting/${job.tries}`;
    case "running":
      return "running";
    case "given-up":
    case "refused":
    case "unapproved":
    case "unserved":
    case "no-access":
      return story.is;
    case "done":
      return `done/${job.conclusion ?? "unknown"}`;
  }
}

/**
 * How much a check run is worth at this stage, 0 most, when GitHub does not take all: one that is open must end, and a failure be seen;
 * that a job waits need not be told.
 */
export function worthOf(job: Job, story: Story): number {
  switch (story.is) {
    case "given-up":
    case "unapproved":
      return 0;
    case "done":
    case "refused":
    case "unserved":
    case "no-access":
      return job.check || (story.is === "done" && conclusionOf(job) === "failure") ? 0 : 1;
    case "running":
      return 2;
    case "booting":
      return 3;
    case "waiting":
    case "looked-at":
    case "held":
      return 4;
  }
}

export const isLastDigest = (digest: string): boolean => digest.startsWith("done/");

/** What the check run of a job says at this stage. */
export function report(job: Job, story: Story, digest: string, now: number): CheckRun {
  const base = { digest, name: `Mayfly: ${job.name}`, text: evidenceText(job), actions: [] };
  const summary = [headline(job, story, now), stages(job, story.machine), limitText(job), failureText(job)]
    .filter((part) => part !== "")
    .join("\n\n");
  const title = titleOf(job, story, now);
  switch (story.is) {
    case "held":
    case "looked-at":
    case "waiting":
    case "booting":
      return { ...base, status: "queued", title, summary };
    case "running":
      return { ...base, status: "in_progress", startedAt: job.startedAt, title, summary };
    case "given-up":
      return {
        ...base,
        status: "completed",
        conclusion: "failure",
        completedAt: job.gaveUpAt ?? now,
        title,
        summary,
        actions: [RETRY_WAITING],
      };
    case "refused":
    case "unapproved":
      return { ...base, ...keptOut(story), completedAt: now, title, summary };
    case "unserved":
    case "no-access":
      return { ...base, status: "completed", conclusion: "neutral", completedAt: now, title, summary };
    case "done":
      return {
        ...base,
        status: "completed",
        conclusion: conclusionOf(job),
        startedAt: job.startedAt,
        completedAt: job.doneAt ?? now,
        title,
        summary,
        actions: conclusionOf(job) === "failure" ? [RETRY_ENDED] : [],
        ...(story.kept ? keptOut(story.kept) : {}),
      };
  }
}

/** NB: a job that is refused is nobody's fault and holds up no merge; one that waits for a person has to be seen. */
const keptOut = ({ is }: Kept) =>
  is === "unapproved"
    ? { status: "completed" as const, conclusion: "action_required" as const, actions: [APPROVE_FORK] }
    : { status: "completed" as const, conclusion: "neutral" as const, actions: [] };

/** NB: it says how Mayfly did, not how the job did: a job that fails by itself has its own red mark. */
function conclusionOf(job: Job): Conclusion {
  if (job.conclusion === "success") return "success";
  if (isMachineFault(job) || wasGivenUp(job)) return "failure";
  return job.conclusion === "cancelled" ? "cancelled" : "neutral";
}

/** For good: it has not run after all. */
const wasGivenUp = ({ gaveUpAt, startedAt }: Job): boolean =>
  gaveUpAt !== undefined && startedAt === undefined;

/** The machine that ran the job is the one that failed, and the job with it. */
const isMachineFault = ({ failure, ranOn, conclusion }: Job): boolean =>
  failure !== undefined && failure.machine === ranOn && conclusion !== "success";

function titleOf(job: Job, story: Story, now: number): string {
  switch (story.is) {
    case "held":
      return "Held back by GitHub until it is approved";
    case "looked-at":
      return "Being looked at";
    case "refused":
      return "Refused: a pull request from a fork";
    case "unapproved":
      return "Waits for approval: a pull request from a fork";
    case "waiting":
      return capital(placeWords(story.place, story.blocked, now));
    case "booting":
      return `Booting ${story.machine?.image ?? "a machine"}${job.tries > 0 ? `, try ${job.tries + 1}` : ""}`;
    case "running":
      return `Running on ${imageWords(job, story.machine)}`;
    case "given-up":
      return givenUpTitle(job);
    case "unserved":
      return "Not served by Mayfly any more";
    case "no-access":
      return "Mayfly is not installed here any more";
    case "done":
      return story.kept ? keptTitle(story.kept) : doneTitle(job, story.machine);
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

function headline(job: Job, story: Story, now: number): string {
  switch (story.is) {
    case "held":
      return "GitHub holds this job back, for instance until its environment is approved.";
    case "looked-at":
      return "Mayfly asks GitHub whether the job comes from a fork.";
    case "refused":
    case "unapproved":
      return `${forkWords(story, code)} ${WHILE_KEPT[story.is]}`;
    case "waiting":
      return `The job waits for a machine: ${placeWords(story.place, story.blocked, now)}.`;
    case "booting":
      return `Machine ${code(story.machine?.name ?? "")} is on its way.`;
    case "running":
      return `The job runs on ${code(job.ranOn ?? "")}.`;
    case "given-up":
      return `${job.gaveUpCause ?? ""} So Mayfly makes no more machines for this job. Press Retry once the cause is mended; a job that nobody cancels is ended by GitHub after 24 hours.`;
    case "no-access":
      return "The App was removed from this repository, or suspended.";
    case "unserved":
      return "No image fits the job's labels any more: Mayfly's catalogue has changed. GitHub ends the job after 24 hours; cancel it, or have its labels served again.";
    case "done":
      return story.kept ? keptHeadline(job, story.kept) : doneHeadline(job);
  }
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

function stages(job: Job, machine: Machine | undefined): string {
  const rows = stagesOf(job, machine).map(
    ({ stage, at, tookMs }) =>
      `| ${stage} | ${timeOfDay(at)} | ${clock(at - job.queuedAt)} | ${clock(tookMs)} |`,
  );
  return ["| Stage | Time (UTC) | Since queued | Took |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** `tookMs`: since the stage before. */
export type Stage = { stage: string; at: number; tookMs: number };

/**
 * The stages that a job has come to.
 * NB: some times are GitHub's, in whole seconds, and some are of our last look; a stage is never shown as before the one it follows.
 */
export function stagesOf(job: Job, machine: Machine | undefined): Stage[] {
  const times: [string, number | undefined][] = [
    ["Queued", job.queuedAt],
    ["Machine ordered", machine?.startedAt],
    ["Guest ready", machine?.askedAt],
    ["Runner registered", machine?.configuredAt],
    ["Job started", job.startedAt],
    ["Job ended", job.doneAt],
    ["VM destroyed", machine?.destroyedAt],
  ];
  return inTurn(times);
}

/** What has happened, each with the time since the one before. */
export function inTurn(times: readonly [string, number | undefined][]): Stage[] {
  const stages: Stage[] = [];
  for (const [stage, known] of times) {
    if (known === undefined) continue;
    const before = stages.at(-1)?.at ?? known;
    const at = Math.max(known, before);
    stages.push({ stage, at, tookMs: at - before });
  }
  return stages;
}

/** NB: a job that ran already when GitHub set the limit had not to wait for it. */
function limitText({ limited, startedAt }: Job): string {
  if (!limited || (startedAt !== undefined && startedAt < limited.at)) return "";
  return `GitHub limited Mayfly's calls from ${timeOfDay(limited.at)} to ${timeOfDay(limited.until)} (UTC); the job may have waited for that.`;
}

const timeOfDay = (at: number): string => new Date(at).toISOString().slice(0, 19).replace("T", " ");

function failureText(job: Job): string {
  const { failure } = job;
  if (!failure) return "";
  const tries = job.tries > 0 ? `**Failed machines so far: ${job.tries}.** ` : "";
  return `${tries}The last one was ${code(failure.machine)} (image ${code(failure.image)}). ${WHY_WORDS[failure.why]}${causeWords(failure)}`;
}

/** In each of summary and text GitHub takes 65,535 characters, and answers 422 to more. */
const CAUSE_CHARACTERS = 4000;
const TAIL_CHARACTERS = 16_000;

const causeWords = ({ text }: Failure): string =>
  text === "" ? "" : `\n\n${block(text.slice(0, CAUSE_CHARACTERS))}`;

function evidenceText({ failure }: Job): string | undefined {
  if (!failure?.tail) return undefined;
  return `Last words of ${code(failure.machine)}:\n\n${block(failure.tail.slice(-TAIL_CHARACTERS))}\n\nThe whole evidence is kept on the controller, in the folder ${code(`evidence/${failure.machine}`)}.`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
