import { describe, expect, onTestFinished, test } from "vitest";
import { requestOf, send } from "./api.ts";
import { type Exchange, type Recorded, shapeOf } from "./recorded.ts";
import { overLimit, type Replay, type ReplayOptions, startReplay } from "./replay.ts";
import { addImage, addServer, addThing } from "./replay-world.ts";

type Service = "compute" | "image" | "network";
type Reply = { status: number; headers: Headers; body: unknown };
type Ask = (service: Service, method: string, path: string, body?: unknown) => Promise<Reply>;
type Listed = { servers: { id: string }[]; servers_links?: { href: string }[] };

const TAG = "mayfly-controller=recorded";
const METADATA = { mayfly_repository: "octo/spinw", mayfly_image: "linux" };
const NOBODY = "3f0e5c0e-0000-4000-8000-000000000000";
const BASES = { compute: "/compute/v2.1", image: "/image/v2", network: "/network/v2.0" } as const;

describe("the replay is shaped as what was recorded", () => {
  test("signing in", async () => {
    const { replay, signIn } = await open();

    const good = await signIn();
    const bad = await signIn("wrong");

    expect(seen(good)).toEqual(recordedAs(replay, "identity", "token by credential"));
    expect(seen(bad)).toEqual(recordedAs(replay, "identity", "credential refused"));
  });

  test("calls without a good token", async () => {
    const { replay, ask } = await open();
    replay.endTokens();

    for (const [service, path] of [
      ["compute", "/servers"],
      ["image", "/images"],
      ["network", "/ports"],
    ] as const) {
      expect(seen(await ask(service, "GET", path))).toEqual(recordedAs(replay, service, "unauthorized"));
    }
  });

  test("what Nova has and allows", async () => {
    const { replay, ask } = await open();

    for (const [name, path] of [
      ["version", "/"],
      ["flavors", "/flavors/detail"],
      ["zones", "/os-availability-zone"],
      ["limits", "/limits"],
      ["list none", `/servers/detail?tags=${TAG}`],
    ] as const) {
      expect(seen(await ask("compute", "GET", path)), name).toEqual(recordedAs(replay, "compute", name));
    }
  });

  test("a server's life", async () => {
    let at = Date.now();
    const { replay, ask, order } = await open({ world: { buildMs: 1000, deleteMs: 1000 }, now: () => at });
    const compute = (name: string) => recordedAs(replay, "compute", name);
    const list = `/servers/detail?tags=${TAG}`;

    const made = await ask("compute", "POST", "/servers", order({}));
    const path = `/servers/${idOf(made)}`;
    expect(seen(made)).toEqual(compute("create"));
    expect(seen(await ask("compute", "GET", path))).toEqual(compute("show building"));
    expect(seen(await ask("compute", "GET", list))).toEqual(compute("list building"));
    at += 1000;
    expect(seen(await ask("compute", "GET", path))).toEqual(compute("show"));
    expect(seen(await ask("compute", "GET", list))).toEqual(compute("list"));
    const console = { "os-getConsoleOutput": {} };
    expect(seen(await ask("compute", "POST", `${path}/action`, console))).toEqual(compute("console"));
    expect((await ask("network", "GET", "/ports")).body).toMatchObject({
      ports: [{ device_id: idOf(made) }],
    });
    expect(seen(await ask("compute", "DELETE", path))).toEqual(compute("delete"));
    expect((await ask("compute", "GET", path)).body).toMatchObject({
      server: { "OS-EXT-STS:task_state": "deleting" },
    });
    at += 1000;
    expect(seen(await ask("compute", "GET", path))).toEqual(compute("gone"));
    expect(seen(await ask("compute", "DELETE", path))).toEqual(compute("delete gone"));
    expect(seen(await ask("compute", "POST", `${path}/action`, console))).toEqual(compute("console gone"));
    expect((await ask("network", "GET", "/ports")).body).toEqual({ ports: [] });
  });

  test("a server that found no host", async () => {
    const { replay, ask, order } = await open({ world: { room: 0 } });

    const made = await ask("compute", "POST", "/servers", order({}));

    const shown = await ask("compute", "GET", `/servers/${idOf(made)}`);
    const listed = await ask("compute", "GET", `/servers/detail?tags=${TAG}`);
    expect(seen(shown)).toEqual(recordedAs(replay, "compute", "show error"));
    expect(seen(listed)).toEqual(recordedAs(replay, "compute", "list error"));
    expect(shown.body).toMatchObject({
      server: { status: "ERROR", fault: { message: "No valid host was found. " } },
    });
  });

  test("a server that failed on its host", async () => {
    const { replay, ask } = await open();
    const { id } = addServer(replay.world, {
      name: "x",
      tags: [TAG, "other"],
      metadata: METADATA,
      fault: "it fell",
    });

    const shown = await ask("compute", "GET", `/servers/${id}`);
    const listed = await ask("compute", "GET", `/servers/detail?tags=${TAG}`);

    expect(seen(shown)).toEqual(recordedAs(replay, "compute", "show failed"));
    expect(seen(listed)).toEqual(recordedAs(replay, "compute", "list failed"));
    expect(listed.body).toMatchObject({ servers: [{ status: "ERROR", fault: { message: "it fell" } }] });
  });

  test("refused orders", async () => {
    const { replay, ask, order } = await open();
    const refused = async (name: string, fields: object) =>
      expect(seen(await ask("compute", "POST", "/servers", order(fields))), name).toEqual(
        recordedAs(replay, "compute", name),
      );

    await refused("flavour unknown", { flavorRef: NOBODY });
    await refused("image unknown", { imageRef: NOBODY });
    await refused("network unknown", { networks: [{ uuid: NOBODY }] });
    replay.world.quota = { instances: 0, cores: 0, ram: 0 };
    await refused("above quota", {});
    const { body } = await ask("compute", "POST", "/servers", order({}));
    expect(body).toEqual(replay.recorded.compute["above quota"]?.body);
  });

  test("pages of servers", async () => {
    const { replay, ask } = await open();
    for (let count = 0; count < 3; count += 1) {
      addServer(replay.world, { name: "x", tags: [TAG, "other"], metadata: METADATA });
    }
    const list = (query: string) => ask("compute", "GET", `/servers/detail?tags=${TAG}&${query}`);

    const first = await list("limit=2");
    const marker = (first.body as Listed).servers.at(-1)?.id;

    expect(seen(first)).toEqual(recordedAs(replay, "compute", "list page"));
    expect(seen(await list(`limit=2&marker=${marker}`))).toEqual(
      recordedAs(replay, "compute", "list last page"),
    );
    expect(seen(await list("limit=3"))).toEqual(recordedAs(replay, "compute", "list full page"));
    expect(seen(await list(`marker=${NOBODY}`))).toEqual(recordedAs(replay, "compute", "list after nobody"));
  });

  test("images", async () => {
    const { replay, ask } = await open();
    const tag = "mayfly:recorded:candidate";
    const properties = { mayfly_os: "linux", mayfly_runner_version: "1", mayfly_built_at: "2026" };
    const { id, owner } = addImage(replay.world, { name: "x", tags: [tag], ...properties });
    const image = (name: string) => recordedAs(replay, "image", name);
    const patch = [{ op: "add", path: "/mayfly_expires_at", value: "2026-02-01T00:00:00Z" }];

    for (const [name, method, path, body] of [
      ["show", "GET", `/images/${id}`],
      ["list", "GET", `/images?owner=${owner}&tag=${tag}`],
      ["list none", "GET", "/images?tag=mayfly:nothing:current"],
      ["list full page", "GET", `/images?owner=${owner}&tag=${tag}&limit=1`],
      ["add tag", "PUT", `/images/${id}/tags/mayfly:recorded:current`],
      ["remove tag", "DELETE", `/images/${id}/tags/${tag}`],
      ["patch", "PATCH", `/images/${id}`, patch],
      ["delete", "DELETE", `/images/${id}`],
      ["gone", "GET", `/images/${id}`],
    ] as const) {
      expect(seen(await ask("image", method, path, body)), name).toEqual(image(name));
    }
  });

  test("networks, ports and floating IPs", async () => {
    const { replay, ask } = await open();
    const { id } = addThing(replay.world, "ports", { tags: [] });
    const port = `/ports/${id}`;
    const address = `/floatingips/${addThing(replay.world, "floatingips", {}).id}`;

    for (const [name, method, path, body] of [
      ["networks", "GET", "/networks?name=lab"],
      ["networks none", "GET", "/networks?name=nothing"],
      ["networks external", "GET", "/networks?router:external=True"],
      ["subnets", "GET", "/subnets"],
      ["routers", "GET", "/routers"],
      ["security groups", "GET", "/security-groups?name=mayfly"],
      ["quota", "GET", "/quotas/1/details.json"],
      ["port create", "POST", "/ports", { port: {} }],
      ["port tags", "PUT", `${port}/tags`, { tags: ["recorded"] }],
      ["ports", "GET", "/ports?tags=recorded"],
      ["ports none", "GET", "/ports?tags=nothing"],
      ["floating IP create", "POST", "/floatingips", { floatingip: { port_id: id } }],
      ["floating IPs", "GET", "/floatingips"],
      ["floating IP delete", "DELETE", address],
      ["floating IP gone", "DELETE", address],
      ["port delete", "DELETE", port],
      ["port gone", "DELETE", port],
    ] as const) {
      expect(seen(await ask("network", method, path, body)), name).toEqual(
        recordedAs(replay, "network", name),
      );
    }
  });
});

