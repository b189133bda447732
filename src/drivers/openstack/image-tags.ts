import { few } from "./few.ts";
import type { GlanceImage } from "./glance.ts";

export type Standing = "current" | "candidate" | "old";

/** The tag that says what an image is for a family of the catalogue. */
export const tagOf = (family: string, standing: Standing): string => `mayfly:${family}:${standing}`;

/** Property of an image that was made current: the one whose place it takes. See: promote. */
export const REPLACES = "mayfly_replaces";

/** Images of the family that have the tag of a current one, and can be used. */
export const currentsOf = (family: string, images: readonly GlanceImage[]): GlanceImage[] =>
  images.filter(({ status, tags }) => status === "active" && tags.includes(tagOf(family, "current")));

export const isOfFamily = (family: string, { tags }: GlanceImage): boolean =>
  tags.some((tag) => tag.startsWith(`mayfly:${family}:`));

/**
 * The image that new machines are made from. Two that are current are one too many, since nobody can say which was meant; unless the
 * newer one says that it takes the place of the other: then it is just being promoted, or was when the controller ended.
 */
export function currentOf(
  family: string,
  images: readonly GlanceImage[],
): { image: GlanceImage } | { sentence: string } {
  const tag = tagOf(family, "current");
  const current = currentsOf(family, images);
  const replaced = new Set(current.map(({ properties }) => properties[REPLACES]));
  const [image, other] = current.filter(({ id }) => !replaced.has(id));
  if (image && !other) return { image };
  if (current.length === 0) {
    const idle = images.find(({ tags }) => tags.includes(tag));
    return {
      sentence: idle
        ? `The cloud image ${idle.id} has the tag ${tag}, and is not active but ${idle.status}. Activate it, or promote another one (openstack/test-image.sh).`
        : `The cloud has no image with the tag ${tag} of the project that is asked for. Make one (openstack/README.md) and promote it, or mend openstack.imageOwner in mayfly.yml.`,
    };
  }
  const ids = few(current.map(({ id }) => id));
  return {
    sentence: `Several cloud images have the tag ${tag}. Take it from all but one of these (openstack image unset --tag ${tag} <id>): ${ids}.`,
  };
}
