import { z } from "zod";
import { LABEL_PATTERN } from "../core/labels.ts";
import { IMAGE_PATTERN } from "../core/name.ts";
import { ADDRESS, DURATION, LISTEN, SIZE } from "./units.ts";

/** Kinds of values in files that people write. Each `must` is the rest of a sentence that begins with the key. */

export const text = (pattern: RegExp, must: string) =>
  z.string({ error: must }).regex(pattern, { error: must });

export function whole(from: number, to: number) {
  const error = `must be a whole number from ${from} to ${to}`;
  return z.int({ error }).min(from, { error }).max(to, { error });
}

export const list = <T extends z.ZodType>(item: T, must: string) =>
  z.array(item, { error: must }).min(1, { error: must });

export const duration = text(DURATION, "must be a time with its unit, such as 30s, 10m or 6h");
export const size = text(SIZE, 'must be a size with its unit, such as "512 MiB" or "4 GiB"');
export const listen = text(LISTEN, "must be an address and a port, such as 127.0.0.1:3000");
export const url = text(ADDRESS, "must be an address that begins with https://");
export const hostName = text(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, "must have 1 to 32 of a–z, 0–9 and -");
export const imageName = text(IMAGE_PATTERN, "must have 1 to 32 of a–z, 0–9 and -, without a - at its ends");
export const repoName = text(/^[\w-]{1,39}\/[\w.-]{1,100}$/, "must be a repository as owner/name");
/** NB: accounts that a company manages have an underscore in their login. */
export const operator = text(
  /^[A-Za-z0-9][\w-]{0,38}(?:\/[\w-]{1,100})?$/,
  "must be a login at GitHub, or a team as organisation/team",
);
export const label = text(
  LABEL_PATTERN,
  "must be a label: 1 to 256 characters, without a comma, a line break, or a space at its ends",
);
export const oneOf = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, { error: `must be ${words.slice(0, -1).join(", ")} or ${words.at(-1)}` });
export const yesNo = z.boolean({ error: "must be true or false" });
export const map = "must be a mapping of keys to values";
