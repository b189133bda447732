import { isIPv4 } from "node:net";
import type { TartImage } from "../../core/macs.ts";
import { lifeSecondsOf } from "../../core/patience.ts";
import type { Host, Image } from "../../core/types.ts";
import { SetupError, type StartOrder } from "../../ports.ts";

/** What `mayfly-tart start` reads: the order and the seed, a line each. Secret, since the seed is. See: macos/host/mayfly-tart. */
export function orderText({ host, image, seed }: StartOrder): string {
  const order = {
    image: imageOf(image),
    cpus: image.cpus,
    memoryMiB: image.memoryMiB,
    lifeSeconds: seed.lifeSeconds,
    bootSeconds: Math.ceil(image.limits.bootMs / 1000),
    allow: allowText(host),
  };
  return `${JSON.stringify(order)}\n${JSON.stringify(seed)}\n`;
}

/** What `mayfly-tart check` reads: the most that orders will want, and the names of images, a line each. */
export function checkText(host: Host, images: readonly Image[]): string {
  const lifeSeconds = Math.max(1, ...images.map(({ limits }) => lifeSecondsOf(limits)));
  const lines = [JSON.stringify({ lifeSeconds, allow: allowText(host) }), ...images.map(imageOf)];
  return lines.map((line) => `${line}\n`).join("");
}

const allowText = (host: Host): string => allowedOf(host, host.tart?.allow ?? []).join(",");

/** The image as tart calls it. NB: a tag may be another image tomorrow, so a digest takes its place. */
export function imageOf({ name, tartImage }: Image): string {
  if (!tartImage) throw new SetupError(`The image ${name} has no tartImage. Give it one in mayfly.yml.`);
  return tartName(tartImage);
}

export const tartName = ({ name, digest }: TartImage): string =>
  digest === undefined ? name : `${name.replace(/:[^/:]*$/, "")}@${digest}`;

/** What VMs may reach of private networks: the guest listener, and what the operator adds. */
export function allowedOf({ guestUrl }: Pick<Host, "guestUrl">, allow: readonly string[]): string[] {
  const { hostname } = new URL(guestUrl);
  const all = isIPv4(hostname) ? [hostname, ...allow] : allow;
  return [...new Set(all.map((one) => (one.includes("/") ? one : `${one}/32`)))];
}
