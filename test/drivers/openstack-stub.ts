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
  /** The next calls that match are answered so, before anything is done. `status` 0: the line goes dead. */
  fail: (call: RegExp, reply: Failure, times?: number) => void;
  /** No token that was given so far is good any more. */
  endTokens: () => void;
  close: () => Promise<void>;
};

const PASSWORD = "stub-password-that-nobody-may-see";

export async function openStub(): Promise<Stub> {
  const world = newWorld();
  const calls: string[] = [];
  const failures: { call: RegExp; reply: Failure; times: number }[] = [];
  const tokens = new Set<string>();
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
    const failure = failures.find((each) => each.times > 0 && each.call.test(call));
    if (failure) failure.times -= 1;
    const body = sent === "" ? undefined : JSON.parse(sent);
    const reply =
      failure?.reply ??
      answer({ call, method: request.method ?? "", service, path, query: searchParams, body }, request);
    if (reply.status === 0) return void response.destroy();
    response.writeHead(reply.status, {
      "content-type": "application/json",
      "x-openstack-request-id": `req-${calls.length}`,
      ...reply.headers,
    });
    response.end(reply.body === undefined ? "" : JSON.stringify(reply.body));
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
    fail: (call, reply, times = 1) => void failures.push({ call, reply, times }),
    endTokens: () => tokens.clear(),
    close: async () => {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

function tokenOf({ tokenSeconds, roles }: World, url: string): object {
  const service = (type: string, path: string) => ({
    type,
    endpoints: [{ interface: "public", region_id: "RegionOne", region: "RegionOne", url: `${url}/${path}` }],
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
