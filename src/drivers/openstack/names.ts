import { createHash } from "node:crypto";
import { parseName } from "../../core/name.ts";
import type { MachineName } from "../../core/types.ts";
import type { StartOrder } from "../../ports.ts";

/** What all servers of a controller are found by. */
export const controllerTag = (controller: string): string => `mayfly-controller=${controller}`;

/** NB: a tag has 60 characters at most, so a repository's name does not fit. */
export const tagsOf = ({ repo, image }: Pick<StartOrder, "repo" | "image">, controller: string): string[] => [
  controllerTag(controller),
  `mayfly-pool=${image.name}.${createHash("sha256").update(`${repo}\n${image.name}`).digest("hex").slice(0, 8)}`,
];

/**
 * What ports and floating IPs are found by. NB: their tags can only be given to them when they are there already, and the controller
 * may end in between. A floating IP has no name.
 */
export const describe = (name: MachineName, controller: string): string =>
  `${controllerTag(controller)} ${name}`;

/** Whose port or floating IP it is; `undefined`: none of ours. */
export function describedName(description: string, controller: string): MachineName | undefined {
  const prefix = `${controllerTag(controller)} `;
  const name = description.slice(prefix.length);
  return description.startsWith(prefix) && parseName(controller, name) !== "not ours" ? name : undefined;
}