describe("the replay", () => {
  test("lists 2,000 servers in pages, each of them once", async () => {
    const { replay, ask } = await open();
    for (let count = 0; count < 2000; count += 1) addServer(replay.world, { name: `m${count}`, tags: [TAG] });
    addServer(replay.world, { name: "other", tags: ["mayfly-controller=other"] });

    const ids: string[] = [];
    for (let marker = ""; ; ) {
      const { body } = await ask(
        "compute",
        "GET",
        `/servers/detail?tags=${TAG}${marker && `&marker=${marker}`}`,
      );
      const page = body as Listed;
      ids.push(...page.servers.map(({ id }) => id));
      if (!page.servers_links) break;
      marker = ids.at(-1) ?? "";
    }

    expect(new Set(ids).size).toBe(2000);
    expect(ids).toHaveLength(2000);
  });

  test("keeps a port that was there before its server, and lets go its floating IP with a port", async () => {
    const { replay, ask, order } = await open();
    const { world } = replay;
    const port = addThing(world, "ports", { tags: [] });
    const address = addThing(world, "floatingips", { port_id: port.id });

    const made = await ask("compute", "POST", "/servers", order({ networks: [{ port: port.id }] }));
    const whileThere = port.device_id;
    await ask("compute", "DELETE", `/servers/${idOf(made)}`);
    const after = await ask("network", "GET", "/ports");
    await ask("network", "DELETE", `/ports/${port.id}`);

    expect(whileThere).toBe(idOf(made));
    expect(after.body).toMatchObject({ ports: [{ id: port.id, device_id: "" }] });
    expect(world.floatingips.get(address.id)?.port_id).toBeNull();
  });

  test("goes wrong as often as it was told, and does nothing of what went wrong", async () => {
    const { replay, ask } = await open();
    const { id } = addServer(replay.world, { name: "x" });
    const locked = replay.recorded.compute["delete locked"] as Exchange;
    replay.fail({ call: /^DELETE compute/, answer: locked });
    replay.fail({ call: /^DELETE compute/, answer: overLimit(429, 7), times: 2 });

    const replies = [];
    for (let count = 0; count < 4; count += 1) replies.push(await ask("compute", "DELETE", `/servers/${id}`));

    expect(replies.map(({ status }) => status)).toEqual([409, 429, 429, 204]);
    expect(replies[1]?.headers.get("retry-after")).toBe("7");
  });

  test("is late, or silent, when it was told", async () => {
    const { replay, ask } = await open();
    const from = performance.now();
    replay.fail({ call: /^GET compute .*limits/, delayMs: 300 });
    replay.fail({ call: /^GET network/, answer: "silence" });

    const late = await ask("compute", "GET", "/limits");
    const lateMs = performance.now() - from;
    const silent = await Promise.race([
      ask("network", "GET", "/ports").catch(() => "closed"),
      new Promise((resolve) => setTimeout(resolve, 300, "silent")),
    ]);

    expect(late.status).toBe(200);
    expect(lateMs).toBeGreaterThanOrEqual(290);
    expect(silent).toBe("silent");
  });

  test("ends tokens at their time", async () => {
    let at = Date.now();
    const { ask } = await open({ tokenSeconds: 60, now: () => at });

    const before = await ask("compute", "GET", "/limits");
    at += 60_000;
    const after = await ask("compute", "GET", "/limits");

    expect([before.status, after.status]).toEqual([200, 401]);
  });

  test("shows any word of Nova's as a server's state", async () => {
    const { replay, ask } = await open();
    const server = addServer(replay.world, { name: "x" });
    server.status = "SHELVED_OFFLOADED";

    const { body } = await ask("compute", "GET", `/servers/${server.id}`);

    expect(body).toMatchObject({ server: { status: "SHELVED_OFFLOADED" } });
  });
});

