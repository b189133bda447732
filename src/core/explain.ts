import { matchLabels } from "./labels.ts";
import { list } from "./markdown.ts";
import type { Story } from "./story.ts";
import { wasStopped } from "./title.ts";
import type { Catalogue, Job, Machine } from "./types.ts";
import { forkWords, HELD_WORDS, mismatchWords, placeWords, WHY_WORDS } from "./words.ts";
import type { World } from "./world.ts";

/** The phase of a machine that people see. It is computed, never stored. */
export type Phase =
  | "ordered"
  | "booting"
  | "ready"
  | "registered"
  | "working"
  | "ended"
  | "leaving"
  | "destroyed";

export function phaseOf(machine: Machine): Phase {
  if (machine.destroyedAt !== undefined) return "destroyed";
  if (machine.retired) return "leaving";
  if (machine.endedAt !== undefined) return "ended";
  if (machine.workingAt !== undefined) return "working";
  if (machine.configuredAt !== undefined) return "registered";
  if (machine.askedAt !== undefined) return "ready";
  return machine.startedAt === undefined ? "ordered" : "booting";
}

/** Answers "why is my job not running?" in sentences, the most important first. */
export function explainJob(job: Job, story: Story, catalogue: Catalogue, now: number): string[] {
  return [
    ...explainLabels(job, catalogue),
    ...explainStory(job, story, now),
    ...explainQueue(story),
    ...explainFailure(job),
  ];
}

/** That GitHub refuses Mayfly's calls for the job's installation just now, and what that means for the job. */
export function explainLimit(job: Job, story: Story, { state, now }: Pick<World, "state" | "now">): string[] {
  const until = state.limited.get(job.installation)?.until ?? 0;
  if (until <= now) return [];
  const time = new Date(until).toISOString().slice(11, 19);
  return [`GitHub limits Mayfly's calls for this installation until ${time} (UTC); ${limitMeans(story)}.`];
}

function limitMeans({ is, machine }: Story): string {
  if (is !== "waiting" && is !== "booting") return "what its check run says may be late";
  const isReady = machine?.askedAt !== undefined && machine.configuredAt === undefined;
  return isReady
    ? "the machine is ready and waits for its registration"
    : "machines boot meanwhile, and are registered then";
}

/** Why these labels lead to no image; nothing if they lead to one. */
export function explainLabels(job: Pick<Job, "labels" | "repo">, catalogue: Catalogue): string[] {
  const match = matchLabels(job.labels, job.repo, catalogue);
  if (match.image) return [`Its labels (${list(job.labels)}) lead to the image ${match.image.name}.`];
  return [mismatchWords(match, job)];
}

function explainStory(job: Job, story: Story, now: number): string[] {
  switch (story.is) {
    case "held":
      return [HELD_WORDS];
    case "looked-at":
      return ["GitHub is being asked whether it comes from a fork. It gets a machine if it does not."];
    case "refused":
      return [forkWords(story)];
    case "unapproved":
      return [forkWords(story)];
    case "waiting":
      return story.blocked
        ? [`It is ${placeWords(story.place, story.blocked, now)}.`]
        : ["A machine is about to be ordered."];
    case "booting":
      return story.machine
        ? [`Machine ${story.machine.name} is on its way (${phaseOf(story.machine)}).`]
        : [];
    case "running":
      if (wasStopped(job, story)) return [WHY_WORDS.fork];
      return [`It runs on ${job.ranOn ?? "a runner whose name GitHub has not told yet"}.`];
    case "given-up":
      return [`It was given up. ${job.gaveUpCause ?? ""}`.trim()];
    case "no-access":
      return [`The App is not installed on ${job.repo}, or it is suspended there.`];
    case "unserved":
      return [];
    case "done":
      return [
        `It is done: ${job.conclusion ?? "unknown"}.`,
        ...(wasStopped(job, story) ? [WHY_WORDS.fork] : []),
      ];
  }
}

function explainQueue({ behind }: Story): string[] {
  if (behind === undefined) return [];
  return [
    `No runner is registered for it before job ${behind} has left GitHub's queue: it may not run here, or has to be looked up, and GitHub could give it the runner.`,
  ];
}

function explainFailure({ failure }: Job): string[] {
  if (!failure) return [];
  const { machine, why, text } = failure;
  return [`The last machine that failed was ${machine}. ${WHY_WORDS[why]}${text === "" ? "" : ` ${text}`}`];
}
