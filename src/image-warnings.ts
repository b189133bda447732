import type { Logger } from "pino";
import type { CloudImageSeen } from "./core/clouds.ts";
import { ageWords } from "./core/image-age.ts";
import type { Clock } from "./ports.ts";

/** Nobody wants to read it at each look. */
const AGAIN_MS = 24 * 3_600_000;

/** Warns in the log of cloud images that are old or about to end, once a day. */
export function ageWarnings({ clock, log }: { clock: Clock; log: Logger }) {
  const warnedAt = new Map<string, number>();
  return (host: string, images: readonly CloudImageSeen[]): void => {
    for (const image of images) {
      const key = `${host} ${image.id}`;
      if (clock.now() < (warnedAt.get(key) ?? 0) + AGAIN_MS) continue;
      for (const sentence of ageWords(image, host, clock.now())) {
        log.warn({ source: host }, sentence);
        warnedAt.set(key, clock.now());
      }
    }
  };
}
