import { z } from "zod";
import { SetupError } from "../../ports.ts";
import { CloudError, type Request } from "./call.ts";
import type { Session } from "./session.ts";

/** A server, as far as it matters here. */
export type Server = {
  id: string;
  name: string;
  /** Nova's word. See: states.ts. */
  status: string;
  /** What Nova is about to do with it, such as `deleting`. */
  task: string | undefined;
  fault: string | undefined;
  tags: readonly string[];
  /** The machine that it was made for, whatever it is called now. */
  machine: string | undefined;
  /** What it was made from. */
  image: string | undefined;
  /** Volumes that go with it. */
  volumes: readonly string[];
  cpus: number;
  memoryMiB: number;
};

export type Flavor = {
  id: string;
  name: string;
  vcpus: number;
  ram: number;
  disk: number;
  isDisabled: boolean;
};

/** `undefined`: without a limit. */
export type Limits = { instances: Limit; cores: Limit; memoryMiB: Limit };
export type Limit = { most: number | undefined; used: number };

export type Nova = {
  /** All servers that have the tag, in whatever state. */
  servers: (tag: string, signal: AbortSignal) => Promise<Server[]>;
  server: (id: string, signal: AbortSignal) => Promise<Server>;
  /** NB: never tried again, since nobody knows whether Nova has taken an order whose answer was lost. */
  create: (server: NewServer, signal: AbortSignal) => Promise<string>;
  /** Asks Nova to remove a server. One that is gone is removed. */
  remove: (id: string, signal: AbortSignal) => Promise<void>;
  /** What a server wrote to its serial console; `undefined`: Nova cannot tell. */
  consoleOf: (id: string, signal: AbortSignal) => Promise<string | undefined>;
  flavors: (signal: AbortSignal) => Promise<Flavor[]>;
  limits: (signal: AbortSignal) => Promise<Limits>;
  /** Names of the availability zones that can be used now. */
  zones: (signal: AbortSignal) => Promise<string[]>;
  /** The microversion that is spoken. Throws `SetupError` when the cloud is too old. */
  version: (signal: AbortSignal) => Promise<string>;
  knowsVolumeTypes: (signal: AbortSignal) => Promise<boolean>;
};

export type NewServer = { body: object; secrets: readonly string[] };

/** The newest that was tried (Zed). */
const NEWEST = 93;
/** Tags at creation. See: Nova, "REST API Version History". */
const OLDEST = 52;
/** The type of a volume that Nova makes. */
const VOLUME_TYPE = 67;
/** NB: an order is not given up early: whether Nova has taken it is not known then. */
const CREATE_LIMIT_MS = 60_000;
/** Nova gives fewer if its own limit is lower, and then says where the rest is. */
const PAGE = 1000;
const LIST_TRIES = 3;

