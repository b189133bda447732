import { ALL } from "./facts.ts";
import type { Match } from "./labels.ts";
import { list, ordinal } from "./markdown.ts";
import type { Blocked } from "./pools.ts";
import type { Kept } from "./story.ts";
import type { Job, Why } from "./types.ts";

/** Why a machine was retired, as a sentence for people. */
export const WHY_WORDS: Record<Why, string> = {
  finished: "The machine has done its job.",
  surplus: "No job needed the machine any more.",
  stranger: "The machine was left over from an earlier run of the controller.",
  operator: "An operator destroyed the machine.",
  drained: "Its host is being emptied.",
  uninstalled: "Its repository has removed the App, or suspended it.",
  fork: "GitHub gave its runner to a fork's job that may not run here, so its VM was ended.",
  "no-room": "Its host had no room for the VM after all.",
  lost: "The VM was ordered, and never appeared on its host.",
  "boot-failed": "The VM could not be made.",
  "boot-timeout": "The VM did not finish booting in time: its guest program never called.",
  "vm-died": "The VM powered off or vanished before the job's end was known.",
  "guest-lost": "The VM booted, and then fell silent.",
  "guest-failed": "The guest program could not run the job's runner.",
  "runner-outdated": "GitHub refuses the image's runner, since its version is too old.",
  "runner-timeout": "The runner was registered and never came online.",
  "runner-lost": "The runner was online and lost its connection to GitHub.",
  "no-job": "The runner ended without having had a job.",
  "job-limit": "The job ran longer than the image allows, so its VM was ended.",
};

/** Why no machine is ordered just now, as the rest of a sentence. */
export function blockedWords(blocked: Blocked, now: number): string {
  switch (blocked.why) {
    case "hosts-full":
      return `${list(blocked.hosts)} ${isOrAre(blocked.hosts)} full${blocked.isByQuota ? " by quota" : ""}`;
    case "hosts-refuse":
      return `${list(blocked.hosts)} ${blocked.hosts.length === 1 ? "refuses" : "refuse"} (${blocked.text}), next try in ${secondsUntil(blocked.until, now)} s`;
    case "image-refused":
      return `the image cannot be had on ${list(blocked.hosts)} (${blocked.text}), next try in ${secondsUntil(blocked.until, now)} s`;
    case "image-ended":
      return `the image has ended on ${list(blocked.hosts)}: it may not be used any more`;
    case "hosts-drained":
      return `${list(blocked.hosts)} ${isOrAre(blocked.hosts)} drained`;
    case "hosts-unreachable":
      return `${list(blocked.hosts)} cannot be reached`;
    case "image-limit":
      return blocked.limit === 1
        ? "the image's one seat is taken"
        : `the image's limit of ${blocked.limit} machines is reached`;
    case "repository-limit":
      return `the repository's limit of ${blocked.limit} ${blocked.limit === 1 ? "machine" : "machines"} is reached`;
    case "paused":
      if (blocked.repo === ALL) return "all orders are paused";
      return `${blocked.repo} is paused${blocked.by === "settings" ? " by its settings" : ""}`;
    case "backoff":
      return `${blocked.failures === 1 ? "the last machine" : `the last ${blocked.failures} machines`} failed, next try in ${secondsUntil(blocked.until, now)} s`;
    case "probe":
      return `the last ${blocked.failures} machines failed, so one is tried at a time`;
  }
}

const secondsUntil = (at: number, now: number): number => Math.max(1, Math.ceil((at - now) / 1000));

const isOrAre = (hosts: readonly string[]): string => (hosts.length === 1 ? "is" : "are");

/** NB: GitHub tells of each of these in the same word. See: github/job-seen.ts. */
export const HELD_WORDS =
  "GitHub holds the job back: its environment has to be approved first, or another run of its concurrency group has to end.";

/** `2nd in the queue: lab1 is full`. */
export const placeWords = (place: number, blocked: Blocked | undefined, now: number): string =>
  blocked
    ? `${ordinal(place)} in the queue: ${blockedWords(blocked, now)}`
    : `${ordinal(place)} in the queue`;

type Mismatch = Extract<Match, { image: undefined }>;

/** Why labels lead to no image, as a sentence. `show`: how a name from outside is shown. */
export function mismatchWords(
  match: Mismatch,
  { repo, labels }: Pick<Job, "repo" | "labels">,
  show: (name: string) => string = (name) => name,
): string {
  const asked = list(labels.map(show));
  switch (match.why) {
    case "not-served":
      return `${show(repo)} is not among the repositories of this controller. Add it under "repositories" in mayfly.yml.`;
    case "only-generic":
      return `It asks for general labels only (${asked}). Mayfly takes a job that asks for at least one label of an image's own.`;
    case "unknown-label":
      if (match.label === undefined) return `No one image has all of its labels (${asked}).`;
      return `No image has the label ${show(match.label)}${match.nearest === undefined ? "." : `; the nearest is ${show(match.nearest)}.`}`;
  }
}

/** Why a job of a fork is kept out, in sentences. `show`: how a name from outside is shown. */
export function forkWords({ is, from }: Kept, show: (name: string) => string = (name) => name): string {
  const origin = `Its pull request comes from ${from === undefined ? "a fork that is gone" : `the fork ${show(from)}`}`;
  if (is === "unapproved") return `${origin}, so somebody who may write to the repository has to let it run.`;
  return `${origin}, and this repository's machines run nothing from forks. Somebody who may write to the repository can push the commits to a branch of it. "forks: approve" makes such jobs wait for a person instead: in the repository's settings, if Mayfly's operator lets them, or else in mayfly.yml.`;
}
