import { TimeLimitError } from "../../clock.ts";
import type { Size } from "../../core/host-room.ts";
import type { Image } from "../../core/types.ts";
import { type Clock, SetupError } from "../../ports.ts";
import { CloudError } from "./call.ts";
import type { Choices } from "./choose.ts";
import { within } from "./within.ts";

/** What a machine of each image takes of the quota, by its flavor. What cannot be looked up just now is as it was; it may be lacking. */
export type Sizes = (signal: AbortSignal) => Promise<Record<string, Size>>;

export type SizesParts = { images: readonly Image[]; choices: Choices; clock: Clock };

const LIMIT_MS = 15_000;

export function sizes({ images, choices, clock }: SizesParts): Sizes {
  const known = new Map<string, Size>();

  async function look(image: Image, signal: AbortSignal): Promise<void> {
    const flavor = await choices.flavor(image, await choices.image(image, undefined, signal), signal);
    known.set(image.name, { cpus: flavor.vcpus, memoryMiB: flavor.ram });
  }

  return async (outer) => {
    await within({ clock, limitMs: LIMIT_MS, outer }, (signal) =>
      Promise.all(images.map((image) => look(image, signal).catch(unlessFault))),
    );
    return Object.fromEntries(known);
  };
}

/** NB: the check and each order say what is wrong. */
function unlessFault(error: unknown): void {
  const isFault = [SetupError, CloudError, TimeLimitError].some((kind) => error instanceof kind);
  if (!isFault) throw error;
}
