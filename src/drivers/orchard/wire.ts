import { Agent as HttpAgent, type IncomingMessage, request as overHttp } from "node:http";
import { Agent as HttpsAgent, request as overHttps } from "node:https";
import type { Duplex } from "node:stream";
import { checkServerIdentity } from "node:tls";

export type Sent = {
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
  signal: AbortSignal;
};
export type Received = { status: number; headers: IncomingMessage["headers"]; text: string };

export type Wire = {
  /** Sends a request, and reads the whole answer. Throws if there is none. */
  send: (sent: Sent) => Promise<Received>;
  /** Asks for another protocol over the same connection. Answers the connection, or what the server said instead. */
  upgrade: (sent: Sent) => Promise<{ connection: Duplex; headers: Received["headers"] } | Received>;
};

/** What Orchard's own certificate is for, wherever it listens. See: openai/orchard, internal/netconstants. */
const OWN_NAME = "orchard-controller";

/** `ca`: PEM of what is trusted; none: what the system trusts. */
export function wireTo(ca: string | undefined): Wire {
  const https = new HttpsAgent({
    keepAlive: true,
    ...(ca === undefined ? {} : { ca, checkServerIdentity: isIts }),
  });
  const http = new HttpAgent({ keepAlive: true });

  const begin = ({ method, url, headers, body, signal }: Sent) => {
    const options = { method, headers, signal };
    const sending = url.startsWith("https:")
      ? overHttps(url, { ...options, agent: https })
      : overHttp(url, { ...options, agent: http });
    sending.end(body);
    return sending;
  };

  return {
    send: (sent) =>
      new Promise((resolve, reject) => {
        const sending = begin(sent);
        sending.once("error", reject);
        sending.once("response", (answer) => void read(answer).then(resolve, reject));
      }),
    upgrade: (sent) =>
      new Promise((resolve, reject) => {
        const sending = begin(sent);
        sending.once("error", reject);
        sending.once("response", (answer) => void read(answer).then(resolve, reject));
        sending.once("upgrade", (answer, connection, head) => {
          if (head.length > 0) connection.unshift(head);
          resolve({ connection, headers: answer.headers });
        });
      }),
  };
}

/** NB: only for a certificate that the operator has given: the system's authorities say nothing about that name. */
const isIts: typeof checkServerIdentity = (host, certificate) =>
  checkServerIdentity(host, certificate) && checkServerIdentity(OWN_NAME, certificate);

async function read(answer: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text: Buffer.concat(chunks).toString("utf8"),
  };
}
