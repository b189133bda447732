import { Agent, request } from "node:https";
import type { Cloud } from "./clouds.ts";

export type Sent = {
  method: string;
  headers: Record<string, string>;
  body: string | undefined;
  signal: AbortSignal;
};
export type Received = { status: number; headers: { get(name: string): string | null }; text: string };

/** Sends one request, and reads the whole answer. Throws if there is none. */
export type Send = (url: string, sent: Sent) => Promise<Received>;

/** NB: fetch has no way to trust another authority for one cloud only, so such a cloud is called by node:https. */
export function wireOf({ ca, isVerified }: Pick<Cloud, "ca" | "isVerified">): Send {
  if (ca === undefined && isVerified) return sendByFetch;
  const agent = new Agent({ keepAlive: true, ca, rejectUnauthorized: isVerified });
  return (url, sent) => (url.startsWith("https:") ? sendByAgent(agent, url, sent) : sendByFetch(url, sent));
}

async function sendByFetch(url: string, { method, headers, body, signal }: Sent): Promise<Received> {
  // NB: a redirect would turn a POST into a GET, or carry the token to another host.
  const response = await fetch(url, { method, headers, body: body ?? null, signal, redirect: "manual" });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

function sendByAgent(agent: Agent, url: string, { method, headers, body, signal }: Sent): Promise<Received> {
  return new Promise((resolve, reject) => {
    const sending = request(url, { agent, method, headers, signal }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: new Headers(Object.entries(answer.headers).map(([name, value]) => [name, String(value)])),
          text: Buffer.concat(chunks).toString("utf8"),
        }),
      );
    });
    sending.on("error", reject);
    sending.end(body);
  });
}
