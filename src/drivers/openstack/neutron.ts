import { z } from "zod";
import type { Query, Request } from "./call.ts";
import { type Limit, limit, unlessGone } from "./nova.ts";
import type { Session } from "./session.ts";

export type Network = {
  id: string;
  name: string;
  subnets: readonly string[];
  isExternal: boolean;
  isShared: boolean;
  project: string;
};

/** A network port, or a floating IP: what is made beside a server, and has to be removed beside it. */
export type Thing = { id: string; description: string };
export type Kind = "ports" | "floatingips";

export type Neutron = {
  networks: (query: Query, signal: AbortSignal) => Promise<Network[]>;
  subnets: (network: string, signal: AbortSignal) => Promise<Subnet[]>;
  /** Routers that join the network to others, and whether each leads outside. `undefined`: this cloud has none at all. */
  routers: (network: string, signal: AbortSignal) => Promise<Router[] | undefined>;
  securityGroups: (query: Query, signal: AbortSignal) => Promise<{ id: string; name: string }[]>;
  /** Those of the project; `description`: only those that have exactly this one. */
  things: (kind: Kind, query: Query, signal: AbortSignal) => Promise<Thing[]>;
  create: (kind: Kind, body: object, signal: AbortSignal) => Promise<string>;
  tag: (kind: Kind, id: string, tags: readonly string[], signal: AbortSignal) => Promise<void>;
  /** One that is gone is removed. */
  remove: (kind: Kind, id: string, signal: AbortSignal) => Promise<void>;
  floatingIps: (project: string, signal: AbortSignal) => Promise<Limit>;
};

export type Subnet = { id: string; name: string; gateway: string | undefined };
export type Router = { id: string; name: string; leadsOutside: boolean };

const SINGULAR: Record<Kind, string> = { ports: "port", floatingips: "floatingip" };

export function neutron(session: Session): Neutron {
  const ask = async (request: Request, signal: AbortSignal) =>
    (await session.call("Neutron", request, signal)).body;
  const get = (path: string, query: Query, signal: AbortSignal) =>
    ask({ method: "GET", path, query }, signal);

  return {
    networks: async (query, signal) =>
      NETWORKS.parse(await get("/networks", query, signal)).networks.map(networkOf),
    subnets: async (network, signal) => {
      const { subnets } = SUBNETS.parse(await get("/subnets", { network_id: network }, signal));
      return subnets.map(({ id, name, gateway_ip }) => ({ id, name, gateway: gateway_ip ?? undefined }));
    },
    routers: async (network, signal) => {
      const { ports } = PORTS.parse(await get("/ports", { network_id: network }, signal));
      const ids = new Set(ports.filter(isRouters).map(({ device_id: id }) => id));
      const all = await get("/routers", {}, signal).catch(unlessGone);
      if (all === undefined) return undefined;
      return ROUTERS.parse(all)
        .routers.filter(({ id }) => ids.has(id))
        .map(routerOf);
    },
    securityGroups: async (query, signal) =>
      GROUPS.parse(await get("/security-groups", query, signal)).security_groups,
    // NB: a cloud may have no floating IPs at all.
    things: async (kind, query, signal) => {
      const found = await get(`/${kind}`, query, signal).catch(unlessGone);
      return THINGS.parse(found ?? {})[kind] ?? [];
    },
    create: async (kind, body, signal) => {
      const request = { method: "POST" as const, path: `/${kind}`, body: { [SINGULAR[kind]]: body } };
      const made = MADE.parse(await ask(request, signal));
      return z.string().parse(made[SINGULAR[kind]]?.id);
    },
    tag: async (kind, id, tags, signal) => {
      await ask({ method: "PUT", path: `/${kind}/${id}/tags`, body: { tags } }, signal);
    },
    remove: async (kind, id, signal) => {
      await ask({ method: "DELETE", path: `/${kind}/${id}` }, signal).catch(unlessGone);
    },
    floatingIps: async (project, signal) => {
      const { quota } = QUOTA.parse(await get(`/quotas/${project}/details.json`, {}, signal));
      return limit(quota.floatingip.limit, quota.floatingip.used + quota.floatingip.reserved);
    },
  };
}

const NETWORKS = z.object({
  networks: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      subnets: z.array(z.string()).default([]),
      "router:external": z.boolean().default(false),
      shared: z.boolean().default(false),
      project_id: z.string().default(""),
    }),
  ),
});

const networkOf = ({
  "router:external": isExternal,
  shared: isShared,
  project_id: project,
  ...rest
}: z.infer<typeof NETWORKS>["networks"][number]): Network => ({ ...rest, isExternal, isShared, project });

const SUBNETS = z.object({
  subnets: z.array(z.object({ id: z.string(), name: z.string(), gateway_ip: z.string().nullish() })),
});

const PORTS = z.object({
  ports: z.array(z.object({ device_id: z.string().default(""), device_owner: z.string().default("") })),
});

/** `router_interface`, and its kin of clouds with distributed or doubled routers. */
const isRouters = ({ device_owner: owner }: { device_owner: string }): boolean =>
  owner.startsWith("network:") && owner.includes("router_");

const ROUTERS = z.object({
  routers: z.array(
    z.object({ id: z.string(), name: z.string(), external_gateway_info: z.unknown().optional() }),
  ),
});

const routerOf = (router: z.infer<typeof ROUTERS>["routers"][number]): Router => ({
  id: router.id,
  name: router.name,
  leadsOutside: (router.external_gateway_info ?? undefined) !== undefined,
});

const GROUPS = z.object({ security_groups: z.array(z.object({ id: z.string(), name: z.string() })) });

const LISTED = z.array(
  z.object({
    id: z.string(),
    description: z
      .string()
      .nullish()
      .transform((text) => text ?? ""),
  }),
);
const THINGS = z.object({ ports: LISTED.optional(), floatingips: LISTED.optional() });
const MADE = z.record(z.string(), z.object({ id: z.string() }));

const QUOTA = z.object({
  quota: z.object({
    floatingip: z.object({ limit: z.number(), used: z.number(), reserved: z.number().default(0) }),
  }),
});
