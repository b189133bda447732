import { createHash, randomBytes } from "node:crypto";

/** A guest's one-time token: 256 random bits. It is only ever in the seed. */
export const makeToken = (): string => randomBytes(32).toString("base64url");

/** What is stored of a token: its SHA-256, hex. */
export const hashToken = (token: string): string => createHash("sha256").update(token).digest("hex");
