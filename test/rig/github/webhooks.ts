import { createHmac, randomUUID } from "node:crypto";
import type { Delivery, Installation, Repo } from "./model.ts";
import { accountPayload, installationReference, organizationPayload } from "./payloads/people.ts";
import { repositoryPayload } from "./payloads/repository.ts";
import { checkWebhook } from "./schemas.ts";
import { changed, later, type World } from "./world.ts";

/** Something that GitHub tells the App. `payload`: what is special to the event. */
export type Event = {
  event: "workflow_job" | "check_run" | "installation" | "installation_repositories" | "push" | "repository";
  /** A push has none. */
  action?: string | undefined;
  installation: Installation;
  repo?: Repo | undefined;
  sender: string;
  payload: Record<string, unknown>;
};

/**
 * Sends a webhook, as GitHub does: signed, compact, once, without a second try.
 * The payload is fixed and checked now; the sending goes on in the background, and ends as an entry of the delivery log.
 * See: docs.github.com, "Webhook events and payloads" (delivery headers), "Best practices for using webhooks" (10 s; no redelivery).
 */
export function sendEvent(world: World, event: Event): void {
  if (!world.webhook || (event.installation.suspendedAt !== undefined && event.event !== "installation"))
    return;
  const payload = fullPayload(world, event);
  const wrong = checkWebhook(nameOf(event).replaceAll(/[_.]/g, "-"), payload);
  if (wrong !== undefined) world.violations.push(`webhook ${nameOf(event)}: ${wrong}`);

  const { forget, double, delayMs, reorder } = world.faults.webhooks;
  if (world.random() < forget) return;
  const draft: Draft = {
    guid: randomUUID(),
    event: event.event,
    action: event.action ?? null,
    installationId: event.installation.id,
    repositoryId: event.repo?.id ?? null,
    body: JSON.stringify(payload),
  };
  const times = world.random() < double ? 2 : 1;
  for (let time = 0; time < times; time++) {
    const attempt = () => void deliver(world, draft, false);
    if (reorder > 1) holdBack(world, attempt, reorder);
    else if (delayMs > 0) later(world, world.random() * delayMs, attempt);
    else attempt();
  }
}

const nameOf = ({ event, action }: Event): string => (action === undefined ? event : `${event}.${action}`);

/**
 * Sends an entry of the delivery log again, under the same GUID and as a new entry.
 * See: docs.github.com, REST "Redeliver a delivery for an app webhook".
 */
export function redeliver(world: World, delivery: Delivery): void {
  void deliver(world, { ...delivery, body: delivery.request.body }, true);
}

type Draft = Pick<Delivery, "guid" | "event" | "action" | "installationId" | "repositoryId"> & {
  body: string;
};

function fullPayload(
  world: World,
  { action, installation, repo, sender, payload }: Event,
): Record<string, unknown> {
  const { account } = installation;
  const inRepository = repo && {
    repository: repositoryPayload(world, repo),
    installation: installationReference(installation),
  };
  return {
    ...(action !== undefined && { action }),
    ...payload,
    ...inRepository,
    ...(account.kind === "Organization" && { organization: organizationPayload(world, account) }),
    sender: accountPayload(world, { id: 1, login: sender, kind: "User" }),
  };
}

function holdBack(world: World, attempt: () => void, count: number): void {
  world.heldBack.push(attempt);
  if (world.heldBack.length < count) return;
  for (const held of world.heldBack.splice(0).reverse()) held();
}

async function deliver(world: World, draft: Draft, redelivery: boolean): Promise<void> {
  if (!world.webhook) return;
  const { url, secret } = world.webhook;
  const { body, ...about } = draft;
  const delivery: Delivery = {
    ...about,
    id: world.newId("delivery"),
    deliveredAt: Date.now(),
    redelivery,
    durationMs: 0,
    status: "pending",
    statusCode: 0,
    request: { headers: headersFor(world, draft, secret), body },
    response: { headers: {}, body: "" },
  };
  world.deliveries.push(delivery);
  changed(world);
  Object.assign(delivery, await outcome(world, url, delivery.request));
  delivery.durationMs = Date.now() - delivery.deliveredAt;
  changed(world);
}

function headersFor(world: World, draft: Draft, secret: string): Record<string, string> {
  return {
    Accept: "*/*",
    "Content-Type": "application/json",
    "User-Agent": "GitHub-Hookshot/3f2a9c1",
    "X-GitHub-Delivery": draft.guid,
    "X-GitHub-Event": draft.event,
    "X-GitHub-Hook-ID": String(world.app.id + 400_000_000),
    "X-GitHub-Hook-Installation-Target-ID": String(world.app.id),
    "X-GitHub-Hook-Installation-Target-Type": "integration",
    "X-Hub-Signature": `sha1=${createHmac("sha1", secret).update(draft.body).digest("hex")}`,
    "X-Hub-Signature-256": `sha256=${createHmac("sha256", secret).update(draft.body).digest("hex")}`,
  };
}

type Outcome = Pick<Delivery, "status" | "statusCode" | "response">;

async function outcome(world: World, url: string, request: Delivery["request"]): Promise<Outcome> {
  if (world.random() < world.faults.webhooks.lose) return answered(200, {}, "");
  const aborter = new AbortController();
  world.onTheirWay.add(aborter);
  let isLate = false;
  // WARN: no AbortSignal.any of a timeout here. Its source can be garbage collected, and then it never fires.
  // See: nodejs/node issues 57736 and 65995; seen here once in some twenty runs.
  const cancelTimer = later(world, world.times.webhookTimeoutMs, () => {
    isLate = true;
    aborter.abort();
  });
  try {
    const response = await fetch(url, {
      method: "POST",
      // WARN: a connection that is kept may be closed by the other end just when it is used again, and a POST is not repeated.
      headers: { ...request.headers, connection: "close" },
      body: request.body,
      redirect: "manual",
      signal: aborter.signal,
    });
    return answered(response.status, Object.fromEntries(response.headers), await response.text());
  } catch {
    return { ...answered(0, {}, ""), status: isLate ? "timed out" : "failed to connect to host" };
  } finally {
    cancelTimer();
    world.onTheirWay.delete(aborter);
  }
}

/** See: docs.github.com, "Troubleshooting webhooks", for the words of the log. */
const answered = (statusCode: number, headers: Record<string, string>, body: string): Outcome => ({
  status: statusCode >= 200 && statusCode < 300 ? "OK" : `invalid HTTP response: ${statusCode}`,
  statusCode,
  response: { headers, body },
});
