import type { IncomingMessage } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Logger } from "pino";
import type { Clock, Ring, Store } from "../ports.ts";
import { signatureCheck, type Verify } from "./signature.ts";

const LARGEST_BODY = 1024 * 1024;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const EVENT = /^[a-z][a-z_]{0,63}$/;
const QUIET_MS = 60_000;

export type WebhookOptions = {
  /** Secrets that may sign a webhook; the first start of `signatureCheck` refuses weak ones. */
  secrets: readonly string[];
  keep: Store["keep"];
  /** Rung for each webhook that is new. */
  wake: Ring;
  clock: Clock;
  log: Logger;
};

type Refusal = { status: 400 | 401 | 413 | 415; text: string };
type Headers = { id: string; event: string; signature: string };

/**
 * The route that GitHub calls. It answers 202 as soon as the webhook is durable; the work is done later by the reader.
 * Bodies are never logged. Throws `SetupError` for secrets that are missing or weak.
 * NB: GitHub gives up after 10 s and never sends again by itself, so nothing that takes time may happen here.
 */
export function webhookRoutes({
  secrets,
  keep,
  wake,
  clock,
  log,
}: WebhookOptions): Hono<{ Bindings: HttpBindings }> {
  const verify = signatureCheck(secrets);
  const refusals = refusalLog(clock, log);

  const routes = new Hono<{ Bindings: HttpBindings }>();
  // The second path is Probot's own, for Apps that were set up for another Probot app.
  routes.on("POST", ["/webhook", "/api/github/webhooks"], async (c) => {
    const delivery = await accept(c.env.incoming, verify);
    if ("status" in delivery) {
      refusals(delivery);
      // NB: what is left of the body is not read, so the connection cannot be used again.
      return c.text(delivery.text, delivery.status, { connection: "close" });
    }
    try {
      const kept = await keep({ ...delivery, receivedAt: clock.now() });
      if (kept === "new") wake();
      return c.text(kept === "new" ? "kept" : "known already", 202);
    } catch (err) {
      log.error({ delivery: delivery.id, err }, "webhook could not be kept");
      return c.text("could not be kept", 503);
    }
  });
  return routes;
}

async function accept(
  request: IncomingMessage,
  verify: Verify,
): Promise<{ id: string; event: string; payload: string } | Refusal> {
  const headers = readHeaders(request);
  if ("status" in headers) return headers;
  const body = await readAtMost(request, LARGEST_BODY);
  if (!body) return { status: 413, text: "a webhook may have 1 MiB" };
  if (!verify(body, headers.signature)) return { status: 401, text: "the signature does not fit the body" };
  const payload = body.toString("utf8");
  if (!isJsonObject(payload)) return { status: 400, text: "the body is not a JSON object" };
  return { id: headers.id.toLowerCase(), event: headers.event, payload };
}

/** All that can be refused before a byte of the body is read. */
function readHeaders({ headers }: IncomingMessage): Headers | Refusal {
  const id = String(headers["x-github-delivery"] ?? "");
  const event = String(headers["x-github-event"] ?? "");
  const signature = String(headers["x-hub-signature-256"] ?? "");
  const type = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    return { status: 415, text: "set the webhook's content type to application/json" };
  }
  if (Number(headers["content-length"] ?? 0) > LARGEST_BODY) {
    return { status: 413, text: "a webhook may have 1 MiB" };
  }
  if (!GUID.test(id)) return { status: 400, text: "X-GitHub-Delivery is not a GUID" };
  if (!EVENT.test(event)) return { status: 400, text: "X-GitHub-Event is not the name of an event" };
  if (signature === "") return { status: 401, text: "X-Hub-Signature-256 is missing" };
  return { id, event, signature };
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

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Tells of refusals once a minute, with their number: an outsider must not be able to fill the disk. */
function refusalLog(clock: Clock, log: Logger): (refusal: Refusal) => void {
  let quietUntil = 0;
  let refused = 0;
  return ({ status, text }) => {
    refused += 1;
    if (clock.now() < quietUntil) return;
    log.warn({ status, why: text, refused }, "webhook refused");
    quietUntil = clock.now() + QUIET_MS;
    refused = 0;
  };
}
