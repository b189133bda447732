import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import type { Hono } from "hono";
import { SetupError } from "../ports.ts";

/** A request that has not arrived in full by then is cut: GitHub itself gives up after 10 s. */
const REQUEST_MS = 10_000;
/** How long requests that are being answered may take when the listener closes. */
const GRACE_MS = 5_000;

export type WebListener = {
  /** Base address, with the port that was given by the system if 0 was asked for. */
  url: string;
  /** Answers by these routes from now on. */
  serve(routes: Routes): void;
  /** Stops accepting, lets answers end, cuts what is left after 5 s. */
  close(): Promise<void>;
};

type Routes = Hono<{ Bindings: HttpBindings }>;

/** Opens the web listener. Throws `SetupError` if the address cannot be had. */
export async function startWebListener(options: {
  listen: { host: string; port: number };
  routes: Routes;
}): Promise<WebListener> {
  const { host, port } = options.listen;
  let { routes } = options;
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    getRequestListener((request, bindings) => routes.fetch(request, bindings as HttpBindings)),
  );
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new SetupError(`Cannot listen on ${host} port ${port}. Set another address for the web listener.`, {
      cause,
    });
  }
  const address = server.address();
  const openPort = typeof address === "object" && address ? address.port : port;
  let closed: Promise<void> | undefined;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${openPort}`,
    serve(others) {
      routes = others;
    },
    close: () => (closed ??= close(server)),
  };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearTimeout(cut);
}
