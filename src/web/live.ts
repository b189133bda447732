import type { Context } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { Logger } from "pino";
import type { Clock } from "../ports.ts";
import type { Changes } from "./changes.ts";
import type { Html } from "./layout.ts";

export type LiveParts = {
  changes: Pick<Changes, "count" | "next">;
  clock: Clock;
  closing: AbortSignal;
  log: Logger;
};

/** Pages that are kept new at a time: each is made again whenever something changes. */
const MOST_STREAMS = 100;
/** A burst of changes is one new page. */
const GAP_MS = 500;

export type Live = {
  /** When the viewer's session ends. */
  until: number;
  /** Makes the body anew after this long, although nothing has changed. */
  everyMs: number;
  /** Undefined: it may not be seen any more. */
  render: () => Promise<Html | undefined>;
};

/** Sends a page's body again whenever it has changed, as server-sent events, until the browser leaves. */
export function liveStreams({
  changes,
  clock,
  closing,
  log,
}: LiveParts): (c: Context, live: Live) => Response {
  let open = 0;

  async function send(stream: SSEStreamingApi, { until, everyMs, render }: Live): Promise<void> {
    const left = new AbortController();
    stream.onAbort(() => left.abort());
    const signal = AbortSignal.any([left.signal, closing]);
    let sent = "";
    while (!signal.aborted && clock.now() < until) {
      const count = changes.count();
      const body = await render();
      if (body === undefined) return;
      const text = String(await body);
      if (text === sent) await stream.write(": nothing new\n\n");
      else await stream.writeSSE({ event: "body", data: text });
      sent = text;
      await clock.until(clock.now() + GAP_MS, signal);
      await changes.next(count, Math.min(until, clock.now() + everyMs), signal);
    }
  }

  return (c, live) => {
    if (open >= MOST_STREAMS) return c.text("Too many pages are open. Load this one again by hand.", 503);
    // NB: nginx would hold the events back until they fill a buffer.
    c.header("x-accel-buffering", "no");
    open += 1;
    return streamSSE(c, async (stream) => {
      try {
        await send(stream, live);
      } catch (err) {
        log.error({ err }, "a page could not be kept new");
      } finally {
        open -= 1;
      }
    });
  };
}
