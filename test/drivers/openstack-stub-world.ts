import { randomUUID } from "node:crypto";

export type Failure = { status: number; body?: unknown; headers?: Record<string, string> };

export type StubServer = Record<string, unknown> & {
  id: string;
  name: string;
  status: string;
  tags: string[];
};
type Row = Record<string, unknown> & { id: string };

export type World = {
  servers: StubServer[];
  images: Row[];
  flavors: Row[];
  networks: Row[];
  subnets: Row[];
  routers: Row[];
  groups: Row[];
  ports: Row[];
  floatingips: Row[];
  volumes: Row[];
  volumeTypes: Row[];
  zones: string[];
  quota: {
    instances: number;
    cores: number;
    ram: number;
    floatingip: number;
    volumes: number;
    gigabytes: number;
  };
  /** What others in the project use. */
  used: { instances: number; cores: number; ram: number };
  roles: string[];
  regions: string[];
  tokenSeconds: number;
  novaVersion: string;
  /** Nova gives so many servers at a time at most. */
  page: number;
  /** Servers of this image never get out of BUILD. */
  slowImage: string;
  /** Filters of lists are taken and ignored, as older clouds do. */
  ignoresFilters: boolean;
  /** Faults that only the look at one server shows. */
  faultsApart: Record<string, object>;
  /** What becomes of a server that was ordered. */
  bornAs: { status: string; fault?: { code: number; message: string } };
};

export const PROJECT = "cc02f039af214ea4949bc6f7eac1793f";
export const NETWORK = "3eca55e9-b5d7-4341-b68d-29fd4eaa8ed8";
const BOOT_MS = 100;

export const newWorld = (): World => ({
  servers: [],
  images: [stubImage("image", ["mayfly:image:current"]), stubImage("slow", ["mayfly:slow:current"])],
  flavors: [
    stubFlavor("m1.small", 1, 512, 2),
    stubFlavor("m1.tiny", 1, 256, 1),
    stubFlavor("m1.large", 4, 8192, 40),
  ],
  networks: [
    {
      id: NETWORK,
      name: "mayfly",
      subnets: ["s1"],
      "router:external": false,
      shared: false,
      project_id: PROJECT,
    },
    { id: randomUUID(), name: "external", "router:external": true, shared: false, project_id: "others" },
  ],
  subnets: [{ id: "s1", name: "inside", network_id: NETWORK, gateway_ip: "10.0.0.1" }],
  routers: [{ id: "r1", name: "out", external_gateway_info: { network_id: "x" } }],
  groups: [
    { id: randomUUID(), name: "default" },
    { id: randomUUID(), name: "mayfly" },
  ],
  ports: [
    {
      id: randomUUID(),
      network_id: NETWORK,
      device_owner: "network:router_interface",
      device_id: "r1",
      description: "",
    },
  ],
  floatingips: [],
  volumes: [],
  volumeTypes: [{ id: randomUUID(), name: "ssd" }],
  zones: ["nova"],
  quota: { instances: 10, cores: 20, ram: 51200, floatingip: 50, volumes: 10, gigabytes: 1000 },
  used: { instances: 0, cores: 0, ram: 0 },
  roles: ["reader", "member"],
  regions: ["RegionOne"],
  tokenSeconds: 3600,
  novaVersion: "2.93",
  page: 1000,
  slowImage: "slow",
  ignoresFilters: false,
  faultsApart: {},
  bornAs: { status: "ACTIVE" },
});

export const stubImage = (name: string, tags: string[], more: Record<string, unknown> = {}): Row => ({
  ...{ id: randomUUID(), name, status: "active", owner: PROJECT, tags, min_disk: 0, min_ram: 0 },
  ...{ size: 65536, virtual_size: 65536, created_at: "2026-11-27T03:45:23Z", visibility: "shared" },
  ...more,
});

export const stubNetwork = (name: string, more: Record<string, unknown> = {}): Row => ({
  ...{ id: randomUUID(), name, subnets: [], "router:external": false, shared: false, project_id: PROJECT },
  ...more,
});

export const stubFlavor = (name: string, vcpus: number, ram: number, disk: number): Row => ({
  ...{ id: randomUUID(), name, vcpus, ram, disk },
  "OS-FLV-DISABLED:disabled": false,
});

