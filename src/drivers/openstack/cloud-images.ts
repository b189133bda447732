import type { CloudImageSeen } from "../../core/clouds.ts";
import type { Image } from "../../core/types.ts";
import type { CloudImages } from "../../ports/cloud-images.ts";
import type { CloudServices } from "./cloud.ts";
import type { Glance, GlanceImage } from "./glance.ts";
import { currentsOf, isOfFamily, REPLACES, type Standing, tagOf } from "./image-tags.ts";

export type CloudImagesParts = {
  cloud: CloudServices;
  images: readonly Image[];
  /** What machines are made from has changed. */
  onChange: () => void;
};

export function cloudImagesOf({ cloud, images, onChange }: CloudImagesParts): CloudImages {
  const families = [...new Set(images.flatMap(({ cloudImage }) => cloudImage?.family ?? []))];

  /** NB: one call for all families and standings, since Glance finds only what has all the tags that it is asked for. */
  async function all(signal: AbortSignal): Promise<GlanceImage[]> {
    const owner = await ownerOf(cloud, signal);
    const found = await cloud.glance.images({ owner, tags: [] }, signal);
    return found.filter(({ status }) => status === "active");
  }

  return {
    list: async (signal) => {
      const found = await all(signal);
      return families.flatMap((family) => seenOf(family, found));
    },
    promote: async ({ family, id }, signal) => {
      const found = await all(signal);
      await promote(family, pick(family, id, found), { found, glance: cloud.glance, signal });
      onChange();
    },
    turnBack: async ({ family, id }, signal) => {
      const found = await all(signal);
      await turnBack(family, pick(family, id, found), { found, glance: cloud.glance, signal });
      onChange();
    },
  };
}

/** The project whose images are used. */
export const ownerOf = async ({ place, session }: CloudServices, signal: AbortSignal): Promise<string> =>
  place.imageOwner ?? (await session.project(signal)).id;

/**
 * The new one gets its tag before the others lose theirs, so that there is never none. It says before that whose place it takes, so
 * that it counts from then on, also if the controller ends here: the next promotion takes the tag from all others, whichever it is.
 * NB: the mark is taken off again, or else a promotion the other way round would find two that each take the other's place.
 */
async function promote(
  family: string,
  image: GlanceImage,
  { found, glance, signal }: Promotion,
): Promise<void> {
  const others = currentsOf(family, found).filter(({ id }) => id !== image.id);
  const mark = (one: GlanceImage, replaces: string) => glance.set(one.id, { [REPLACES]: replaces }, signal);

  if (!isCurrent(family, image)) {
    const stale = others.filter(({ properties }) => properties[REPLACES] === image.id);
    for (const other of stale) await mark(other, "");
    if (others[0] || image.properties[REPLACES]) await mark(image, others[0]?.id ?? "");
  }
  await stand(family, image, "current", { glance, signal });
  for (const other of others) {
    await stand(family, other, "old", { glance, signal });
    if (other.properties[REPLACES]) await mark(other, "");
  }
  if (others.length > 0 || image.properties[REPLACES]) await mark(image, "");
}

/**
 * NB: what is used is not taken away, for then there would be none. One whose promotion is not done to the end gives its place back; any
 * other stays, and that is said.
 */
async function turnBack(family: string, image: GlanceImage, promotion: Promotion): Promise<void> {
  if (!isCurrent(family, image)) return await stand(family, image, "old", promotion);
  const before = promotion.found.find(({ id }) => id === image.properties[REPLACES]);
  if (before && isOfFamily(family, before)) return await promote(family, before, promotion);
  throw new Error(
    `the cloud image ${image.id} is the current one of ${family}, and no other is there to take its place`,
  );
}

type Promotion = { found: readonly GlanceImage[]; glance: Glance; signal: AbortSignal };

const STANDINGS: readonly Standing[] = ["current", "candidate", "old"];

const isCurrent = (family: string, { tags }: GlanceImage): boolean => tags.includes(tagOf(family, "current"));

/** Gives the tag of this standing first, and takes those of others. NB: only those that were seen: who is made current meanwhile stays it. */
async function stand(
  family: string,
  { id, tags }: GlanceImage,
  standing: Standing,
  { glance, signal }: Pick<Promotion, "glance" | "signal">,
): Promise<void> {
  const tag = tagOf(family, standing);
  if (!tags.includes(tag)) await glance.tag(id, tag, signal);
  const others = STANDINGS.map((each) => tagOf(family, each)).filter((each) => each !== tag);
  for (const other of others) if (tags.includes(other)) await glance.untag(id, other, signal);
}

function pick(family: string, id: string, found: readonly GlanceImage[]): GlanceImage {
  const image = found.find((each) => each.id === id);
  if (image && isOfFamily(family, image)) return image;
  throw new Error(`the cloud has no active image ${id} with a tag of the family ${family}`);
}

/** NB: one whose promotion is not done to the end is a candidate still, so that it is promoted once more. */
const seenOf = (family: string, found: readonly GlanceImage[]): CloudImageSeen[] =>
  found.flatMap((image) => {
    const tagged = STANDINGS.find((each) => image.tags.includes(tagOf(family, each)));
    if (!tagged) return [];
    const isUnfinished = tagged === "current" && image.properties[REPLACES];
    return [{ family, ...factsOf(image), standing: isUnfinished ? "candidate" : tagged }];
  });

/** See: /openstack, which writes them. */
const factsOf = ({ id, name, sizeBytes, createdAt, properties }: GlanceImage) => ({
  ...{ id, name, sizeBytes },
  runnerVersion: properties.mayfly_runner_version || undefined,
  runnerReleasedAt: timeOf(properties.mayfly_runner_released_at),
  builtAt: timeOf(properties.mayfly_built_at) ?? createdAt,
  expiresAt: timeOf(properties.mayfly_expires_at),
});

function timeOf(text: string | undefined): number | undefined {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? undefined : at;
}
