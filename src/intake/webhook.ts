import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Logger } from "pino";
import type { Clock, Ring, Store } from "../ports.ts";
import { refusalLog } from "../webhook/refusals.ts";
import { readWebhook } from "../webhook/request.ts";
import { signatureCheck } from "../webhook/signature.ts";

export type WebhookOptions = {
  /** Secrets that may sign a webhook; the first start of `signatureCheck` refuses weak ones. */
  secrets: readonly string[];
  keep: Store["keep"];
  /** Rung for each webhook that is new. */
  wake: Ring;
  clock: Clock;
  log: Logger;
};

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
  const tellRefusal = refusalLog(clock, log, "webhook refused");

  const routes = new Hono<{ Bindings: HttpBindings }>();
  // The second path is Probot's own, for Apps that were set up for another Probot app.
  routes.on("POST", ["/webhook", "/api/github/webhooks"], async (c) => {
    const webhook = await readWebhook(c.env.incoming, verify);
    if ("status" in webhook) {
      tellRefusal(webhook);
      // NB: what is left of the body is not read, so the connection cannot be used again.
      return c.text(webhook.text, webhook.status, { connection: "close" });
    }
    try {
      const kept = await keep({ ...webhook.delivery, receivedAt: clock.now() });
      if (kept === "new") wake();
      return c.text(kept === "new" ? "kept" : "known already", 202);
    } catch (err) {
      log.error({ delivery: webhook.delivery.id, err }, "webhook could not be kept");
      return c.text("could not be kept", 503);
    }
  });
  return routes;
}
