import type { ServerResponse } from "node:http";
import type { Logger } from "pino";

export type ListenerLimits = {
  /** Most listeners at a time. */
  listeners: number;
  /** What may wait for a listener that is slow. */
  backlogBytes: number;
};

/** Those who listen, each on a response that does not end. */
export type Listeners = {
  count(): number;
  /** Begins the response, with what the listener missed. */
  add(response: ServerResponse, missed: readonly Buffer[]): void;
  send(frame: Buffer): void;
  /** Ends every response, and takes no listener any more. */
  close(): void;
};

const HEADERS = {
  "content-type": "text/event-stream",
  // Proxies must neither keep, pack nor hold back what goes by. See: nginx, ngx_http_proxy_module, proxy_buffering.
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
  connection: "close",
};
const READY = Buffer.from("event: ready\ndata: {}\n\n");

export function listenersOf(limits: ListenerLimits, log: Logger): Listeners {
  const listeners = new Set<ServerResponse>();
  let isClosed = false;
  return {
    count: () => listeners.size,
    add(response, missed) {
      // NB: a line that was cut without a word looks like one that is up. So it is the oldest that goes, not the newest.
      const [oldest] = listeners;
      if (oldest && listeners.size >= limits.listeners) cut(oldest, "there are too many");
      response.writeHead(200, HEADERS);
      if (isClosed) return void response.end();
      listeners.add(response);
      response.once("close", () => {
        if (listeners.delete(response)) log.info({ listeners: listeners.size }, "listener left");
      });
      for (const frame of [READY, ...missed]) response.write(frame);
      log.info({ listeners: listeners.size, missed: missed.length }, "listener came");
    },
    send(frame) {
      for (const response of listeners) {
        response.write(frame);
        if (response.writableLength > limits.backlogBytes) cut(response, "it is too slow");
      }
    },
    close() {
      isClosed = true;
      for (const response of listeners) {
        listeners.delete(response);
        response.end();
      }
    },
  };

  function cut(response: ServerResponse, why: string): void {
    listeners.delete(response);
    response.destroy();
    log.warn({ why, listeners: listeners.size }, "listener cut");
  }
}
