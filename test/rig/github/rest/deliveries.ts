import type { Delivery } from "../model.ts";
import type { Schema } from "../payloads/schema.ts";
import { redeliver } from "../webhooks.ts";
import { isoTime, type World } from "../world.ts";
import { notFound } from "./answer.ts";
import type { AppHandlers } from "./handlers.ts";
import { pageFrom } from "./pages.ts";

/** The App's webhook: its address, and the log of what was sent there. */
export const deliveries = {
  "apps/get-webhook-config-for-app": ({ world }) => ({ status: 200, body: hookConfig(world) }),

  "apps/update-webhook-config-for-app": ({ world, body }) => {
    const known = world.webhook ?? { url: "", secret: "" };
    world.webhook = { url: body.url ?? known.url, secret: body.secret ?? known.secret };
    return { status: 200, body: hookConfig(world) };
  },

  "apps/list-webhook-deliveries": ({ world, query, url }) => {
    const wanted = logged(world).filter(
      (one) => query.status === undefined || isSuccess(one) === (query.status === "success"),
    );
    const page = pageFrom(wanted, query, { url, cursorOf: (one) => `v1_${one.id}` });
    return { status: 200, body: page.entries.map(deliveryItem), headers: page.headers };
  },

  "apps/get-webhook-delivery": ({ world, path }) => {
    const delivery = logged(world).find((one) => one.id === path.delivery_id);
    return delivery ? { status: 200, body: deliveryDetail(world, delivery) } : notFound();
  },

  "apps/redeliver-webhook-delivery": ({ world, path }) => {
    const delivery = logged(world).find((one) => one.id === path.delivery_id);
    if (!delivery) return notFound();
    redeliver(world, delivery);
    return { status: 202, body: {} };
  },
} satisfies AppHandlers;

const KEPT_MS = 3 * 86_400_000;

/** Newest first. See: docs.github.com, "Viewing webhook deliveries": kept for three days. */
function logged(world: World): Delivery[] {
  const oldest = Date.now() - KEPT_MS;
  return world.deliveries.filter((one) => one.status !== "pending" && one.deliveredAt > oldest).reverse();
}

const isSuccess = (delivery: Delivery): boolean => delivery.statusCode >= 200 && delivery.statusCode < 400;

const deliveryItem = (delivery: Delivery): Schema<"hook-delivery-item"> => ({
  id: delivery.id,
  guid: delivery.guid,
  delivered_at: isoTime(delivery.deliveredAt),
  redelivery: delivery.redelivery,
  duration: delivery.durationMs / 1000,
  status: delivery.status,
  status_code: delivery.statusCode,
  event: delivery.event,
  action: delivery.action,
  installation_id: delivery.installationId,
  repository_id: delivery.repositoryId,
  throttled_at: null,
});

/** NB: the payload comes parsed, not as the bytes that were signed. */
const deliveryDetail = (world: World, delivery: Delivery): Schema<"hook-delivery"> => ({
  ...deliveryItem(delivery),
  url: world.webhook?.url ?? "",
  request: { headers: delivery.request.headers, payload: JSON.parse(delivery.request.body) },
  response: { headers: delivery.response.headers, payload: delivery.response.body },
});

/** NB: GitHub never shows the secret. */
const hookConfig = (world: World): Schema<"webhook-config"> => ({
  content_type: "json",
  insecure_ssl: "0",
  secret: "********",
  ...(world.webhook && { url: world.webhook.url }),
});
