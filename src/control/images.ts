import type { CanaryRule, CloudImageSeen } from "../core/clouds.ts";
import { type Age, ageOf, ageWords } from "../core/image-age.ts";
import { type Trial, trialOf } from "../core/trials.ts";
import type { World } from "../core/world.ts";

/** A cloud image, for `mayfly images` and the pages. Times are epoch milliseconds. */
export type ImageView = CloudImageSeen & {
  host: string;
  /** Images of the catalogue that are made from its family. */
  images: string[];
  age: Age;
  /** How it does as a candidate, and how much is asked of it. */
  trial?: (Trial & Pick<CanaryRule, "boots" | "failures">) | undefined;
};

/** `notes`: what is the matter with those in use. `unknown`: hosts that have not told yet, or cannot be asked. */
export type Images = { at: number; images: ImageView[]; notes: string[]; unknown: string[] };

const ORDER: Record<CloudImageSeen["standing"], number> = { current: 0, candidate: 1, old: 2 };

export function imagesOf(world: World): Images {
  const { catalogue, cloudImages, now } = world;
  const clouds = catalogue.hosts.filter(({ driver }) => driver === "openstack").map(({ name }) => name);
  const seen = [...cloudImages].flatMap(([host, images]) => images.map((image) => ({ host, image })));
  const views = seen.map(({ host, image }) => viewOf(host, image, world));
  return {
    at: now,
    images: views.toSorted(
      (a, b) =>
        a.host.localeCompare(b.host) ||
        a.family.localeCompare(b.family) ||
        ORDER[a.standing] - ORDER[b.standing] ||
        (b.builtAt ?? 0) - (a.builtAt ?? 0),
    ),
    notes: seen.flatMap(({ host, image }) => ageWords(image, host, now)),
    unknown: clouds.filter((host) => !cloudImages.has(host)),
  };
}

function viewOf(host: string, image: CloudImageSeen, { catalogue, state, now }: World): ImageView {
  const mine = catalogue.images.filter(
    ({ cloudImage, hosts }) => cloudImage?.family === image.family && hosts.includes(host),
  );
  const canary = mine.find(({ cloudImage }) => cloudImage?.canary)?.cloudImage?.canary;
  const trial =
    canary && image.standing === "candidate"
      ? { ...trialOf(state, host, image.id), boots: canary.boots, failures: canary.failures }
      : undefined;
  return { ...image, host, images: mine.map(({ name }) => name), age: ageOf(image, now), trial };
}

/** How a candidate does, in a few words. */
export function trialWords({ trial, standing }: Pick<ImageView, "trial" | "standing">): string {
  if (standing !== "candidate") return "";
  if (!trial) return "not tried";
  if (trial.verdict === "turned-back") return `turned back, ${trial.failed} failed`;
  const failed = trial.failed === 0 ? "" : `, ${trial.failed} failed`;
  return `${trial.good} of ${trial.boots} booted well${failed}`;
}
