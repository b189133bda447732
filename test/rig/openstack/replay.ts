import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { serve } from "@hono/node-server";
import { type Context, Hono, type Next } from "hono";
import { type Exchange, type Recorded, readRecorded } from "./recorded.ts";
import { computeApi } from "./replay-compute.ts";
import { imageApi, networkApi } from "./replay-others.ts";
import { type Answer, play, say } from "./replay-say.ts";
import { newWorld, type World } from "./replay-world.ts";

/** A server that plays an OpenStack from replies of a genuine one. See: README.md for what it can do, and what it is not. */
export type Replay = {
  /** What leads to it, as `OS_*` variables. */
  env: Record<string, string>;
  world: World;
  /** What was recorded, with this server's addresses in it: `fault`s can be answered with these. */
  recorded: Recorded;
  /** Every call, such as `GET compute /v2.1/servers/detail?limit=2`, oldest first. */
  calls: Call[];
  /** From now on calls that fit go wrong. The first that fits and has uses left is applied. */
  fail: (fault: Fault) => void;
  /** No token that was given so far is good any more. */
  endTokens: () => void;
  close: () => Promise<void>;
};

export type Call = { call: string; at: number };

export type Fault = {
  call: RegExp;
  /** Usually once. */
  times?: number | undefined;
  /** The answer comes so much later. */
  delayMs?: number | undefined;
  /** Said instead, and nothing is done. `silence`: there is no answer. None: the call is only late. */
  answer?: Answer | "silence" | undefined;
};

export type ReplayOptions = {
  /** Laid over an empty cloud. */
  world?: Partial<World> | undefined;
  tokenSeconds?: number | undefined;
  now?: (() => number) | undefined;
};

const DAY_SECONDS = 86_400;

/**
 * A limit on the rate of calls. NB: written by hand, since no rig can be made to say it: Nova itself has no such limit any more, and
 * proxies before it have. See: Nova's API guide, "Faults" (overLimit).
 */
export const overLimit = (status: 413 | 429, retryAfterSeconds: number): Answer => ({
  status,
  headers: { "content-type": "application/json", "retry-after": String(retryAfterSeconds) },
  body: {
    overLimit: {
      code: status,
      message: "This request was rate-limited.",
      retryAfter: String(retryAfterSeconds),
    },
  },
});

const CREDENTIAL = "00000000000000000000000000000001";

/** What all calls share. */
type Desk = {
  recorded: Recorded;
  now: () => number;
  calls: Call[];
  faults: Fault[];
  /** Until when each is good. */
  tokens: Map<string, number>;
  tokenMs: number;
  secret: string;
};

export async function startReplay(options: ReplayOptions = {}): Promise<Replay> {
  // NB: Nova's versions are at an address that ends in a slash.
  const site = new Hono({ strict: false });
  const server = serve({ fetch: site.fetch, hostname: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const recorded = recordedAt(url);
  const now = options.now ?? Date.now;
  const world = Object.assign(newWorld(recorded, now), options.world);
  const desk: Desk = {
    ...{ recorded, now, calls: [], faults: [], tokens: new Map() },
    ...{ tokenMs: (options.tokenSeconds ?? DAY_SECONDS) * 1000, secret: randomBytes(16).toString("hex") },
  };
  site.use((c, next) => take(desk, c, next));
  site.post("/identity/v3/auth/tokens", (c) => signIn(desk, c));
  site.use((c, next) => letIn(desk, c, next));
  site.route("/compute/v2.1", computeApi(world));
  site.route("/image/v2", imageApi(world));
  site.route("/network/v2.0", networkApi(world));
  return {
    env: {
      ...{ OS_AUTH_URL: `${url}/identity/v3`, OS_AUTH_TYPE: "v3applicationcredential" },
      ...{ OS_APPLICATION_CREDENTIAL_ID: CREDENTIAL, OS_APPLICATION_CREDENTIAL_SECRET: desk.secret },
    },
    ...{ world, recorded, calls: desk.calls },
    fail: (fault) => void desk.faults.push({ times: 1, ...fault }),
    endTokens: () => desk.tokens.clear(),
    close: async () => {
      const closed = once(server, "close");
      server.close();
      if ("closeAllConnections" in server) server.closeAllConnections();
      await closed;
    },
  };
}

/** NB: `http://compute` and its like stand for the services' addresses in what was recorded. */
function recordedAt(url: string): Recorded {
  return JSON.parse(
    JSON.stringify(readRecorded()).replaceAll(
      /http:\/\/(identity|compute|image|network|placement)/g,
      `${url}/$1`,
    ),
  );
}

/** Writes a call down, and lets it go wrong if it is to. */
async function take(desk: Desk, c: Context, next: Next): Promise<Response | undefined> {
  const { pathname, search } = new URL(c.req.url);
  const [, service, ...path] = pathname.split("/");
  const asked = decodeURIComponent(`/${path.join("/")}${search.replaceAll("+", " ")}`);
  const words = `${c.req.method} ${service} ${asked}`;
  const call: Call = { call: words, at: desk.now() };
  desk.calls.push(call);
  const fault = desk.faults.find(({ call, times = 0 }) => times > 0 && call.test(words));
  if (fault) fault.times = (fault.times ?? 0) - 1;
  if (fault?.delayMs) await delay(fault.delayMs);
  if (fault?.answer === "silence") await new Promise(() => {});
  if (fault?.answer && fault.answer !== "silence") return say(fault.answer);
  await next();
  return undefined;
}

async function signIn({ recorded, now, tokens, tokenMs, secret }: Desk, c: Context): Promise<Response> {
  const given = (await c.req.json()).auth.identity.application_credential;
  if (given?.id !== CREDENTIAL || given.secret !== secret) {
    return play(c, recorded.identity["credential refused"]);
  }
  const token = `gAAAAAB${randomUUID()}`;
  const [issued, ends] = [now(), now() + tokenMs];
  tokens.set(token, ends);
  const { status, headers, body } = recorded.identity["token by credential"] as Exchange;
  const times = { issued_at: timeOf(issued), expires_at: timeOf(ends) };
  return say({
    status,
    headers: { ...headers, "x-subject-token": token },
    body: { token: { ...(body as { token: object }).token, ...times } },
  });
}

/** Keystone has millionths of seconds. */
const timeOf = (at: number): string => new Date(at).toISOString().replace("Z", "000Z");

async function letIn({ recorded, now, tokens }: Desk, c: Context, next: Next): Promise<Response | undefined> {
  const isGood = (tokens.get(c.req.header("x-auth-token") ?? "") ?? 0) > now();
  const service = c.req.path.split("/")[1] as "compute" | "image" | "network";
  if (!isGood && c.req.path !== VERSION_PATH) return play(c, recorded[service]?.unauthorized);
  await next();
  return undefined;
}

/** Nova tells its versions to everybody. */
const VERSION_PATH = "/compute/v2.1/";