export type Asked = {
  call: string;
  method: string;
  service: string;
  path: string;
  query: URLSearchParams;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of all kinds, which the driver made
  body: any;
};

const ok = (body: unknown, status = 200): Failure => ({ status, body });
const gone = (what: string): Failure => ({
  status: 404,
  body: { itemNotFound: { code: 404, message: `${what} could not be found.` } },
});

/** What a service answers, and does. */
export const answerOf = (asked: Asked, world: World): Failure | undefined =>
  SERVICES[asked.service]?.(asked, world);

const SERVICES: Record<string, (asked: Asked, world: World) => Failure | undefined> = {
  nova: (asked, world) => novaAnswer({ ...asked, path: asked.path.replace("/v2.1", "") }, world),
  glance: glanceAnswer,
  neutron: (asked, world) => neutronAnswer({ ...asked, path: asked.path.replace("/v2.0", "") }, world),
  cinder: cinderAnswer,
};

function novaAnswer(asked: Asked, world: World): Failure | undefined {
  const { method, path } = asked;
  const [, id = "", action] = /^\/servers\/([^/]+)(\/action)?$/.exec(path) ?? [];
  if (path === "/")
    return ok({ version: { id: "v2.1", status: "CURRENT", version: world.novaVersion, min_version: "2.1" } });
  if (path === "/servers/detail") return serverPage(asked, world);
  if (path === "/servers" && method === "POST") return createServerIn(asked, world);
  if (path === "/flavors/detail") return ok({ flavors: world.flavors });
  if (path === "/limits") return ok({ limits: { rate: [], absolute: absoluteLimits(world) } });
  if (path === "/os-availability-zone")
    return ok({
      availabilityZoneInfo: world.zones.map((zoneName) => ({
        zoneName,
        zoneState: { available: true },
        hosts: null,
      })),
    });
  const server = world.servers.find((each) => each.id === id);
  if (!server) return gone(`Instance ${id}`);
  if (action) return ok({ output: server.status === "ACTIVE" ? "Linux\nthe stub VM is up\n" : "" });
  if (method === "GET") return ok({ server: { ...server, fault: server.fault ?? world.faultsApart[id] } });
  if (method !== "DELETE") return undefined;
  world.servers = world.servers.filter((each) => each !== server);
  return { status: 204 };
}

function serverPage({ query }: Asked, world: World): Failure {
  const tags = query.get("tags")?.split(",") ?? [];
  const all = world.servers.filter(
    (server) => world.ignoresFilters || tags.every((tag) => server.tags.includes(tag)),
  );
  const from = all.findIndex(({ id }) => id === query.get("marker")) + 1;
  const servers = all.slice(from, from + Math.min(world.page, Number(query.get("limit"))));
  const isLast = from + servers.length >= all.length;
  return ok({ servers, ...(isLast ? {} : { servers_links: [{ rel: "next", href: "http://elsewhere/" }] }) });
}

function createServerIn({ body }: Asked, world: World): Failure {
  const { name, tags, flavorRef, imageRef, networks, metadata } = body.server;
  const {
    id: _id,
    name: original_name,
    "OS-FLV-DISABLED:disabled": _off,
    ...flavor
  } = world.flavors.find((each) => each.id === flavorRef) ?? stubFlavor("none", 0, 0, 0);
  const id = randomUUID();
  const server: StubServer = {
    ...{
      id,
      name,
      tags,
      metadata,
      status: "BUILD",
      image: imageRef === undefined ? "" : { id: imageRef, links: [] },
      flavor: { ...flavor, original_name },
      asked: body.server,
    },
    "OS-EXT-STS:task_state": "scheduling",
    "os-extended-volumes:volumes_attached": [],
  };
  for (const { port } of networks) for (const own of world.ports) if (own.id === port) own.device_id = id;
  world.servers.push(server);
  const isSlow = world.images.some((image) => image.id === imageRef && image.name === world.slowImage);
  if (!isSlow)
    setTimeout(() => Object.assign(server, world.bornAs, { "OS-EXT-STS:task_state": null }), BOOT_MS);
  return ok({ server: { id, links: [], adminPass: "x" } }, 202);
}

