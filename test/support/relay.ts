import { getRequestListener } from "@hono/node-server";
import { onTestFinished, vi } from "vitest";
import { followRelay, type RelayOptions } from "../../src/intake/relay.ts";
import type { Clock, Delivery } from "../../src/ports.ts";
import { relayServer, type RelayOptions as ServerOptions } from "../../src/relay/server.ts";
import { type Front, openFront } from "../rig/relay/front.ts";
import { smeeLike } from "../rig/relay/smee.ts";
import { fakeClock } from "./clock.ts";
import { keptLog } from "./log.ts";
import { SECRET, signed } from "./webhook.ts";

export const TOKEN = "a-token-that-only-tests-know";

/** Waits until it is so: what goes over a socket takes its time, on a busy machine more. */
export const soon = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, 10_000);

/** A relay to post to and to listen to. */
export type TestRelay = Front & {
  url: string;
  /** Posts as GitHub does, and answers the status. */
  post: (body: string, headers?: Record<string, string>) => Promise<number>;
  /** The relay sends a ping to all who listen. */
  ping: () => Promise<void>;
  logged: () => string;
};

type OurRelay = TestRelay & {
  listeners: () => number;
  /** The relay itself ends; its port stays. */
  end: () => void;
};

/** Our own relay. Its pings are told by hand. */
export async function ourRelay(options: Partial<ServerOptions> = {}): Promise<OurRelay> {
  const { log, text } = keptLog();
  const clock = fakeClock();
  const relay = relayServer({ token: TOKEN, secrets: [], clock, log, ...options });
  const front = await openFront(getRequestListener(relay.routes.fetch));
  onTestFinished(async () => {
    relay.close();
    await front.close();
  });
  const ping = () => clock.advance(30_000);
  return { ...faced(front), ping, logged: text, listeners: relay.listeners, end: relay.close };
}

/** A relay that does to bodies what smee.io does. */
export async function relayLikeSmee(): Promise<TestRelay> {
  const { handler, ping } = smeeLike();
  const front = await openFront(handler);
  onTestFinished(front.close);
  return { ...faced(front), ping: async () => ping(), logged: () => "" };
}

function faced(front: Front) {
  const url = `http://127.0.0.1:${front.port}/${TOKEN}`;
  const post = async (body: string, headers = signed(body)) =>
    (await fetch(url, { method: "POST", body, headers })).status;
  return { ...front, url, post };
}

/** Mayfly's side of the line, on a clock that stands still and without chance. */
export function follow(url: string, options: Partial<RelayOptions> & { clock?: Clock } = {}) {
  const kept = new Map<string, Delivery>();
  const { log, lines, text } = keptLog();
  const clock = fakeClock();
  const rung = { wake: 0, lookSoon: 0 };
  let offered = 0;
  const relay = followRelay({
    url,
    secrets: [SECRET],
    keep: async (delivery) => {
      offered += 1;
      const answer = kept.has(delivery.id) ? "known" : "new";
      if (answer === "new") kept.set(delivery.id, delivery);
      return answer;
    },
    wake: () => {
      rung.wake += 1;
    },
    lookSoon: () => {
      rung.lookSoon += 1;
    },
    clock,
    log,
    random: () => 0,
    ...options,
  });
  onTestFinished(relay.close);
  const payloads = () => [...kept.values()].map(({ payload }) => payload);
  return { relay, clock, payloads, kept, offered: () => offered, rung, lines, logged: text };
}
