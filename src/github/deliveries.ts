import { z } from "zod";
import type { DeliveryEntry, GitHub } from "../ports.ts";
import { ask, type Client, PER_PAGE } from "./client.ts";
import { jsonOf } from "./json.ts";

const entry = z
  .object({
    // NB: GitHub's ids are beyond 2^53, and Octokit makes a BigInt of such a number. See: octokit/request.js issue 797.
    id: z.union([z.number(), z.bigint()]).transform(String),
    guid: z.string(),
    event: z.string(),
    action: z.string().nullish(),
    delivered_at: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
  })
  .transform(({ action, delivered_at, guid, ...raw }): DeliveryEntry => {
    return { ...raw, guid: guid.toLowerCase(), action: action ?? undefined, at: delivered_at };
  });
const entryPage = z.array(entry);
const NO_LOG: DeliveryEntry[] = [];
const detail = z.object({
  guid: z.string(),
  event: z.string(),
  request: z.object({ payload: z.record(z.string(), z.unknown()).nullish() }),
});

/**
 * The delivery log part of the port. GitHub keeps each entry for three days.
 * See: docs.github.com, "Viewing webhook deliveries"; REST, "List deliveries for an app webhook".
 */
export function deliveryVerbs(client: Client): Pick<GitHub, "deliveries" | "delivery"> {
  return {
    deliveries: (since, signal) => listSince(client, since, signal),
    delivery: (id, signal) => read(client, id, signal),
  };
}

/** Newest first, page after page until one ends with an entry that is older. NB: the pages have no numbers, each names the next one. */
async function listSince(
  client: Client,
  since: number,
  signal: AbortSignal,
): ReturnType<GitHub["deliveries"]> {
  const app = await client.as();
  const entries: DeliveryEntry[] = [];
  let cursor: string | undefined;
  let at: number | undefined;
  do {
    const headers: { link?: string | undefined; date?: string | undefined } = {};
    const where = cursor === undefined ? {} : { cursor };
    const page = await ask({
      send: async () => {
        const answer = await app.apps.listWebhookDeliveries({
          ...where,
          per_page: PER_PAGE,
          request: { signal },
        });
        Object.assign(headers, answer.headers);
        return answer;
      },
      shape: entryPage,
      // NB: not in GitHub's description; but an App without a webhook may well have no log.
      expect: { 404: NO_LOG },
    });
    at ??= Date.parse(headers.date ?? "") || 0;
    entries.push(...page);
    const isBeyond = (page.at(-1)?.at ?? Number.NEGATIVE_INFINITY) < since;
    cursor = isBeyond ? undefined : nextCursor(headers.link);
  } while (cursor !== undefined);
  return { at, entries: entries.filter((one) => one.at >= since) };
}

/** See: docs.github.com, "Using pagination in the REST API". */
function nextCursor(link: string | undefined): string | undefined {
  const address = /<([^>]+)>;\s*rel="next"/.exec(link ?? "")?.[1];
  return address === undefined ? undefined : (new URL(address).searchParams.get("cursor") ?? undefined);
}

/**
 * NB: the payload comes parsed, so its bytes are not those that were signed, and there is nothing to verify. It needs no signature: it
 * came from GitHub itself, over TLS, to an answer that only the App may have.
 */
async function read(client: Client, id: string, signal: AbortSignal): ReturnType<GitHub["delivery"]> {
  const app = await client.as();
  // NB: it becomes a part of the address, so its digits are all that matters.
  const delivery_id = id as unknown as number;
  const found = await ask({
    send: () => app.apps.getWebhookDelivery({ delivery_id, request: { signal } }),
    shape: detail,
    expect: { 400: "gone", 404: "gone", 422: "gone" },
  } as const);
  if (found === "gone" || !found.request.payload) return "gone";
  return {
    id: found.guid.toLowerCase(),
    event: found.event,
    payload: jsonOf(found.request.payload),
  };
}
