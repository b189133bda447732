import { createHash } from "node:crypto";
import { parseName } from "../../core/name.ts";
import type { MachineName } from "../../core/types.ts";
import type { StartOrder } from "../../ports.ts";

/** Whose machines they are: a controller's, on one of its hosts. NB: two hosts may be in one project. */
export type Owner = { controller: string; host: string };

/** What all servers of a controller are found by. */
export const controllerTag = (controller: string): string => `mayfly-controller=${controller}`;

const HOST_PREFIX = "mayfly-host=";
const hostTag = (host: string): string => `${HOST_PREFIX}${host}`;

/** The host that a server was made on, if its tags say so. */
export const hostOf = (tags: readonly string[]): string | undefined =>
  tags.find((tag) => tag.startsWith(HOST_PREFIX))?.slice(HOST_PREFIX.length);

/** NB: a tag has 60 characters at most, so a repository's name does not fit. */
export const tagsOf = (
  { repo, image }: Pick<StartOrder, "repo" | "image">,
  { controller, host }: Owner,
): string[] => [
  controllerTag(controller),
  hostTag(host),
  `mayfly-pool=${image.name}.${createHash("sha256").update(`${repo}\n${image.name}`).digest("hex").slice(0, 8)}`,
];

/** NB: a server without a host's tag is older than these tags; each host in its project takes it for its own. */
export const isTagged = (tags: readonly string[], { controller, host }: Owner): boolean =>
  tags.includes(controllerTag(controller)) && (tags.includes(hostTag(host)) || hostOf(tags) === undefined);

/**
 * What ports and floating IPs are found by. NB: their tags can only be given to them when they are there already, and the controller
 * may end in between. A floating IP has no name.
 */
export const describe = (name: MachineName, owner: Owner): string => `${prefixesOf(owner)[0]}${name}`;

/** All that may be written on them: also what was before hosts were told apart. */
export const descriptionsOf = (name: MachineName, owner: Owner): string[] =>
  prefixesOf(owner).map((prefix) => `${prefix}${name}`);

/** Whose port or floating IP it is; `undefined`: none of ours. */
export function describedName(description: string, owner: Owner): MachineName | undefined {
  const names = prefixesOf(owner).flatMap((prefix) =>
    description.startsWith(prefix) ? [description.slice(prefix.length)] : [],
  );
  return names.find((name) => parseName(owner.controller, name) !== "not ours");
}

const prefixesOf = ({ controller, host }: Owner): [string, string] => [
  `${controllerTag(controller)} ${hostTag(host)} `,
  `${controllerTag(controller)} `,
];
