import { z } from "zod";
import { withLimit } from "../../clock.ts";
import { type Clock, SetupError } from "../../ports.ts";
import { type Answer, CloudError, call, type Request, type Title, type Way } from "./call.ts";
import type { Cloud } from "./clouds.ts";
import { wireOf } from "./wire.ts";

/** We, in a project of a cloud. */
export type Session = {
  /** Calls a service with a token that is good. */
  call: (title: ServiceTitle, request: Request, signal: AbortSignal) => Promise<Answer>;
  /** Where the catalogue of this cloud says the service is. Throws `SetupError` if it is nowhere. */
  baseOf: (title: ServiceTitle, signal: AbortSignal) => Promise<string>;
  project: (signal: AbortSignal) => Promise<Project>;
  /** The cloud's name and how we sign in, for what people are told. */
  cloudName: () => string;
  identityKind: () => Cloud["identity"]["kind"];
};

export type ServiceTitle = Exclude<Title, "Keystone">;
/** `roles`: ours in it. */
export type Project = { id: string; name: string; roles: readonly string[] };

/** Names of the types of each service, the newest first, and what its calls begin with. See: service-types.openstack.org. */
const SERVICES: Record<ServiceTitle, { types: readonly string[]; baseOf: (url: string) => string }> = {
  Nova: { types: ["compute"], baseOf: (url) => url },
  Glance: { types: ["image"], baseOf: (url) => `${url.replace(/\/v\d[\d.]*$/, "")}/v2` },
  Neutron: { types: ["network"], baseOf: (url) => `${url.replace(/\/v\d[\d.]*$/, "")}/v2.0` },
  Cinder: { types: ["block-storage", "volumev3", "block-store", "volume"], baseOf: (url) => url },
};

/** A token is renewed when less than this part of its life is left, */
const RENEW_PART = 0.1;
/** or less than this, whichever is less. */
const RENEW_MS = 5 * 60_000;
const LOGIN_LIMIT_MS = 25_000;

/** `read` is asked again at each log-in, so that a credential that was replaced is used without a restart. */
export function session(read: () => Cloud, clock: Clock): Session {
  let token: Token | undefined;
  let loggingIn: Promise<Token> | undefined;

  /** NB: one log-in serves all who wait, so it ends by its own limit and not when one of them leaves. */
  function login(): Promise<Token> {
    loggingIn ??= withLimit(clock, LOGIN_LIMIT_MS, (signal) => newToken(read(), clock, signal))
      .then((fresh) => {
        token = fresh;
        return fresh;
      })
      .finally(() => {
        loggingIn = undefined;
      });
    return loggingIn;
  }

  const current = (signal: AbortSignal): Promise<Token> =>
    token && clock.now() < token.renewAt ? Promise.resolve(token) : orLeave(login(), signal);

  const wayTo = (title: ServiceTitle, { cloud, endpoints, send }: Token, signal: AbortSignal): Way => ({
    title,
    base: baseIn(endpoints, title, cloud),
    ...{ send, clock, signal },
  });

  const callWith = (title: ServiceTitle, request: Request, used: Token, signal: AbortSignal) =>
    call(wayTo(title, used, signal), {
      ...request,
      headers: { ...request.headers, "x-auth-token": used.id },
      secrets: [...(request.secrets ?? []), used.id],
    });

  return {
    call: async (title, request, signal) => {
      const used = await current(signal);
      try {
        return await callWith(title, request, used, signal);
      } catch (error) {
        if (!(error instanceof CloudError && error.status === 401)) throw error;
      }
      // NB: a token may end before its time: it was revoked, or Keystone lost its keys. What was refused so was not done.
      if (token === used) token = undefined;
      return await callWith(title, request, await current(signal), signal);
    },
    baseOf: async (title, signal) => wayTo(title, await current(signal), signal).base,
    project: async (signal) => (await current(signal)).project,
    cloudName: () => (token?.cloud ?? read()).name,
    identityKind: () => (token?.cloud ?? read()).identity.kind,
  };
}

