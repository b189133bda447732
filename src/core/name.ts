import type { MachineName } from "./types.ts";

/**
 * A machine's name says whose it is and what it runs: `mayfly-<controller>-<image>-<token>`. The VM, the runner and the row
 * share it, so after a lost store the hypervisor and GitHub themselves tell what exists.
 * NB: names are random, never counted: a counter would collide after a lost store.
 */
export type NameParts = { image: string; token: string };

/** Letters and digits only: the prefix of controller `lab` must not begin the names of controller `lab-2`. */
export const CONTROLLER_PATTERN = /^[a-z0-9]{1,12}$/;
/** With the longest controller the whole name has 60 characters; host names may have 63. See: RFC 1035. */
export const IMAGE_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
const TOKEN_LENGTH = 8;
const TOKEN_PATTERN = /^[a-z2-7]{8}$/;
const TOKEN_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** What all names of a controller begin with. */
export const namePrefix = (controller: string): string => `mayfly-${controller}-`;

/** Makes a name from at least 8 random bytes. */
export function machineName(controller: string, image: string, random: Uint8Array): MachineName {
  const token = Array.from(random.subarray(0, TOKEN_LENGTH), (byte) => TOKEN_ALPHABET[byte % 32]).join("");
  return `${namePrefix(controller)}${image}-${token}`;
}

/** Reads a name back, or says that it is none of this controller's. */
export function parseName(controller: string, name: string): NameParts | "not ours" {
  const prefix = namePrefix(controller);
  if (!name.startsWith(prefix)) return "not ours";
  const rest = name.slice(prefix.length);
  const cut = rest.lastIndexOf("-");
  if (cut < 0) return "not ours";
  const [image, token] = [rest.slice(0, cut), rest.slice(cut + 1)];
  return IMAGE_PATTERN.test(image) && TOKEN_PATTERN.test(token) ? { image, token } : "not ours";
}

/** The file in which a repository says what it wants of Mayfly. */
export const SETTINGS_FILE = ".github/mayfly.yml";
