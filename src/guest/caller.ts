import { timingSafeEqual } from "node:crypto";
import type { Machine } from "../core/types.ts";
import { hashToken } from "../token.ts";

/** The machine that a token belongs to. Looks at every machine and compares hashes in constant time: how long it takes tells nothing. */
export function callerOf(machines: Iterable<Machine>, token: string): Machine | undefined {
  const hash = Buffer.from(hashToken(token));
  let found: Machine | undefined;
  for (const machine of machines) {
    const known = Buffer.from(machine.tokenHash ?? "");
    if (known.length === hash.length && timingSafeEqual(known, hash)) found = machine;
  }
  return found;
}
