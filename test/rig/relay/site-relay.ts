import { randomBytes } from "node:crypto";
import { getRequestListener } from "@hono/node-server";
import { systemClock } from "../../../src/clock.ts";
import { newLog } from "../../../src/log.ts";
import { relayServer } from "../../../src/relay/server.ts";
import { type Front, openFront } from "./front.ts";

/** The relay of a site: the real one, in this process, behind a port that can be cut. What it keeps survives a cut. */
export type SiteRelay = Pick<Front, "cut" | "mend" | "drop" | "mute" | "close"> & {
  /** Where GitHub posts and Mayfly listens. Secret. */
  url: string;
  token: string;
  /** How many listen now. */
  listeners: () => number;
};

export async function startSiteRelay(): Promise<SiteRelay> {
  const token = randomBytes(24).toString("hex");
  const log = newLog({ level: "error", to: process.stderr });
  const relay = relayServer({ token, secrets: [], clock: systemClock, log });
  const { cut, mend, drop, mute, ...front } = await openFront(getRequestListener(relay.routes.fetch));
  return {
    cut,
    mend,
    drop,
    mute,
    url: `http://127.0.0.1:${front.port}/${token}`,
    token,
    listeners: relay.listeners,
    close: async () => {
      relay.close();
      await front.close();
    },
  };
}
