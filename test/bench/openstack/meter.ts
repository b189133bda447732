import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** A call to the cloud. `kind`: what it asks, without ids, as `POST compute /servers`. */
export type Metered = { kind: string; status: number; at: number; ms: number };

/** A cloud as seen through a port of its own, on which every call is counted. */
export type Meter = {
  /** The address of Keystone, through the meter. */
  authUrl: string;
  calls: Metered[];
  /** The most calls that were under way at once: of `all`, and of those of each kind. */
  peaks: () => Record<string, number>;
  close(): Promise<void>;
};

export type Watch = {
  /** A server was ordered. `userData`: as the VM will see it. */
  onOrdered: (id: string, userData: string) => void;
  /** A list says that a server is up. */
  onUp: (id: string) => void;
};

/**
 * Passes on what comes to `/<port>/…`, to that port of this computer. Addresses in answers are changed to lead here again: those of
 * the catalogue, and those of the next page.
 */
export async function startMeter(authUrl: string, watch: Watch): Promise<Meter> {
  const calls: Metered[] = [];
  const counts = counter();
  const server = createServer((incoming, outgoing) => {
    const { port, path } = split(incoming.url ?? "");
    const kind = `${incoming.method} ${kindOf(path)}`;
    const end = counts.begin(kind);
    const at = Date.now();
    pass({ incoming, port, path }, here)
      .then((reply) => {
        calls.push({ kind, status: reply.status, at, ms: Date.now() - at });
        end();
        tell(kind, reply, watch);
        send(outgoing, reply);
      })
      .catch((error: unknown) => {
        end();
        outgoing.destroy(error instanceof Error ? error : undefined);
      });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    authUrl: through(authUrl, here),
    calls,
    peaks: counts.peaks,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function counter() {
  const open = new Map<string, number>();
  const peaks = new Map<string, number>();
  const ALL = "all";
  const change = (kind: string, by: number) => {
    const now = (open.get(kind) ?? 0) + by;
    open.set(kind, now);
    peaks.set(kind, Math.max(peaks.get(kind) ?? 0, now));
  };
  return {
    begin(kind: string): () => void {
      for (const each of [ALL, kind]) change(each, 1);
      return () => {
        for (const each of [ALL, kind]) change(each, -1);
      };
    },
    peaks: () => Object.fromEntries(peaks),
  };
}

function split(url: string): { port: number; path: string } {
  const [, port, path] = /^\/(\d+)(\/.*)?$/.exec(url) ?? [];
  return { port: Number(port), path: path ?? "/" };
}

const through = (text: string, here: string): string =>
  text.replaceAll(/http:\/\/127\.0\.0\.1:(\d+)/g, (_all, port) => `${here}/${port}`);

/** `/v2.1/servers/4a…/action?x=y` is `/servers/…/action`. A page that is not a list's first has a kind of its own. */
function kindOf(path: string): string {
  const [plain = "", query = ""] = path.split("?");
  const kind = plain
    .replace(/^\/(identity\/|compute\/|image\/|network\/)?v\d(\.\d)?(?=\/|$)/, "")
    .replaceAll(/\/[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f-]{18,}(?=\/|$)/g, "/…");
  return `${kind || "/"}${query.includes("marker=") ? " (next page)" : ""}`;
}

type Passing = { incoming: IncomingMessage; port: number; path: string };
type Reply = { status: number; headers: IncomingMessage["headers"]; body: Buffer; asked: string };

async function pass({ incoming, port, path }: Passing, here: string): Promise<Reply> {
  const asked = await buffer(incoming);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = { ...incoming.headers, host: `127.0.0.1:${port}` };
  const call = request({ host: "127.0.0.1", port, path, method: incoming.method, headers, agent: false });
  call.on("response", resolve).on("error", reject);
  call.end(asked);
  const reply = await promise;
  const came = await buffer(reply);
  const isJson = reply.headers["content-type"]?.startsWith("application/json");
  const body = isJson ? Buffer.from(through(came.toString(), here)) : came;
  return { status: reply.statusCode ?? 502, headers: reply.headers, body, asked: asked.toString() };
}

function send(outgoing: ServerResponse, { status, headers, body }: Reply): void {
  const { "transfer-encoding": _chunked, connection: _connection, ...kept } = headers;
  outgoing.writeHead(status, {
    ...kept,
    ...(body.length > 0 || kept["content-length"] ? { "content-length": body.length } : {}),
  });
  outgoing.end(body);
}

type Listed = { servers?: { id: string; status: string }[] };

function tell(kind: string, { status, body, asked }: Reply, { onOrdered, onUp }: Watch): void {
  if (kind === "POST /servers" && status === 202) {
    const { user_data = "" } = (JSON.parse(asked) as { server: { user_data?: string } }).server;
    const { id } = (JSON.parse(body.toString()) as { server: { id: string } }).server;
    onOrdered(id, Buffer.from(user_data, "base64").toString());
  }
  if (kind.startsWith("GET /servers/detail") && status === 200) {
    const { servers = [] } = JSON.parse(body.toString()) as Listed;
    for (const { id, status: state } of servers) if (state === "ACTIVE") onUp(id);
  }
}
