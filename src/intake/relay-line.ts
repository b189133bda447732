import { SmeeClient } from "smee-client";

export type LineOptions = {
  url: string;
  /** The last message that was seen; a relay that keeps some sends those after it. */
  after: string;
  onOpen: () => void;
  onPing: () => void;
  onMessage: (data: string, id: string) => void;
  /** What has come is read on only when this resolves. */
  untilRoom: () => Promise<void>;
  /** A message with more bytes ends the line. */
  largest: number;
};

/** One line to a relay. It is opened once. */
export type Line = {
  /** Resolves to the reason when the line has ended, or could not be opened. */
  ended: Promise<string>;
  close(why: string): void;
};

/** NB: smee-client wants an address to forward to, also when it is told to forward nothing. */
const NOWHERE = "http://127.0.0.1";
const quiet = { info: () => {}, error: () => {} };

/**
 * Opens a line with smee-client, whose proxy settings come from the environment. Nothing is forwarded over HTTP.
 * WARN: left alone, smee-client is dead for ever after one answer that is not 200, and takes five minutes to see that a line is silent.
 * So the first error ends the line, and opening another is for the caller.
 */
export function openLine({ url, onOpen, onPing, onMessage, ...flow }: LineOptions): Line {
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  const client = new SmeeClient({
    source: url,
    target: NOWHERE,
    forward: false,
    logger: quiet,
    fetch: guardedFetch(flow),
  });
  const close = (why: string) => {
    end(why);
    // NB: the client sets a timer after it has told of an error, and only a stop that comes later takes it back.
    queueMicrotask(() => void client.stop());
  };
  const fail = (error: { message?: string | undefined }) => close(error.message ?? "the relay ended it");
  client.onopen = onOpen;
  client.onerror = fail;
  client.onmessage = ({ data, lastEventId }) => onMessage(String(data), lastEventId);
  client.start().then((events) => {
    events.addEventListener("ping", onPing);
    events.addEventListener("ready", onPing);
  }, fail);
  return { ended, close };
}

type Flow = Pick<LineOptions, "after" | "untilRoom" | "largest">;

function guardedFetch({ after, untilRoom, largest }: Flow): typeof fetch {
  return async (url, options) => {
    const headers = { ...options?.headers, "last-event-id": after };
    // WARN: no redirects. They could lead to an address without TLS, or to one inside.
    const response = await fetch(url, { ...options, headers, redirect: "error" });
    const body = response.body?.pipeThrough(guard(untilRoom, largest)) ?? null;
    return new Response(body, response);
  };
}

/** Lets nothing by while there is no room, and no message that is too large: the parser would gather all of it. */
function guard(untilRoom: () => Promise<void>, largest: number): TransformStream<Uint8Array, Uint8Array> {
  let messageBytes = 0;
  let isLineEmpty = true;
  return new TransformStream({
    async transform(chunk, controller) {
      await untilRoom();
      for (const byte of chunk) {
        if (byte === CARRIAGE_RETURN) continue;
        messageBytes = byte === LINE_FEED && isLineEmpty ? 0 : messageBytes + 1;
        isLineEmpty = byte === LINE_FEED;
        if (messageBytes > largest) throw new Error("the relay sent a message that is too large");
      }
      controller.enqueue(chunk);
    },
  });
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
