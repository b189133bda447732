import type { Delivery } from "../ports.ts";
import type { Verify } from "./signature.ts";

/** What a webhook may have, headers apart. */
export const LARGEST_BODY = 1024 * 1024;
/** A message of a relay has the body twice, once as base64, and numbers can get longer when they are written again. */
export const LARGEST_MESSAGE = 4 * LARGEST_BODY;

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const EVENT = /^[a-z][a-z_]{0,63}$/;

/** Why a webhook is not taken: the status for HTTP, and a sentence. */
export type Refusal = { status: 400 | 401 | 413 | 415; text: string };

/** A webhook that GitHub has signed; when it came is for the one to say who took it. */
export type Accepted = Omit<Delivery, "receivedAt">;

/** Names are in lower case. What is no text is as good as not there. */
export type Headers = Readonly<Record<string, unknown>>;

type Named = { id: string; event: string; signature: string };

/** Takes a webhook, whatever way it came, if its signature fits these very bytes. */
export function acceptWebhook(headers: Headers, body: Buffer, verify: Verify): Accepted | Refusal {
  const named = readNames(headers);
  if ("status" in named) return named;
  if (body.length > LARGEST_BODY) return TOO_LARGE;
  if (!verify(body, named.signature)) return { status: 401, text: "the signature does not fit the body" };
  const payload = body.toString("utf8");
  if (!isJsonObject(payload)) return { status: 400, text: "the body is not a JSON object" };
  return { id: named.id.toLowerCase(), event: named.event, payload };
}

export const TOO_LARGE: Refusal = { status: 413, text: "a webhook may have 1 MiB" };

/** Which delivery of which event it is, and its signature. */
export function readNames(headers: Headers): Named | Refusal {
  const id = textOf(headers["x-github-delivery"]);
  const event = textOf(headers["x-github-event"]);
  const signature = textOf(headers["x-hub-signature-256"]);
  if (!GUID.test(id)) return { status: 400, text: "X-GitHub-Delivery is not a GUID" };
  if (!EVENT.test(event)) return { status: 400, text: "X-GitHub-Event is not the name of an event" };
  if (signature === "") return { status: 401, text: "X-Hub-Signature-256 is missing" };
  return { id, event, signature };
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