export function nova(session: Session): Nova {
  let agreed: string | undefined;

  async function version(signal: AbortSignal): Promise<string> {
    agreed ??= await agree(session, signal);
    return agreed;
  }

  async function ask(request: Request, signal: AbortSignal): Promise<unknown> {
    const headers = { "openstack-api-version": `compute ${await version(signal)}` };
    return (await session.call("Nova", { ...request, headers }, signal)).body;
  }

  async function servers(tag: string, signal: AbortSignal): Promise<Server[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await readPages(tag, signal);
      } catch (error) {
        // NB: the last server of a page may be gone by the time the next page is asked for.
        if (!isLostPlace(error) || attempt === LIST_TRIES) throw error;
      }
    }
  }

  async function readPages(tag: string, signal: AbortSignal): Promise<Server[]> {
    const found: Server[] = [];
    for (let marker: string | undefined; ; ) {
      const query = { tags: tag, limit: String(PAGE), marker };
      const body = await ask({ method: "GET", path: "/servers/detail", query }, signal);
      const page = SERVERS.parse(body);
      found.push(...page.servers.map(serverOf));
      marker = page.servers.at(-1)?.id;
      if (marker === undefined || !page.servers_links?.some(({ rel }) => rel === "next")) return found;
    }
  }

  return {
    version,
    knowsVolumeTypes: async (signal) => minorOf(await version(signal)) >= VOLUME_TYPE,
    servers: async (tag, signal) => (await servers(tag, signal)).filter(({ status }) => status !== KEPT),
    server: async (id, signal) =>
      serverOf(ONE.parse(await ask({ method: "GET", path: `/servers/${id}` }, signal)).server),
    create: async ({ body, secrets }, signal) => {
      const limitMs = CREATE_LIMIT_MS;
      const request = { method: "POST" as const, path: "/servers", body: { server: body }, secrets, limitMs };
      return CREATED.parse(await ask(request, signal)).server.id;
    },
    remove: async (id, signal) => {
      await ask({ method: "DELETE", path: `/servers/${id}` }, signal).catch(unlessGone);
    },
    consoleOf: async (id, signal) => {
      const body = { "os-getConsoleOutput": {} };
      return await ask({ method: "POST", path: `/servers/${id}/action`, body }, signal).then(
        (answer) => CONSOLE.parse(answer).output ?? undefined,
        (error: unknown) => {
          if (error instanceof CloudError && NO_CONSOLE.includes(error.status ?? 0)) return undefined;
          throw error;
        },
      );
    },
    flavors: async (signal) =>
      FLAVORS.parse(await ask({ method: "GET", path: "/flavors/detail" }, signal)).flavors.map(flavorOf),
    limits: async (signal) => limitsOf(await ask({ method: "GET", path: "/limits" }, signal)),
    zones: async (signal) => {
      const body = await ask({ method: "GET", path: "/os-availability-zone" }, signal);
      const found = ZONES.parse(body).availabilityZoneInfo;
      return found.filter(({ zoneState }) => zoneState.available).map(({ zoneName }) => zoneName);
    },
  };
}

const isLostPlace = (error: unknown): boolean =>
  error instanceof CloudError && error.status === 400 && /^marker .* not found/.test(error.said);

/** For a request whose thing is gone: then there is nothing to do. */
export function unlessGone(error: unknown): undefined {
  if (!(error instanceof CloudError && error.status === 404)) throw error;
}

/**
 * NB: a cloud may keep what was deleted for a while, in case somebody is sorry. Its owner cannot use it any more. What is DELETED on the
 * other hand is on its way out, and is in the quota until it is gone.
 */
const KEPT = "SOFT_DELETED";
/** The server is gone, is not there yet, or its hypervisor has no console. */
const NO_CONSOLE: readonly number[] = [404, 409, 501];

const VERSION = z.object({ version: z.string().default(""), min_version: z.string().default("") });
const VERSIONS = z.union([
  z.object({ version: VERSION }).transform(({ version }) => version),
  z.object({ versions: z.array(VERSION.extend({ id: z.string() })) }).transform(({ versions }) => ({
    version: "",
    min_version: "",
    ...versions.find(({ id }) => id === "v2.1"),
  })),
]);

/** The newest microversion that both sides know. NB: without one Nova takes requests as it did in 2013. */
async function agree(session: Session, signal: AbortSignal): Promise<string> {
  const request: Request = { method: "GET", path: "/", isVersionDocument: true };
  const { body } = await session.call("Nova", request, signal);
  const { version, min_version } = VERSIONS.parse(body);
  const [most, least] = [minorOf(version), minorOf(min_version)];
  if (most >= OLDEST && least <= NEWEST) return `2.${Math.min(most, NEWEST)}`;
  throw new SetupError(
    most < OLDEST
      ? `Nova of the cloud ${session.cloudName()} is too old: it knows microversions up to ${version || "none"}, and tags at creation need 2.${OLDEST} (OpenStack Pike, 2017).`
      : `Nova of the cloud ${session.cloudName()} is too new: it knows no microversion below ${min_version}, and this Mayfly none above 2.${NEWEST}. Update Mayfly.`,
  );
}

