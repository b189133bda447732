import { z } from "zod";
import type { Headers, Refusal } from "../webhook/accept.ts";

/** smee.io gives the body as parsed JSON; `mayfly relay` adds the raw one, as base64. */
const shape = z.looseObject({ body: z.unknown().optional(), rawBody: z.string().optional() });

const NO_MESSAGE: Refusal = { status: 400, text: "the message is none of a relay" };

/**
 * GitHub's headers and, as near as can be had, its body. NB: JSON that was parsed and written again may have other bytes
 * (escapes, 1.0, large numbers, double keys, white space), and then its signature does not fit.
 */
export function readMessage(data: string): { headers: Headers; body: Buffer } | Refusal {
  const message = shape.safeParse(parsed(data));
  if (!message.success) return NO_MESSAGE;
  const { body, rawBody, ...headers } = message.data;
  const bytes = rawBody === undefined ? written(body) : Buffer.from(rawBody, "base64");
  return bytes ? { headers, body: bytes } : NO_MESSAGE;
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

/** NB: what is nested very deep can be parsed, and not be written again. */
function written(body: unknown): Buffer | undefined {
  try {
    return Buffer.from(JSON.stringify(body) ?? "");
  } catch {
    return undefined;
  }
}
