import type { CloudImageSeen } from "./clouds.ts";

const DAY_MS = 24 * 3_600_000;

/**
 * A runner has to be taken to a new version within so many days of its release. When the next one comes nobody knows, so an image is
 * as old as its build. See: docs.github.com, "Self-hosted runners reference", "Runner software updates".
 */
export const RUNNER_DAYS = 30;
/** From this age on people are warned. */
const OLD_DAYS = 20;
/** People are warned so long before an image ends by itself. */
const ENDING_DAYS = 14;

export type Age = {
  /** Whole days since it was built. */
  days?: number | undefined;
  /** Until GitHub may refuse its runner; below zero: it may do so by now. */
  runnerDaysLeft?: number | undefined;
  /** Until it must not be used any more. */
  daysLeft?: number | undefined;
};

export function ageOf(
  { builtAt, expiresAt }: Pick<CloudImageSeen, "builtAt" | "expiresAt">,
  now: number,
): Age {
  const days = builtAt === undefined ? undefined : Math.floor((now - builtAt) / DAY_MS);
  return {
    days,
    runnerDaysLeft: days === undefined ? undefined : RUNNER_DAYS - days,
    daysLeft: expiresAt === undefined ? undefined : Math.floor((expiresAt - now) / DAY_MS),
  };
}

/** What is the matter with an image that is in use, in sentences. */
export function ageWords(image: CloudImageSeen, host: string, now: number): string[] {
  if (image.standing === "old") return [];
  const { days, runnerDaysLeft = 0, daysLeft } = ageOf(image, now);
  const name = `The ${image.standing} cloud image of ${image.family} on ${host}`;
  const sentences: string[] = [];
  if (days !== undefined && days >= OLD_DAYS) {
    const rest =
      runnerDaysLeft > 0
        ? `in ${plural(runnerDaysLeft, "day")} GitHub may refuse its runner`
        : "GitHub may refuse its runner by now";
    sentences.push(`${name} is ${plural(days, "day")} old; ${rest}. Build it anew (openstack/README.md).`);
  }
  if (daysLeft !== undefined && daysLeft < ENDING_DAYS) {
    sentences.push(
      daysLeft < 0
        ? `${name} has ended, so no machine is made from it. Build it anew (openstack/README.md).`
        : `${name} ends in ${plural(daysLeft, "day")}. Build it anew (openstack/README.md).`,
    );
  }
  return sentences;
}

/** The same of a box. Nothing is known of its age but when it ends. */
export function boxWords(name: string, expiresAt: number | undefined, now: number): string | undefined {
  const { daysLeft } = ageOf({ expiresAt }, now);
  if (daysLeft === undefined || daysLeft >= ENDING_DAYS) return undefined;
  return daysLeft < 0
    ? `${name} has ended, so no machine is made from it. Build it anew (docs/images.md).`
    : `${name} ends in ${plural(daysLeft, "day")}. Build it anew (docs/images.md).`;
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;
