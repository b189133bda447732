import { randomUUID } from "node:crypto";
import type { Exchange, Recorded } from "./recorded.ts";

/** What is in the cloud. Plain data: tests change it as they like. */
export type World = {
  recorded: Recorded;
  /** In the order in which they were made. */
  servers: Map<string, ReplayServer>;
  ports: Map<string, Fields>;
  floatingips: Map<string, Fields>;
  images: Map<string, Fields>;
  networks: Fields[];
  flavors: Fields[];
  quota: { instances: number; cores: number; ram: number };
  /** So many servers find a hypervisor; further ones fail for want of a valid host. */
  room: number;
  /** How long a server is in BUILD, and how long it takes to go. */
  buildMs: number;
  deleteMs: number;
  /** Most servers in one answer, whatever was asked for. */
  pageMost: number;
  now: () => number;
};

export type Fields = Record<string, unknown> & { id: string };

export type ReplayServer = {
  id: string;
  name: string;
  tags: readonly string[];
  metadata: Record<string, string>;
  imageId: string;
  flavor: Fields;
  userData: string | undefined;
  /** Those that Nova made for it: they go with it. */
  ports: readonly string[];
  orderedAt: number;
  /** Since then it is going. */
  deletedAt?: number | undefined;
  /** Any word of Nova's, in place of what time would make of it. */
  status?: string | undefined;
  /** Why it failed. It is ERROR then, unless `status` says something else. */
  fault?: string | undefined;
};

/** What Nova says when no hypervisor takes a server. */
export const NO_HOST = "No valid host was found. ";

/** One phase of a server's life, each of which was recorded. `error`: it found no hypervisor; `failed`: it was on one. */
type Phase = "building" | "active" | "error" | "failed";

export function newWorld(recorded: Recorded, now: () => number): World {
  const { compute, network } = recorded;
  const networks = [...listOf(network.networks), ...listOf(network["networks external"])];
  const flavors = listOf(compute.flavors);
  const none = () => new Map<string, Fields>();
  return {
    ...{ recorded, networks, flavors, now },
    ...{ servers: new Map(), ports: none(), floatingips: none(), images: none() },
    quota: { instances: 10_000, cores: 10_000, ram: 10_240_000 },
    ...{ room: Number.POSITIVE_INFINITY, buildMs: 0, deleteMs: 0, pageMost: 1000 },
  };
}

/** What a list holds, whatever its name. */
function listOf(exchange: Exchange | undefined): Fields[] {
  return Object.values(exchange?.body as Record<string, Fields[]>)[0] ?? [];
}

/** Servers that are there, the youngest first, as Nova lists them. Those whose end has come are taken out. */
export function serversOf(world: World): ReplayServer[] {
  for (const server of world.servers.values()) {
    if (server.deletedAt === undefined || world.now() < server.deletedAt + world.deleteMs) continue;
    world.servers.delete(server.id);
    for (const port of world.ports.values()) if (port.device_id === server.id) port.device_id = "";
    for (const port of server.ports) removePort(world, port);
  }
  return [...world.servers.values()].reverse();
}

/** NB: a floating IP outlives its port. Answers whether the port was there. */
export function removePort(world: World, id: string): boolean {
  for (const address of world.floatingips.values()) if (address.port_id === id) address.port_id = null;
  return world.ports.delete(id);
}

/** What Nova says of a server, shaped as it was recorded. */
export function bodyOf(world: World, server: ReplayServer, view: "show" | "list"): object {
  const { id, name, tags, metadata, flavor } = server;
  const phase = phaseOf(world, server);
  const template = templateOf(world.recorded, view, phase);
  const { status, "OS-EXT-STS:task_state": task } = template;
  const at = new Date(server.orderedAt).toISOString().replace(/\.\d+/, "");
  return {
    ...template,
    ...{ id, name, tags, metadata, created: at, updated: at },
    status: server.status ?? status,
    "OS-EXT-STS:task_state": server.deletedAt === undefined ? task : "deleting",
    "OS-EXT-SRV-ATTR:hostname": name,
    image: withId(template.image, server.imageId),
    links: withId(template.links, id, template.id),
    flavor: { ...(template.flavor as object), ...sizeOf(flavor) },
    // NB: why it found no hypervisor is not in Nova's lists. See: nova/objects/instance.py, fill_faults.
    ...(template.fault ? { fault: { ...template.fault, message: server.fault } } : {}),
  };
}

function phaseOf(world: World, { fault, orderedAt }: ReplayServer): Phase {
  if (world.now() < orderedAt + world.buildMs) return "building";
  if (fault === undefined) return "active";
  return fault === NO_HOST ? "error" : "failed";
}

function templateOf({ compute }: Recorded, view: "show" | "list", phase: Phase): Fields {
  const name = phase === "active" ? view : `${view} ${phase}`;
  const body = compute[name]?.body as { server?: Fields; servers?: Fields[] };
  const template = body.server ?? body.servers?.[0];
  if (!template) throw new Error(`nothing was recorded as "${name}"`);
  return template;
}

/** NB: ids are in addresses, too. */
function withId(value: unknown, id: string, before = (value as Fields).id): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(before, id));
}

const sizeOf = ({ vcpus, ram, disk, name }: Fields) => ({ vcpus, ram, disk, original_name: name });

/** Puts a server there. What is not said is as in one that was ordered just now. */
export function addServer(world: World, server: Partial<ReplayServer> & { name: string }): ReplayServer {
  const made: ReplayServer = {
    ...{ id: randomUUID(), tags: [], metadata: {}, imageId: randomUUID(), userData: undefined },
    ports: [],
    flavor: world.flavors[0] as Fields,
    orderedAt: world.now(),
    ...server,
  };
  world.servers.set(made.id, made);
  return made;
}

/** Puts an image there, shaped as Glance shows them. `fields`: what is not as it was recorded. */
export function addImage(world: World, fields: Record<string, unknown> & { name: string }): Fields {
  const { body } = world.recorded.image.show as Exchange;
  const id = randomUUID();
  const own = Object.entries(body as Fields).filter(([key]) => !key.startsWith("mayfly_"));
  const made = { ...(withId(Object.fromEntries(own), id, (body as Fields).id) as Fields), ...fields };
  world.images.set(id, made);
  return made;
}

/** Puts a port or a floating IP there, shaped as Neutron shows them. */
export function addThing(
  world: World,
  kind: "ports" | "floatingips",
  fields: Record<string, unknown>,
): Fields {
  const { body } = world.recorded.network[
    kind === "ports" ? "port create" : "floating IP create"
  ] as Exchange;
  const [template] = Object.values(body as Record<string, Fields>);
  const made = { ...(template as Fields), ...fields, id: randomUUID() };
  world[kind].set(made.id, made);
  return made;
}