const minorOf = (version: string): number => Number(/^2\.(\d+)$/.exec(version)?.[1] ?? 0);

/** NB: a server in a part of the cloud that is out of order comes without its name. See: Nova, "Handling Down Cells". */
const SERVER = z.object({
  id: z.string(),
  name: z.string().default(""),
  status: z.string(),
  "OS-EXT-STS:task_state": z.string().nullish(),
  fault: z.object({ message: z.string(), details: z.string().optional() }).nullish(),
  tags: z.array(z.string()).default([]),
  metadata: z.record(z.string(), z.string()).default({}),
  // NB: of a server that boots from a volume Nova gives an empty text.
  image: z.union([z.object({ id: z.string() }), z.literal("")]).nullish(),
  flavor: z.object({ vcpus: z.number().default(0), ram: z.number().default(0) }).optional(),
  "os-extended-volumes:volumes_attached": z
    .array(z.object({ id: z.string(), delete_on_termination: z.boolean().default(false) }))
    .default([]),
});
/** Keys of what a server is told at its making. NB: never searched by: Nova does not let a project's members do so, and says nothing then. */
export const METADATA = {
  repository: "mayfly_repository",
  image: "mayfly_image",
  machine: "mayfly_machine",
  cloudImage: "mayfly_cloud_image",
} as const;

const ONE = z.object({ server: SERVER });
const SERVERS = z.object({
  servers: z.array(SERVER),
  servers_links: z.array(z.object({ rel: z.string() })).optional(),
});

const serverOf = (server: z.infer<typeof SERVER>): Server => ({
  id: server.id,
  name: server.name,
  status: server.status,
  task: server["OS-EXT-STS:task_state"] ?? undefined,
  fault: server.fault?.message.trim(),
  tags: server.tags,
  machine: server.metadata[METADATA.machine],
  image: (server.image || undefined)?.id ?? server.metadata[METADATA.cloudImage],
  volumes: server["os-extended-volumes:volumes_attached"].flatMap(({ id, delete_on_termination: goesToo }) =>
    goesToo ? [id] : [],
  ),
  cpus: server.flavor?.vcpus ?? 0,
  memoryMiB: server.flavor?.ram ?? 0,
});

const CREATED = z.object({ server: z.object({ id: z.string() }) });
const CONSOLE = z.object({ output: z.string().nullish() });

const FLAVORS = z.object({
  flavors: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      vcpus: z.number(),
      ram: z.number(),
      disk: z.number(),
      "OS-FLV-DISABLED:disabled": z.boolean().default(false),
    }),
  ),
});

const flavorOf = ({
  "OS-FLV-DISABLED:disabled": isDisabled,
  ...flavor
}: z.infer<typeof FLAVORS>["flavors"][number]): Flavor => ({ ...flavor, isDisabled });

const LIMITS = z.object({
  limits: z.object({
    absolute: z.object({
      maxTotalInstances: z.number(),
      totalInstancesUsed: z.number(),
      maxTotalCores: z.number(),
      totalCoresUsed: z.number(),
      maxTotalRAMSize: z.number(),
      totalRAMUsed: z.number(),
    }),
  }),
});

function limitsOf(body: unknown): Limits {
  const { absolute } = LIMITS.parse(body).limits;
  return {
    instances: limit(absolute.maxTotalInstances, absolute.totalInstancesUsed),
    cores: limit(absolute.maxTotalCores, absolute.totalCoresUsed),
    memoryMiB: limit(absolute.maxTotalRAMSize, absolute.totalRAMUsed),
  };
}

/** NB: -1 stands for no limit, in all services. */
export const limit = (most: number, used: number): Limit => ({ most: most < 0 ? undefined : most, used });

const ZONES = z.object({
  availabilityZoneInfo: z.array(
    z.object({ zoneName: z.string(), zoneState: z.object({ available: z.boolean() }) }),
  ),
});
