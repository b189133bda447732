import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";

/** One of the rig's ways in. See: clouds.yaml in its folder. */
export type CloudName = "lab" | "lab-password" | "lab-admin";
export type Service = "identity" | "compute" | "image" | "network";

export type Reply = { status: number; headers: Headers; body: unknown };

/** A signed-in user of a cloud. */
export type Api = {
  projectId: string;
  userId: string;
  token: string;
  /** Where each service is, by its type. */
  catalogue: Readonly<Record<string, string>>;
  /** Answers whatever the service says; nothing but silence is thrown. `path` begins behind the catalogue's address. */
  call: (service: Service, method: string, path: string, more?: More) => Promise<Reply>;
  /** As `call`, for a call that has to succeed. */
  get: <Body>(service: Service, path: string) => Promise<Body>;
};

export type More = { body?: unknown; headers?: Record<string, string> };

const CALL_MS = 60_000;
/** Nova's newest here (Zed). */
const MICROVERSION = "compute 2.93";

const CLOUDS = z.object({
  clouds: z.record(z.string(), z.object({ auth: z.record(z.string(), z.string()) })),
});
const TOKEN = z.object({
  token: z.object({
    user: z.object({ id: z.string() }),
    project: z.object({ id: z.string() }),
    catalog: z.array(
      z.object({
        type: z.string(),
        endpoints: z.array(z.object({ interface: z.string(), url: z.string() })),
      }),
    ),
  }),
});

export async function signIn(cloudsFile: string, name: CloudName): Promise<Api> {
  const auth = await readAuth(cloudsFile, name);
  const answer = await send(`${auth.auth_url}/auth/tokens`, "POST", { body: { auth: requestOf(auth) } });
  if (answer.status !== 201) throw new Error(`Keystone refused ${name}: ${JSON.stringify(answer.body)}`);
  const { user, project, catalog } = TOKEN.parse(answer.body).token;
  const token = answer.headers.get("x-subject-token") ?? "";

  const publicOf = (endpoints: { interface: string; url: string }[]) =>
    endpoints.find((each) => each.interface === "public")?.url ?? "";
  const catalogue = Object.fromEntries(catalog.map(({ type, endpoints }) => [type, publicOf(endpoints)]));
  const call: Api["call"] = (service, method, path, { body, headers } = {}) => {
    const own = { "x-auth-token": token, "openstack-api-version": MICROVERSION };
    return send(`${catalogue[service]}${path}`, method, { body, headers: { ...own, ...headers } });
  };
  return {
    ...{ projectId: project.id, userId: user.id, token, catalogue, call },
    get: async <Body>(service: Service, path: string) => {
      const { status, body } = await call(service, "GET", path);
      if (status !== 200) throw new Error(`GET ${path} of ${service}: ${status} ${JSON.stringify(body)}`);
      return body as Body;
    },
  };
}

/** The part of clouds.yaml that says who we are. */
export async function readAuth(cloudsFile: string, name: CloudName): Promise<Record<string, string>> {
  const { clouds } = CLOUDS.parse(parse(await readFile(cloudsFile, "utf8")));
  return clouds[name]?.auth ?? {};
}

/** What Keystone wants to see: an application credential, or a password and the project that it is for. */
export function requestOf(auth: Readonly<Record<string, string>>): object {
  const { application_credential_id: id, application_credential_secret: secret } = auth;
  if (id) {
    return { identity: { methods: ["application_credential"], application_credential: { id, secret } } };
  }
  const domain = (name: string | undefined) => ({ name });
  const { username, password, project_name, user_domain_name, project_domain_name } = auth;
  const user = { name: username, password, domain: domain(user_domain_name) };
  return {
    identity: { methods: ["password"], password: { user } },
    scope: { project: { name: project_name, domain: domain(project_domain_name) } },
  };
}

export async function send(url: string, method: string, { body, headers }: More): Promise<Reply> {
  const isFile = body instanceof Uint8Array;
  const answer = await fetch(url, {
    method,
    headers: { "content-type": isFile ? "application/octet-stream" : "application/json", ...headers },
    body: body === undefined || isFile ? (body ?? null) : JSON.stringify(body),
    signal: AbortSignal.timeout(CALL_MS),
  });
  return { status: answer.status, headers: answer.headers, body: bodyOf(await answer.text()) };
}

/** NB: Glance answers refusals as a web page. */
function bodyOf(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
