import { type Context, Hono } from "hono";
import type { Exchange } from "./recorded.ts";
import { play } from "./replay-say.ts";
import { addThing, type Fields, removePort, serversOf, type World } from "./replay-world.ts";

/** Glance, as far as the controller asks it. Images are put there by `addImage`. */
export function imageApi(world: World): Hono {
  const { image } = world.recorded;
  const api = new Hono();
  const named = (c: Context) => world.images.get(c.req.param("id") ?? "");
  const withTags = (c: Context, name: string, of: (tags: readonly string[], tag: string) => string[]) => {
    const found = named(c);
    if (!found) return play(c, image.gone);
    found.tags = of(found.tags as string[], c.req.param("tag") ?? "");
    return play(c, image[name]);
  };
  api.get("/images", (c) => listImages(world, c));
  api.get("/images/:id", (c) => (named(c) ? play(c, image.show, named(c)) : play(c, image.gone)));
  api.patch("/images/:id", async (c) => {
    const found = named(c);
    if (!found) return play(c, image.gone);
    for (const { op, path, value } of await c.req.json()) {
      const key = String(path).slice(1);
      if (op === "remove") delete found[key];
      else found[key] = value;
    }
    return play(c, image.patch, found);
  });
  api.put("/images/:id/tags/:tag", (c) =>
    withTags(c, "add tag", (tags, tag) => [...tags.filter((each) => each !== tag), tag]),
  );
  api.delete("/images/:id/tags/:tag", (c) =>
    withTags(c, "remove tag", (tags, tag) => tags.filter((each) => each !== tag)),
  );
  api.delete("/images/:id", (c) => {
    const isThere = world.images.delete(c.req.param("id"));
    return play(c, isThere ? image.delete : image.gone);
  });
  return api;
}

function listImages(world: World, c: Context): Response {
  const { owner, name, limit, marker } = c.req.query();
  const tags = c.req.queries("tag") ?? [];
  const all = [...world.images.values()].reverse().filter((image) => {
    const isOwned = owner === undefined || image.owner === owner;
    const isNamed = name === undefined || image.name === name;
    return isOwned && isNamed && tags.every((tag) => (image.tags as string[]).includes(tag));
  });
  const from = marker === undefined ? 0 : all.findIndex(({ id }) => id === marker) + 1;
  const most = Number(limit ?? 25);
  const images = all.slice(from, from + most);
  const path = `/v2/images${new URL(c.req.url).search}`;
  const next = new URLSearchParams({ ...c.req.query(), marker: images.at(-1)?.id ?? "" });
  const { schema } = (world.recorded.image.list as Exchange).body as { schema: string };
  // NB: Glance says where to go on whenever a page is full, also if nothing comes after it.
  const more = images.length === most ? { next: `/v2/images?${next}` } : {};
  return play(c, world.recorded.image.list, { images, first: path, ...more, schema });
}

/** Neutron, as far as the driver asks it. */
export function networkApi(world: World): Hono {
  const { network } = world.recorded;
  const api = new Hono();
  api.get("/networks", (c) => play(c, network.networks, { networks: matching(c, world.networks) }));
  for (const kind of ["subnets", "routers", "security-groups"] as const) {
    const exchange = network[kind.replace("-", " ")];
    const [[key, things] = ["", []]] = Object.entries(exchange?.body as Record<string, Fields[]>);
    api.get(`/${kind}`, (c) => play(c, exchange, { [key]: matching(c, things) }));
  }
  api.get("/quotas/:project/details.json", (c) => play(c, network.quota));
  thingsApi(world, api, { kind: "ports", one: "port", title: "port", list: "ports" });
  thingsApi(world, api, {
    kind: "floatingips",
    one: "floatingip",
    title: "floating IP",
    list: "floating IPs",
  });
  return api;
}

/** `title`, `list`: as they were recorded. */
type Kind = { kind: "ports" | "floatingips"; one: string; title: string; list: string };

function thingsApi(world: World, api: Hono, { kind, one, title, list }: Kind): void {
  const { network } = world.recorded;
  const things = world[kind];
  api.get(`/${kind}`, (c) => {
    // NB: ports of servers whose end has come go with them.
    serversOf(world);
    return play(c, network[list], { [kind]: matching(c, [...things.values()]) });
  });
  api.post(`/${kind}`, async (c) => {
    const order = (await c.req.json())[one];
    return play(c, network[`${title} create`], { [one]: addThing(world, kind, { tags: [], ...order }) });
  });
  api.put(`/${kind}/:id/tags`, async (c) => {
    const { tags } = await c.req.json();
    const thing = things.get(c.req.param("id"));
    if (!thing) return play(c, network[`${title} gone`]);
    thing.tags = tags;
    return play(c, network["port tags"], { tags });
  });
  api.delete(`/${kind}/:id`, (c) => {
    const id = c.req.param("id");
    const wasThere = kind === "ports" ? removePort(world, id) : things.delete(id);
    return play(c, network[`${title} ${wasThere ? "delete" : "gone"}`]);
  });
}

/** NB: Neutron's filters are fields' values, and a list of tags that all have to be there. */
function matching(c: Context, things: readonly Fields[]): Fields[] {
  return things.filter((thing) =>
    Object.entries(c.req.query()).every(([key, value]) => {
      const own = thing[key];
      if (Array.isArray(own)) return value.split(",").every((each) => own.includes(each));
      return !(key in thing) || String(own).toLowerCase() === value.toLowerCase();
    }),
  );
}