function absoluteLimits({ quota, used, servers }: World): object {
  const sum = (key: string) =>
    servers.reduce(
      (total, { flavor }) => total + Number((flavor as Record<string, unknown> | undefined)?.[key] ?? 0),
      0,
    );
  return {
    ...{ maxTotalInstances: quota.instances, totalInstancesUsed: used.instances + servers.length },
    ...{ maxTotalCores: quota.cores, totalCoresUsed: used.cores + sum("vcpus") },
    ...{ maxTotalRAMSize: quota.ram, totalRAMUsed: used.ram + sum("ram") },
  };
}

function glanceAnswer({ method, path, query, body }: Asked, world: World): Failure | undefined {
  if (path === "/v2/images") {
    const tags = query.getAll("tag");
    const found = world.images.filter(
      (image) =>
        image.owner === query.get("owner") && tags.every((tag) => (image.tags as string[]).includes(tag)),
    );
    return ok({ images: found.map((image) => ({ ...image })) });
  }
  const [, , , id, , tag] = path.split("/").map(decodeURIComponent);
  const image = world.images.find((each) => each.id === id);
  if (image && tag !== undefined) return changeTag(image, tag, method);
  if (image && method === "GET") return ok(image);
  if (!image || method !== "PATCH") return undefined;
  for (const { op, path: key, value } of body) {
    if (op === "remove") delete image[key.slice(1)];
    else image[key.slice(1)] = value;
  }
  return ok(image);
}

function changeTag(image: Row, tag: string, method: string): Failure {
  const tags = image.tags as string[];
  if (method === "DELETE" && !tags.includes(tag))
    return { status: 404, body: "<title>404 Not Found</title>" };
  image.tags = [...tags.filter((each) => each !== tag), ...(method === "PUT" ? [tag] : [])];
  return { status: 204 };
}

function neutronAnswer({ method, path, query, body }: Asked, world: World): Failure | undefined {
  const [, kind = "", id, sub] = path.split("/");
  if (kind === "quotas")
    return ok({
      quota: { floatingip: { limit: world.quota.floatingip, used: world.floatingips.length, reserved: 0 } },
    });
  const key = kind === "security-groups" ? "groups" : kind;
  const rows = world[key as "ports"];
  if (method === "GET")
    return ok({
      [kind.replace("-", "_")]: rows.filter((row) => world.ignoresFilters || matches(row, query)),
    });
  if (method === "PUT" && sub === "tags") {
    for (const row of rows) if (row.id === id) row.tags = body.tags;
    return ok(body);
  }
  if (method === "POST") {
    const row: Row = { ...(Object.values(body)[0] as object), id: randomUUID(), project_id: PROJECT };
    rows.push(row);
    return ok({ [kind.replace(/s$/, "")]: row }, 201);
  }
  if (!rows.some((row) => row.id === id))
    return { status: 404, body: { NeutronError: { type: "NotFound", message: "gone" } } };
  (world as Record<string, unknown>)[key] = rows.filter((row) => row.id !== id);
  return { status: 204 };
}

const matches = (row: Row, query: URLSearchParams): boolean =>
  ["id", "name", "network_id", "description"].every(
    (key) => !query.has(key) || query.getAll(key).includes(String(row[key])),
  );

function cinderAnswer({ method, path }: Asked, world: World): Failure | undefined {
  const gigabytes = world.volumes.reduce((total, { size }) => total + Number(size ?? 0), 0);
  const absolute = {
    ...{ maxTotalVolumes: world.quota.volumes, totalVolumesUsed: world.volumes.length },
    ...{ maxTotalVolumeGigabytes: world.quota.gigabytes, totalGigabytesUsed: gigabytes },
  };
  if (path === "/limits") return ok({ limits: { rate: [], absolute } });
  if (path === "/types") return ok({ volume_types: world.volumeTypes });
  const volume = world.volumes.find(({ id }) => path === `/volumes/${id}`);
  if (!volume) return gone("Volume");
  if (method === "DELETE") world.volumes = world.volumes.filter((each) => each !== volume);
  return method === "DELETE" ? { status: 202 } : ok({ volume });
}
