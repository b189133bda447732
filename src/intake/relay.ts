import type { RelayHealth, Ring } from "../ports.ts";
import { acceptWebhook, LARGEST_MESSAGE } from "../webhook/accept.ts";
import { refusalLog } from "../webhook/refusals.ts";
import { signatureCheck } from "../webhook/signature.ts";
import { inflow } from "./inflow.ts";
import { type Line, openLine } from "./relay-line.ts";
import { readMessage } from "./relay-message.ts";
import type { WebhookOptions } from "./webhook.ts";

export type RelayOptions = WebhookOptions & {
  /** The channel's address: smee.io's or that of a `mayfly relay`. Whoever knows it can listen, so it is a secret. */
  url: string;
  /** Rung whenever webhooks may have been lost or spoilt, so that GitHub is asked what they were. Cheap; a hundred rings are one look. */
  lookSoon: Ring;
  /** From 0 to 1. */
  random?: () => number;
};

export type Relay = {
  health(): RelayHealth;
  /** Ends the line, and waits until what came over it is kept. */
  close(): Promise<void>;
};

/** Webhooks that are kept together; the store writes them in one transaction. */
const AT_ONCE = 16;
/** A relay pings every 30 s: two in a row were lost, and more. */
const SILENT_MS = 75_000;
/** Waits before the line is opened again: first this long, then twice as long each time. */
const AGAIN_MS = 1_000;
const AGAIN_MAX_MS = 60_000;
/** Ids of messages that can go into a header. */
const SENDABLE = /^[\x21-\x7e]{1,128}$/;
/** A line that held this long was a good one, and the next wait is the first again. */
const STEADY_MS = 30_000;

/**
 * Listens to a relay, and takes what comes over it as the webhook route does. A relay can delay, lose or repeat webhooks, and make
 * others up; so a body that its signature does not fit is never taken. Answers at once, whether the relay is there or not.
 * Throws `SetupError` for secrets that are missing or weak.
 */
export function followRelay(options: RelayOptions): Relay {
  const { url, keep, wake, lookSoon, clock, log, random = Math.random } = options;
  const verify = signatureCheck(options.secrets);
  const tellSpoilt = refusalLog(clock, log, "webhook spoilt on its way through the relay");
  const health: RelayHealth = {
    relay: new URL(url).host,
    isConnected: false,
    lastPingAt: undefined,
    lastEventAt: undefined,
    spoilt: 0,
    restarts: 0,
  };
  const taking = inflow(AT_ONCE, take);
  const closing = new AbortController();
  // NB: no relay has given this id, so one that keeps messages sends all it has. That helps after a start.
  let lastId = "none";
  let heardAt = 0;
  let line: Line | undefined;
  const ended = run();
  return {
    health: () => ({ ...health }),
    close: async () => {
      closing.abort();
      line?.close("Mayfly ends");
      await ended;
      await taking.untilDone();
    },
  };

  async function run(): Promise<void> {
    let failures = 0;
    while (!closing.signal.aborted) {
      const openedAt = clock.now();
      const why = await untilLineEnds();
      if (closing.signal.aborted) return;
      if (clock.now() - openedAt >= STEADY_MS) failures = 0;
      await waitAgain(failures, why);
      failures += 1;
      health.restarts += 1;
    }
  }

  /** Opens a line, and answers why it is no more. */
  async function untilLineEnds(): Promise<string> {
    const over = new AbortController();
    const opened = openLine({
      url,
      after: lastId,
      onOpen,
      onPing,
      onMessage,
      untilRoom: taking.untilRoom,
      largest: LARGEST_MESSAGE,
    });
    line = opened;
    heardAt = clock.now();
    void opened.ended.then(() => over.abort());
    while (!over.signal.aborted && clock.now() < heardAt + SILENT_MS) {
      await clock.until(heardAt + SILENT_MS, over.signal);
    }
    opened.close(`nothing was heard for ${SILENT_MS / 1000} s`);
    health.isConnected = false;
    return await opened.ended;
  }

  async function waitAgain(failures: number, why: string): Promise<void> {
    // After a relay's restart not all who listened are to come back at the same moment.
    const waitMs = (Math.min(AGAIN_MS * 2 ** failures, AGAIN_MAX_MS) * (1 + random())) / 2;
    const level = failures === 0 ? "warn" : "debug";
    log[level]({ relay: health.relay, why, againMs: Math.round(waitMs) }, "relay lost, will be tried again");
    await clock.until(clock.now() + waitMs, closing.signal);
  }

  function onOpen(): void {
    heardAt = clock.now();
    health.isConnected = true;
    log.info({ relay: health.relay }, "relay connected");
    // What was sent while nobody listened is lost, if the relay keeps nothing.
    lookSoon();
  }

  function onPing(): void {
    heardAt = clock.now();
    health.lastPingAt = heardAt;
  }

  function onMessage(data: string, id: string): void {
    heardAt = clock.now();
    health.lastEventAt = heardAt;
    if (SENDABLE.test(id)) lastId = id;
    taking.add(data);
  }

  async function take(data: string): Promise<void> {
    const message = readMessage(data);
    const delivery = "status" in message ? message : acceptWebhook(message.headers, message.body, verify);
    if ("status" in delivery) {
      health.spoilt += 1;
      tellSpoilt(delivery);
      return lookSoon();
    }
    try {
      if ((await keep({ ...delivery, receivedAt: clock.now() })) === "new") wake();
    } catch (err) {
      log.error({ delivery: delivery.id, err }, "webhook could not be kept");
      lookSoon();
    }
  }
}
