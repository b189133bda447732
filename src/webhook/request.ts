import type { IncomingMessage } from "node:http";
import { type Accepted, acceptWebhook, LARGEST_BODY, type Refusal, readNames, TOO_LARGE } from "./accept.ts";
import type { Verify } from "./signature.ts";

/** Takes a webhook from an HTTP request, with its raw body; what can be refused before a byte of the body is read, is. */
export async function readWebhook(
  request: IncomingMessage,
  verify: Verify,
): Promise<{ delivery: Accepted; body: Buffer } | Refusal> {
  const refusal = refuseUnread(request);
  if (refusal) return refusal;
  const body = await readAtMost(request, LARGEST_BODY);
  if (!body) return TOO_LARGE;
  const delivery = acceptWebhook(request.headers, body, verify);
  return "status" in delivery ? delivery : { delivery, body };
}

function refuseUnread({ headers }: IncomingMessage): Refusal | undefined {
  const type = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    return { status: 415, text: "set the webhook's content type to application/json" };
  }
  if (Number(headers["content-length"] ?? 0) > LARGEST_BODY) return TOO_LARGE;
  const names = readNames(headers);
  return "status" in names ? names : undefined;
}

/** Reads the body; `undefined` as soon as it is larger than it may be. */
async function readAtMost(request: IncomingMessage, bytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  // WARN: a plain `for await` would destroy the socket on the early return, and the refusal with it.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > bytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