/** A replay, somebody who is signed in, and an order that is right but for `fields`. */
async function open(options: ReplayOptions = {}) {
  const replay = await startReplay(options);
  onTestFinished(replay.close);
  const { OS_AUTH_URL: url, OS_APPLICATION_CREDENTIAL_ID: id, ...env } = replay.env;
  const signIn = (secret = env.OS_APPLICATION_CREDENTIAL_SECRET) => {
    const auth = { application_credential_id: id ?? "", application_credential_secret: secret ?? "" };
    return send(`${url}/auth/tokens`, "POST", { body: { auth: requestOf(auth) } });
  };
  const token = (await signIn()).headers.get("x-subject-token") ?? "";
  const root = url?.replace("/identity/v3", "");
  const ask: Ask = (service, method, path, body) =>
    send(`${root}${BASES[service]}${path}`, method, { body, headers: { "x-auth-token": token } });
  const image = addImage(replay.world, { name: "linux", tags: [] });
  const [flavor] = replay.world.flavors;
  const network = replay.world.networks.find(({ name }) => name === "lab");
  const order = (fields: object) => {
    const parts = { imageRef: image.id, flavorRef: flavor?.id, networks: [{ uuid: network?.id }] };
    return { server: { name: "x", tags: [TAG, "other"], metadata: METADATA, ...parts, ...fields } };
  };
  return { replay, signIn, ask, order };
}

const idOf = ({ body }: Reply): string => (body as { server: { id: string } }).server.id;

/** What of a reply is the same each time. */
const seen = ({ status, headers, body }: Reply) => ({
  status,
  headers: RECORDED_HEADERS.filter((name) => headers.has(name)),
  body: shapeOf(body),
});

const RECORDED_HEADERS = [
  "content-type",
  "location",
  "www-authenticate",
  "x-openstack-request-id",
  "x-subject-token",
];

function recordedAs(replay: Replay, service: keyof Recorded, name: string): ReturnType<typeof seen> {
  const { status, headers, body } = replay.recorded[service][name] as Exchange;
  return seen({ status, headers: new Headers(headers), body });
}
