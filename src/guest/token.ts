import { createHash, timingSafeEqual } from "node:crypto";
import type { Machine } from "../core/types.ts";

/** SHA-256 of a token, hex: `Machine.tokenHash`. */
export const tokenHash = (token: string): string => createHash("sha256").update(token).digest("hex");

/** The machine that a token belongs to. Looks at every machine and compares hashes in constant time: how long it takes tells nothing. */
export function machineOf(machines: Iterable<Machine>, token: string): Machine | undefined {
  const hash = Buffer.from(tokenHash(token));
  let found: Machine | undefined;
  for (const machine of machines) {
    const known = Buffer.from(machine.tokenHash ?? "");
    if (known.length === hash.length && timingSafeEqual(known, hash)) found = machine;
  }
  return found;
}
