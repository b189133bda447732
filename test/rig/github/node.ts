import type { Socket } from "node:net";
import type { HttpBindings } from "@hono/node-server";
import type { Context, Next } from "hono";

/** The TCP connection of a request. */
export const connectionOf = (c: Context): Socket => (c.env as HttpBindings).incoming.socket;

/** Lets in only who calls from this machine: runners in VMs have no business there. */
export async function onlyThisMachine(c: Context, next: Next): Promise<Response | undefined> {
  const { remoteAddress = "", localAddress } = connectionOf(c);
  const isHere = remoteAddress === localAddress || LOOPBACK.has(remoteAddress);
  if (!isHere) return c.json({ message: `not from ${remoteAddress}` }, 403);
  await next();
  return undefined;
}

const LOOPBACK = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);