/** Leaves when the caller has to, and lets the others wait on. */
export async function orLeave<T>(shared: Promise<T>, signal: AbortSignal): Promise<T> {
  // NB: if all leave, nobody hears of its failure, which is no crash.
  shared.catch(() => undefined);
  signal.throwIfAborted();
  const { promise: left, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([shared, left]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

type Token = {
  id: string;
  renewAt: number;
  cloud: Cloud;
  send: Way["send"];
  endpoints: readonly Endpoint[];
  project: Project;
};

type Endpoint = { type: string; interface: string; region: string; url: string };

const TOKEN = z.object({
  token: z.object({
    expires_at: z.string(),
    issued_at: z.string(),
    project: z.object({ id: z.string(), name: z.string() }).optional(),
    roles: z.array(z.object({ name: z.string() })).default([]),
    catalog: z
      .array(
        z.object({
          type: z.string(),
          endpoints: z.array(
            z.object({
              interface: z.string(),
              url: z.string(),
              region_id: z.string().nullish(),
              region: z.string().nullish(),
            }),
          ),
        }),
      )
      .default([]),
  }),
});

async function newToken(cloud: Cloud, clock: Clock, signal: AbortSignal): Promise<Token> {
  const send = wireOf(cloud);
  const at = clock.now();
  const way: Way = { title: "Keystone", base: cloud.authUrl, send, clock, signal };
  const { auth, secrets } = cloud.identity;
  const { headers, body } = await call(way, {
    method: "POST",
    path: "/auth/tokens",
    body: { auth },
    secrets,
  });
  const { token } = TOKEN.parse(body);
  const id = headers.get("x-subject-token");
  if (!id) throw new Error(`Keystone of the cloud ${cloud.name} gave no token`);
  if (!token.project) {
    throw new SetupError(
      `The credential for the cloud ${cloud.name} is for no project, or has no role in one. Make one with openstack/create-app-credential.sh.`,
    );
  }
  // NB: by Keystone's own clock, which need not be ours.
  const lifeMs = Date.parse(token.expires_at) - Date.parse(token.issued_at);
  const renewAt = at + lifeMs - Math.min(RENEW_MS, lifeMs * RENEW_PART);
  const project = { ...token.project, roles: token.roles.map(({ name }) => name) };
  return { id, renewAt, cloud, send, endpoints: endpointsOf(token.catalog), project };
}

const endpointsOf = (catalog: z.infer<typeof TOKEN>["token"]["catalog"]): Endpoint[] =>
  catalog.flatMap(({ type, endpoints }) =>
    endpoints.map(({ region_id, region, ...rest }) => ({ ...rest, type, region: region_id ?? region ?? "" })),
  );

function baseIn(endpoints: readonly Endpoint[], title: ServiceTitle, cloud: Cloud): string {
  const { types, baseOf } = SERVICES[title];
  const ofType = types
    .map((type) => endpoints.filter((each) => each.type === type && each.interface === cloud.interface))
    .find((found) => found.length > 0);
  const found = (ofType ?? []).filter(({ region }) => cloud.region === undefined || region === cloud.region);
  const regions = new Set(found.map(({ region }) => region));
  if (regions.size > 1) {
    throw new SetupError(
      `The cloud ${cloud.name} has several regions (${[...regions].join(", ")}). Say which one: region_name in clouds.yaml, or OS_REGION_NAME.`,
    );
  }
  const [endpoint] = found;
  if (endpoint) return baseOf(endpoint.url.replace(/\/+$/, ""));
  throw new SetupError(noService(endpoints, title, cloud));
}

function noService(endpoints: readonly Endpoint[], title: ServiceTitle, cloud: Cloud): string {
  const others = endpoints.filter(({ type }) => SERVICES[title].types.includes(type));
  const where = `the interface "${cloud.interface}"${cloud.region === undefined ? "" : ` and the region ${cloud.region}`}`;
  const there = [...new Set(others.map((each) => `${each.interface} in ${each.region}`))].join(", ");
  return `The cloud ${cloud.name} has no ${title} (${SERVICES[title].types[0]}) for ${where}${
    there === "" ? "" : `; it has: ${there}`
  }. Mend interface and region_name in clouds.yaml, or ask the people of the cloud.`;
}
