import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import type { Exchange } from "./recorded.ts";

export type Answer = Pick<Exchange, "status" | "body"> & { headers?: Record<string, string> };

/** Says what was recorded, with other fields in its body if there is something to say. */
export function play(c: Context, exchange: Exchange | undefined, body: unknown = exchange?.body): Response {
  if (!exchange) throw new Error(`nothing was recorded that answers ${c.req.method} ${c.req.path}`);
  return say({ ...exchange, body });
}

/** NB: each answer has a request id of its own. */
export function say({ status, headers = {}, body }: Answer): Response {
  const own = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.endsWith("request-id")));
  const answer = new Response(textOf(body), { status, headers: own });
  for (const name of Object.keys(headers)) {
    if (name.endsWith("request-id")) answer.headers.set(name, `req-${randomUUID()}`);
  }
  return answer;
}

const textOf = (body: unknown): string | null => {
  if (body === undefined) return null;
  return typeof body === "string" ? body : JSON.stringify(body);
};
