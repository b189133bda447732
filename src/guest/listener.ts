import { once } from "node:events";
import { createServer, type Server, type ServerOptions } from "node:https";
import type { Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Logger } from "pino";
import type { Fact, State } from "../core/facts.ts";
import type { MachineName } from "../core/types.ts";
import { type Clock, type Guests, type Ring, SetupError } from "../ports.ts";
import { openAllowance } from "./allowance.ts";
import { openPolls } from "./polls.ts";
import { guestRoutes } from "./routes.ts";

export type GuestListenerParts = {
  listen: { host: string; port: number };
  /** PEM; see `openAuthority`. */
  tls: { cert: string; key: string };
  state: () => State;
  record: (facts: readonly Fact[]) => Promise<void>;
  ring: Ring;
  clock: Clock;
  log: Logger;
  /** Default: `LIMITS`. */
  limits?: Partial<ConnectionLimits> | undefined;
};

/** So that VMs cannot exhaust the controller. */
export type ConnectionLimits = {
  /** A connection that says nothing, or not all, is held for so long, and half as long again, at most. */
  requestMs: number;
  connections: number;
  connectionsPerAddress: number;
};

/**
 * More connections than one controller has machines; each machine holds one while it asks.
 * NB: with some networks all VMs of a host come from one address.
 */
const LIMITS: ConnectionLimits = { requestMs: 10_000, connections: 4000, connectionsPerAddress: 400 };

export type GuestListener = {
  guests: Guests;
  /** Base address, with the port that was given by the system if 0 was asked for. */
  url: string;
  /** Ends the open claims (their guests ask again), lets answers end, cuts what is left. */
  close(): Promise<void>;
};

/** A claim is answered by then. See: guest/contract.md. */
const CLAIM_MS = 25_000;
/** Longer than a claim, or claims would be cut. */
const SILENCE_MS = 60_000;
const GRACE_MS = 2000;

/** Opens the HTTPS listener that guests call. Throws `SetupError` if the address cannot be had. */
export async function startGuestListener(parts: GuestListenerParts): Promise<GuestListener> {
  const { clock, log, state } = parts;
  const polls = openPolls(clock, CLAIM_MS);
  const allowance = openAllowance(clock);
  const heard = new Map<MachineName, number>();
  const hear = (name: MachineName): void => {
    if (!heard.has(name)) forgetOthers(heard, allowance.keep, state());
    heard.set(name, clock.now());
  };
  const routes = guestRoutes({ ...parts, polls, allowance, hear });
  const limits = { ...LIMITS, ...parts.limits };
  const server = createServer({ ...parts.tls, ...httpsOptions(limits) }, getRequestListener(routes.fetch));
  server.setTimeout(SILENCE_MS);
  limitConnections(server, limits);
  server.on("tlsClientError", (err) => log.debug({ err }, "a guest's connection failed"));
  return {
    guests: { polling: polls.names, heardAt: (name) => heard.get(name), answer: polls.answer },
    url: await listen(server, parts.listen),
    close: async () => {
      const closed = once(server, "close");
      server.close();
      polls.close();
      const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await closed;
      clearTimeout(cut);
    },
  };
}

/** What is kept of machines must not grow for ever: the first call of a new one is when the old ones are dropped. */
function forgetOthers(
  heard: Map<MachineName, number>,
  keep: (machines: State["machines"]) => void,
  { machines }: State,
): void {
  for (const name of heard.keys()) if (!machines.has(name)) heard.delete(name);
  keep(machines);
}

const httpsOptions = ({ requestMs }: ConnectionLimits): ServerOptions => ({
  minVersion: "TLSv1.2",
  handshakeTimeout: requestMs,
  headersTimeout: requestMs,
  requestTimeout: requestMs,
  connectionsCheckingInterval: requestMs / 2,
  maxHeaderSize: 8 * 1024,
});

function limitConnections(server: Server, limits: ConnectionLimits): void {
  const open = new Map<string, number>();
  server.maxConnections = limits.connections;
  server.on("connection", (socket: Socket) => {
    const from = socket.remoteAddress ?? "";
    const count = (open.get(from) ?? 0) + 1;
    open.set(from, count);
    socket.once("close", () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left > 0) open.set(from, left);
      else open.delete(from);
    });
    if (count > limits.connectionsPerAddress) socket.destroy();
  });
}

async function listen(server: Server, { host, port }: GuestListenerParts["listen"]): Promise<string> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new SetupError(
      `Cannot listen on ${host} port ${port}. Set another address for the guest listener.`,
      { cause },
    );
  }
  const address = server.address();
  const openPort = typeof address === "object" && address ? address.port : port;
  return `https://${host.includes(":") ? `[${host}]` : host}:${openPort}`;
}
