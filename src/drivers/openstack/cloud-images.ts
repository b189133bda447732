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
      const image = pick(family, id, await all(signal));
      // NB: what is used already is not taken away, for then there would be none.
      if (image.tags.includes(tagOf(family, "current"))) return;
      await cloud.glance.change(id, { tags: retagged(family, image, "old") }, signal);
    },
  };
}

/** The project whose images are used. */
export const ownerOf = async ({ place, session }: CloudServices, signal: AbortSignal): Promise<string> =>
  place.imageOwner ?? (await session.project(signal)).id;

/**
 * The new one gets its tag before the others lose theirs, so that there is never none. In between it says whose place it takes, so
 * that it counts already, also if the controller ends here: the next promotion takes the tag from all others, whichever it is.
 * NB: the mark is taken off again, or else a promotion the other way round would find two that each take the other's place.
 */
async function promote(
  family: string,
  image: GlanceImage,
  { found, glance, signal }: Promotion,
): Promise<void> {
  const others = currentsOf(family, found).filter(({ id }) => id !== image.id);
  const change = (one: GlanceImage, standing: Standing, replaces: string) =>
    glance.change(one.id, { tags: retagged(family, one, standing), set: { [REPLACES]: replaces } }, signal);

  if (!image.tags.includes(tagOf(family, "current"))) {
    const stale = others.filter(({ properties }) => properties[REPLACES] === image.id);
    for (const other of stale) await change(other, "current", "");
    await change(image, "current", others[0]?.id ?? "");
  }
  for (const other of others) await change(other, "old", "");
  if (others.length > 0 || image.properties[REPLACES]) await change(image, "current", "");
}

type Promotion = { found: readonly GlanceImage[]; glance: Glance; signal: AbortSignal };

const STANDINGS: readonly Standing[] = ["current", "candidate", "old"];

/** Its tags, with this one of the family and no other. */
const retagged = (family: string, { tags }: GlanceImage, standing: Standing): string[] => [
  ...tags.filter((tag) => !STANDINGS.some((each) => tag === tagOf(family, each))),
  tagOf(family, standing),
];

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
    return [{ family, ...factsOf(image), standing: image.properties[REPLACES] ? "candidate" : tagged }];
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
