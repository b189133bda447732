import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The port at which a relay is reached, with all that can go wrong between a relay and those who use it. */
export type Front = {
  port: number;
  /**
   * Ends every line and takes no new one, until `mend`. `swallow`: what GitHub posts meanwhile is answered 200 and gone, as smee.io
   * loses it; else GitHub cannot connect either.
   */
  cut: (how?: { swallow?: boolean }) => Promise<void>;
  mend: () => Promise<void>;
  /** Ends every line once, without a word. */
  drop: () => void;
  /** The next request to listen is answered with this status. */
  failNext: (status: number) => void;
  /** Lines that are open stay open, and nothing comes over them any more. */
  mute: () => void;
  /** How often somebody asked to listen. */
  asked: () => number;
  close: () => Promise<void>;
};

/** Opens a port for a relay. */
export async function openFront(relay: RequestListener, port = 0): Promise<Front> {
  const lines = new Set<ServerResponse>();
  let asked = 0;
  let failWith: number | undefined;
  let server = await listen(port, handle);
  const openPort = (server.address() as AddressInfo).port;

  function handle(...[request, response]: Parameters<RequestListener>): void {
    if (request.method !== "GET") return void relay(request, response);
    asked += 1;
    const status = failWith;
    failWith = undefined;
    if (status !== undefined) return void response.writeHead(status).end();
    lines.add(response);
    response.once("close", () => lines.delete(response));
    relay(request, response);
  }

  return {
    port: openPort,
    cut: async ({ swallow = false } = {}) => {
      await shut(server);
      if (swallow) server = await listen(openPort, swallowing);
    },
    mend: async () => {
      await shut(server);
      server = await listen(openPort, handle);
    },
    drop: () => {
      for (const line of lines) line.destroy();
    },
    failNext: (status) => {
      failWith = status;
    },
    mute: () => {
      for (const line of lines) line.write = () => true;
    },
    asked: () => asked,
    close: () => shut(server),
  };
}

const swallowing: RequestListener = (request, response) => {
  if (request.method === "GET") return void request.socket.destroy();
  request.resume().once("end", () => response.end());
};

async function listen(port: number, handler: RequestListener): Promise<Server> {
  const server = createServer(handler);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return server;
}

function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
