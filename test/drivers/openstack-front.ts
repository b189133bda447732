import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** Stands in front of a genuine cloud: all calls go through it, and may be spoiled on their way. */
export type Front = {
  /** Where Keystone seems to be. The catalogue that it gives leads back here. */
  url: string;
  /** Every call, such as `GET :8774/v2.1/servers/detail?tags=…`. */
  calls: string[];
  /** The token of the last call. */
  token: () => string;
  /** The next calls that match are answered so, and do not reach the cloud. */
  fail: (call: RegExp, status: number, body: unknown, times?: number) => void;
  close: () => Promise<void>;
};

/** `keystone`: such as `http://127.0.0.1:5000/v3`. */
export async function openFront(keystone: string): Promise<Front> {
  const { origin } = new URL(keystone);
  const calls: string[] = [];
  let token = "";
  const failures: { call: RegExp; status: number; body: unknown; times: number }[] = [];
  const server = createServer((request, response) => void pass(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { port, rest } = /^\/to\/(?<port>\d+)(?<rest>.*)$/.exec(request.url ?? "")?.groups ?? {};
    const target = port === undefined ? `${origin}${request.url}` : `http://127.0.0.1:${port}${rest}`;
    const call = `${request.method} ${decodeURIComponent(target.replace(/^http:\/\/127\.0\.0\.1/, ""))}`;
    calls.push(call);
    token = String(request.headers["x-auth-token"] ?? token);
    const failure = failures.find((each) => each.times > 0 && each.call.test(call));
    if (failure) {
      failure.times -= 1;
      response.writeHead(failure.status, { "content-type": "application/json" });
      response.end(JSON.stringify(failure.body));
      return;
    }
    await forward(target, request, response).catch(() => response.destroy());
  }

  async function forward(target: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const { host: _host, connection: _connection, "content-length": _length, ...headers } = request.headers;
    const method = request.method ?? "GET";
    const sent = { method, headers: headers as Record<string, string>, ...(body === "" ? {} : { body }) };
    const answer = await fetch(target, sent);
    const said = (await answer.text()).replaceAll(/http:\/\/127\.0\.0\.1:(\d+)/g, `${url}/to/$1`);
    const {
      "content-length": _old,
      "content-encoding": _coding,
      ...kept
    } = Object.fromEntries(answer.headers);
    response.writeHead(answer.status, kept);
    response.end(said);
  }

  return {
    ...{ url, calls },
    token: () => token,
    fail: (call, status, body, times = 1) => void failures.push({ call, status, body, times }),
    close: async () => {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
