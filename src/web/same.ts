import { createHash, timingSafeEqual } from "node:crypto";

/** Compares two texts, one of which is secret, in a time that says nothing about how much of them is the same. */
export const isSame = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
