import type { CloudImageSeen } from "./clouds.ts";

const DAY_MS = 24 * 3_600_000;

/**
 * A runner has to be taken to a new version within so many days of that one's release. When the next one comes nobody knows, so days
 * are counted from the release of the image's own runner: an image that was built today may have an old one. Images that do not tell
 * it: from their build. See: docs.github.com, "Self-hosted runners reference", "Runner software updates".
 */
export const RUNNER_DAYS = 30;
/** From this age on people are warned. */
const OLD_DAYS = 20;
/** People are warned so long before an image ends by itself. */
const ENDING_DAYS = 14;

export type Age = {
  /** Whole days since it was built. */
  days?: number | undefined;
  /** Whole days since GitHub released its runner. */
  runnerDays?: number | undefined;
  /** Until GitHub may refuse its runner; below zero: it may do so by now. */
  runnerDaysLeft?: number | undefined;
  /** Until it must not be used any more. */
  daysLeft?: number | undefined;
};

export function ageOf(
  {
    builtAt,
    runnerReleasedAt,
    expiresAt,
  }: Pick<CloudImageSeen, "builtAt" | "runnerReleasedAt" | "expiresAt">,
  now: number,
): Age {
  const daysSince = (at: number | undefined) =>
    at === undefined ? undefined : Math.floor((now - at) / DAY_MS);
  const runnerDays = daysSince(runnerReleasedAt);
  const old = runnerDays ?? daysSince(builtAt);
  return {
    days: daysSince(builtAt),
    runnerDays,
    runnerDaysLeft: old === undefined ? undefined : RUNNER_DAYS - old,
    daysLeft: expiresAt === undefined ? undefined : Math.floor((expiresAt - now) / DAY_MS),
  };
}

/** What is the matter with an image that is in use, in sentences. */
export function ageWords(image: CloudImageSeen, host: string, now: number): string[] {
  if (image.standing === "old") return [];
  const age = ageOf(image, now);
  const { daysLeft } = age;
  const name = `The ${image.standing} cloud image of ${image.family} on ${host}`;
  const sentences = runnerWords(name, age, { thing: "image", page: "openstack/README.md" });
  if (daysLeft !== undefined && daysLeft < ENDING_DAYS) {
    sentences.push(
      daysLeft < 0
        ? `${name} has ended, so no machine is made from it. Build it anew (openstack/README.md).`
        : `${name} ends in ${plural(daysLeft, "day")}. Build it anew (openstack/README.md).`,
    );
  }
  return sentences;
}

/** NB: building anew helps only if there is a newer runner to build with. */
function runnerWords(
  name: string,
  { days = 0, runnerDays, runnerDaysLeft }: Age,
  { thing, page }: { thing: string; page: string },
): string[] {
  if (runnerDaysLeft === undefined || runnerDaysLeft > RUNNER_DAYS - OLD_DAYS) return [];
  const when = runnerDaysLeft > 0 ? `in ${plural(runnerDaysLeft, "day")}` : "by now";
  if (runnerDays === undefined)
    return [
      `${name} is ${plural(days, "day")} old; GitHub may refuse its runner ${when}. Build it anew (${page}).`,
    ];
  return [
    `${name} has a runner that GitHub released ${plural(runnerDays, "day")} ago; GitHub may refuse it ${when}, if there is a newer one. Run script/update-runner, which takes the newest runner for images, then build the ${thing} anew (${page}).`,
  ];
}

/** The same of the runner in a box. */
export function boxRunnerWords(
  name: string,
  box: Pick<CloudImageSeen, "builtAt" | "runnerReleasedAt">,
  now: number,
): string[] {
  return runnerWords(name, ageOf(box, now), { thing: "box", page: "docs/images.md" });
}

/** The same of when a box ends. */
export function boxWords(name: string, expiresAt: number | undefined, now: number): string | undefined {
  const { daysLeft } = ageOf({ expiresAt }, now);
  if (daysLeft === undefined || daysLeft >= ENDING_DAYS) return undefined;
  return daysLeft < 0
    ? `${name} has ended, so no machine is made from it. Build it anew (docs/images.md).`
    : `${name} ends in ${plural(daysLeft, "day")}. Build it anew (docs/images.md).`;
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;
