import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type Asked, answerOf, type Failure, newWorld, PROJECT, type World } from "./openstack-stub-world.ts";

/**
 * A cloud in a few lines, whose answers are shaped as those of a genuine one (Zed): for what a genuine one cannot be made to do, such
 * as to fail on the spot. It is no proof that the driver can talk to a cloud; `openstack.openstack.ts` is.
 */
export type Stub = {
  /** What the driver reads instead of clouds.yaml. */
  env: Record<string, string>;
  /** What is in the cloud. Tests change it as they like. */
  world: World;
  /** Every call, such as `GET nova /servers/detail?tags=…`. */
  calls: string[];
  /** The next calls that match are answered so, and nothing is done. */
  fail: (call: RegExp, reply: Failure | "silence", times?: number) => void;
  /** All calls that match are answered so, when that many have been let through. */
  failAfter: (call: RegExp, letThrough: number, reply: Failure) => void;
  /** Nothing fails any more. */
  recover: () => void;
  /** Runs after each call that matches, before its answer is sent. */
  watch: (call: RegExp, run: () => Promise<void>) => void;
  /** How many of these calls were under way together at most. */
  mostAtOnce: (call: RegExp) => number;
  /** No token that was given so far is good any more. */
  endTokens: () => void;
  close: () => Promise<void>;
};

const CALL_MS = 2;
const PASSWORD = "stub-password-that-nobody-may-see";

export async function openStub(): Promise<Stub> {
  const world = newWorld();
  const calls: string[] = [];
  const failures: { call: RegExp; reply: Failure | "silence"; times: number; letThrough: number }[] = [];
  const watches: { call: RegExp; run: () => Promise<void> }[] = [];
  const tokens = new Set<string>();
  const underWay = new Map<string, number>();
  const most = new Map<string, number>();
  const server = createServer((request, response) => void take(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sent = await text(request);
    const { pathname, search, searchParams } = new URL(request.url ?? "/", url);
    const [, service = "", ...rest] = pathname.split("/");
    const path = `/${rest.join("/")}`;
    const call = `${request.method} ${service} ${decodeURIComponent(path + search)}`;
    calls.push(call);
    const kind = call.replace(/[0-9a-f-]{36}/, "<id>");
    const now = (underWay.get(kind) ?? 0) + 1;
    underWay.set(kind, now);
    most.set(kind, Math.max(now, most.get(kind) ?? 0));
    // NB: long enough for others to come meanwhile, if they do.
    await new Promise((resolve) => setTimeout(resolve, CALL_MS));
    underWay.set(kind, (underWay.get(kind) ?? 1) - 1);
    const failure = failureOf(call);
    const body = sent === "" ? undefined : JSON.parse(sent);
    const reply =
      failure?.reply ??
      answer({ call, method: request.method ?? "", service, path, query: searchParams, body }, request);
    for (const each of watches) if (each.call.test(call)) await each.run();
    if (reply === "silence") return;
    response.writeHead(reply.status, {
      "content-type": "application/json",
      "x-openstack-request-id": `req-${calls.length}`,
      ...reply.headers,
    });
    response.end(typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body));
  }

  function failureOf(call: string): { reply: Failure | "silence" } | undefined {
    const found = failures.find((each) => each.times > 0 && each.call.test(call));
    if (!found) return undefined;
    if (found.letThrough > 0) {
      found.letThrough -= 1;
      return undefined;
    }
    found.times -= 1;
    return found;
  }

  function answer(asked: Asked, { headers }: IncomingMessage): Failure {
    if (asked.service === "v3") return signIn(asked);
    if (!tokens.has(String(headers["x-auth-token"])))
      return {
        status: 401,
        body: { error: { code: 401, message: "The request you have made requires authentication." } },
      };
    return (
      answerOf(asked, world) ?? {
        status: 404,
        body: { itemNotFound: { code: 404, message: "no such thing" } },
      }
    );
  }

  function signIn({ body }: Asked): Failure {
    if (body.auth.identity.password?.user.password !== PASSWORD)
      return {
        status: 401,
        body: {
          error: {
            code: 401,
            message: "The request you have made requires authentication.",
            title: "Unauthorized",
          },
        },
      };
    const token = `gAAAAAB${randomUUID()}`;
    tokens.add(token);
    return { status: 201, headers: { "x-subject-token": token }, body: { token: tokenOf(world, url) } };
  }

  return {
    env: {
      ...{ OS_AUTH_URL: url, OS_USERNAME: "demo", OS_PASSWORD: PASSWORD, OS_PROJECT_NAME: "demo" },
    },
    ...{ world, calls },
    fail: (call, reply, times = 1) => void failures.push({ call, reply, times, letThrough: 0 }),
    failAfter: (call, letThrough, reply) =>
      void failures.push({ call, reply, times: Number.POSITIVE_INFINITY, letThrough }),
    recover: () => void failures.splice(0),
    watch: (call, run) => void watches.push({ call, run }),
    mostAtOnce: (call) => Math.max(0, ...Array.from(most, ([kind, count]) => (call.test(kind) ? count : 0))),
    endTokens: () => tokens.clear(),
    close: async () => {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

function tokenOf({ tokenSeconds, roles, regions }: World, url: string): object {
  const service = (type: string, path: string) => ({
    type,
    endpoints: regions.map((id) => ({
      interface: "public",
      region_id: id,
      region: id,
      url: `${url}/${path}`,
    })),
  });
  return {
    issued_at: new Date().toISOString(),
    expires_at: new Date(Date.now() + tokenSeconds * 1000).toISOString(),
    project: { id: PROJECT, name: "demo" },
    roles: roles.map((name) => ({ id: name, name })),
    catalog: [
      service("compute", "nova/v2.1"),
      service("image", "glance"),
      service("network", "neutron"),
      service("volumev3", "cinder"),
    ],
  };
}
