import { type Context, Hono } from "hono";
import type { Exchange } from "./recorded.ts";
import { play } from "./replay-say.ts";
import {
  addServer,
  addThing,
  bodyOf,
  type Fields,
  NO_HOST,
  type ReplayServer,
  serversOf,
  type World,
} from "./replay-world.ts";

/** Nova, as far as Mayfly asks it. */
export function computeApi(world: World): Hono {
  const { compute } = world.recorded;
  const api = new Hono({ strict: false });
  const named = (c: Context) => serversOf(world).find(({ id }) => id === c.req.param("id"));
  api.get("/", (c) => play(c, compute.version));
  api.get("/flavors/detail", (c) => play(c, compute.flavors, { flavors: world.flavors }));
  api.get("/os-availability-zone", (c) => play(c, compute.zones));
  api.get("/limits", (c) => play(c, compute.limits, limitsOf(world)));
  api.get("/servers/detail", (c) => list(world, c));
  api.post("/servers", async (c) => create(world, c, (await c.req.json()).server));
  api.get("/servers/:id", (c) => {
    const server = named(c);
    return server
      ? play(c, compute.show, { server: bodyOf(world, server, "show") })
      : missing(c, compute.gone);
  });
  api.delete("/servers/:id", (c) => {
    const server = named(c);
    if (!server) return missing(c, compute["delete gone"]);
    server.deletedAt ??= world.now();
    return play(c, compute.delete);
  });
  api.post("/servers/:id/action", (c) =>
    named(c) ? play(c, compute.console) : missing(c, compute["console gone"]),
  );
  return api;
}

/** A page of the servers that have the tags. */
function list(world: World, c: Context): Response {
  const { compute } = world.recorded;
  const { tags, limit, marker } = c.req.query();
  const wanted = tags ? tags.split(",") : [];
  const all = serversOf(world).filter((server) => wanted.every((tag) => server.tags.includes(tag)));
  const from = marker === undefined ? 0 : all.findIndex(({ id }) => id === marker) + 1;
  if (marker !== undefined && from === 0) return play(c, compute["list after nobody"]);
  const most = Math.min(Number(limit ?? world.pageMost), world.pageMost);
  const page = all.slice(from, from + most);
  // NB: Nova says where to go on whenever a page is full, also if nothing comes after it.
  const next = page.length === most && page.length > 0 ? { servers_links: [nextOf(c, page)] } : {};
  return play(c, compute.list, { servers: page.map((server) => bodyOf(world, server, "list")), ...next });
}

function nextOf(c: Context, page: readonly ReplayServer[]): { rel: string; href: string } {
  const href = new URL(c.req.url);
  href.searchParams.set("marker", page.at(-1)?.id ?? "");
  return { rel: "next", href: href.href };
}

/** NB: looked at in Nova's order: what it does not know is refused before what it has no room for. */
function create(
  world: World,
  c: Context,
  order: Fields & { networks?: { uuid?: string; port?: string }[] | string },
): Response {
  const { compute } = world.recorded;
  const flavor = world.flavors.find(({ id }) => id === order.flavorRef);
  if (!flavor) return play(c, compute["flavour unknown"]);
  if (order.imageRef && !world.images.has(String(order.imageRef))) return play(c, compute["image unknown"]);
  const networks = Array.isArray(order.networks) ? order.networks : [];
  const isKnown = ({ uuid, port }: { uuid?: string; port?: string }) =>
    port === undefined ? world.networks.some(({ id }) => id === uuid) : world.ports.has(port);
  if (!networks.every(isKnown)) return play(c, compute["network unknown"]);
  const refused = aboveQuota(world, flavor);
  if (refused) return play(c, compute["above quota"], refused);

  const fault = isFull(world, flavor) ? NO_HOST : undefined;
  const server = addServer(world, { ...partsOf(order), flavor, fault });
  const given = networks.map(({ uuid, port }) =>
    port === undefined
      ? addThing(world, "ports", { network_id: uuid, description: "" })
      : (world.ports.get(port) as Fields),
  );
  for (const port of given) port.device_id = server.id;
  // NB: a port that was there before the server outlives it.
  server.ports = given.filter((_, index) => networks[index]?.port === undefined).map(({ id }) => id);
  const { body } = compute.create as Exchange;
  const { id } = (body as { server: Fields }).server;
  return play(c, compute.create, JSON.parse(JSON.stringify(body).replaceAll(id, server.id)));
}

function partsOf({ name, tags, metadata, imageRef, user_data }: Fields) {
  return {
    ...{ name: String(name), tags: (tags ?? []) as string[], imageId: String(imageRef ?? "") },
    ...{ metadata: (metadata ?? {}) as Record<string, string>, userData: user_data as string | undefined },
  };
}

/** Whether no hypervisor takes it: there is no room left, or it is more than any has. */
function isFull(world: World, { name }: Fields): boolean {
  const running = serversOf(world).filter(({ fault }) => fault === undefined);
  return name === "m1.huge" || running.length >= world.room;
}

function aboveQuota(world: World, { vcpus, ram }: Fields): object | undefined {
  const { quota } = world;
  const used = usedOf(world);
  const wanted = { cores: Number(vcpus), instances: 1, ram: Number(ram) };
  const short = (["cores", "instances", "ram"] as const).filter(
    (key) => used[key] + wanted[key] > quota[key],
  );
  if (short.length === 0) return undefined;
  const said = (values: Record<string, number>) => short.map((key) => values[key]).join(", ");
  const names = short.join(", ");
  const message = `Quota exceeded for ${names}: Requested ${said(wanted)}, but already used ${said(used)} of ${said(quota)} ${names}`;
  return { forbidden: { code: 403, message } };
}

function usedOf(world: World): { cores: number; instances: number; ram: number } {
  const servers = serversOf(world);
  const sum = (of: (server: ReplayServer) => number) =>
    servers.reduce((total, server) => total + of(server), 0);
  return {
    instances: servers.length,
    cores: sum(({ flavor }) => Number(flavor.vcpus)),
    ram: sum(({ flavor }) => Number(flavor.ram)),
  };
}

function limitsOf(world: World): object {
  const { limits } = (world.recorded.compute.limits as Exchange).body as { limits: { absolute: object } };
  const { quota } = world;
  const used = usedOf(world);
  const absolute = {
    ...limits.absolute,
    ...{ maxTotalInstances: quota.instances, maxTotalCores: quota.cores, maxTotalRAMSize: quota.ram },
    ...{ totalInstancesUsed: used.instances, totalCoresUsed: used.cores, totalRAMUsed: used.ram },
  };
  return { limits: { ...limits, absolute } };
}

/** NB: the answer names what was asked for. */
function missing(c: Context, exchange: Exchange | undefined): Response {
  const id = c.req.param("id") ?? "";
  const before = exchange?.path.split("/")[2] ?? "";
  return play(c, exchange, JSON.parse(JSON.stringify(exchange?.body).replaceAll(before, id)));
}
