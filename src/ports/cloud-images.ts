import type { CloudImageSeen } from "../core/clouds.ts";

/** The cloud images of one host. */
export type CloudImages = {
  /** Those of the catalogue's families. Throws if it could not ask. */
  list(signal: AbortSignal): Promise<CloudImageSeen[]>;
  /** The candidate becomes the current one, which becomes old. Doing it twice is harmless. */
  promote(image: Pick<CloudImageSeen, "family" | "id">, signal: AbortSignal): Promise<void>;
  /** The candidate is none any more, and old. Doing it twice is harmless. Throws if it is the current one, which stays it. */
  turnBack(image: Pick<CloudImageSeen, "family" | "id">, signal: AbortSignal): Promise<void>;
};
