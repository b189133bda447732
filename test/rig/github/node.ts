import type { Socket } from "node:net";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";

/** The TCP connection of a request. */
export const connectionOf = (c: Context): Socket => (c.env as HttpBindings).incoming.socket;
