import { createHash, timingSafeEqual } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import type { Logger } from "pino";
import type { Clock } from "../ports.ts";
import { type Accepted, LARGEST_MESSAGE, type Refusal, TOO_LARGE } from "../webhook/accept.ts";
import { refusalLog } from "../webhook/refusals.ts";
import { readWebhook } from "../webhook/request.ts";
import { signatureCheck } from "../webhook/signature.ts";
import { type ListenerLimits, listenersOf } from "./listeners.ts";
import { type RecentLimits, recentMessages } from "./recent.ts";

export type RelayOptions = {
  /** The path at which GitHub posts and Mayfly listens. Whoever knows it can do both. */
  token: string;
  /** Only webhooks that are signed with one of these are taken. None: all are, and the listener finds out. */
  secrets: readonly string[];
  clock: Clock;
  log: Logger;
  limits?: Partial<RelayLimits>;
};

export type RelayLimits = RecentLimits & ListenerLimits;

export type RelayServer = {
  routes: Hono<{ Bindings: HttpBindings }>;
  /** How many listen now. */
  listeners: () => number;
  /** Ends the lines of all who listen. */
  close: () => void;
};

type Call = Context<{ Bindings: HttpBindings }>;
type Webhook = { delivery: Accepted; body: Buffer };

const LIMITS: RelayLimits = {
  messages: 256,
  bytes: 16 * 1024 * 1024,
  listeners: 8,
  // More than all recent messages, which a listener that comes back gets at once.
  backlogBytes: 32 * 1024 * 1024,
};
const PING_MS = 30_000;
const PING = Buffer.from("event: ping\ndata: {}\n\n");
/** What a listener may need of GitHub's request. What a proxy has added is nobody's business. */
const PASSED_ON = /^(?:x-github-|x-hub-signature|content-type$|user-agent$)/;

/**
 * A relay: GitHub posts webhooks to it, and a Mayfly that GitHub cannot reach listens to it. It speaks the protocol of smee.io,
 * and passes on the raw body besides, so that signatures survive. It holds the last messages in memory, and nothing else.
 */
export function relayServer({ token, secrets, clock, log, limits }: RelayOptions): RelayServer {
  const all = { ...LIMITS, ...limits };
  const verify = secrets.length === 0 ? () => true : signatureCheck(secrets);
  const recent = recentMessages(all);
  const listeners = listenersOf(all, log);
  const tellRefusal = refusalLog(clock, log, "webhook refused");
  const closing = new AbortController();
  const isChannel = tokenCheck(token);

  const routes = new Hono<{ Bindings: HttpBindings }>();
  routes.post("/:token", async (c) => (isChannel(c) ? publish(c) : notThere(c)));
  // NB: Hono takes HEAD for GET.
  routes.get("/:token", (c) => (isChannel(c) && c.req.method === "GET" ? listen(c) : notThere(c)));
  routes.notFound(notThere);
  routes.onError((err, c) => {
    log.error({ err }, "request failed");
    return c.text("the relay failed", 500, { connection: "close" });
  });
  void sendPings();
  return {
    routes,
    listeners: listeners.count,
    close: () => {
      closing.abort();
      listeners.close();
    },
  };

  async function publish(c: Call): Promise<Response> {
    const webhook = await readWebhook(c.env.incoming, verify);
    if ("status" in webhook) return refuse(c, webhook);
    const message = messageOf(c, webhook, clock.now());
    if (Buffer.byteLength(message) > LARGEST_MESSAGE) return refuse(c, TOO_LARGE);
    listeners.send(recent.add(message));
    // NB: with nobody there it is kept for who comes, but in memory only. GitHub's log is the one lasting record, and a 200 in it
    // would say that somebody has it. GitHub does not send again by itself; what is sent twice counts once.
    return listeners.count() > 0 ? c.text("passed on") : c.text("kept a while; nobody listens", 503);
  }

  function refuse(c: Call, refusal: Refusal): Response {
    tellRefusal(refusal);
    return c.text(refusal.text, refusal.status, { connection: "close" });
  }

  function listen(c: Call): Response {
    const lastId = c.req.header("last-event-id");
    listeners.add(c.env.outgoing, lastId === undefined ? [] : recent.after(lastId));
    return RESPONSE_ALREADY_SENT;
  }

  async function sendPings(): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.until(clock.now() + PING_MS, closing.signal);
      listeners.send(PING);
    }
  }
}

/** NB: digests have one length, and comparing them takes the same time wherever they differ. */
function tokenCheck(token: string): (c: Call) => boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const right = digest(token);
  return (c) => timingSafeEqual(digest(c.req.param("token") ?? ""), right);
}

const notThere = (c: Call) => c.text("not found", 404, { connection: "close" });

/** As smee.io writes it, with the raw body besides. */
function messageOf(c: Call, { delivery, body }: Webhook, at: number): string {
  const passed = Object.entries(c.env.incoming.headers).filter(([name]) => PASSED_ON.test(name));
  return JSON.stringify({
    ...Object.fromEntries(passed),
    body: JSON.parse(delivery.payload),
    rawBody: body.toString("base64"),
    query: c.req.query(),
    timestamp: at,
  });
}
