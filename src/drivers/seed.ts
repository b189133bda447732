import type { Seed } from "../ports.ts";

const SEED_MARK = "MAYFLYSEED1";

/** A seed as a guest finds it on a disk, or in its user data. See guest/contract.md. */
export const seedText = (seed: Seed): string => `${SEED_MARK}\n${JSON.stringify(seed)}\n`;
