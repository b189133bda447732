import { readFile } from "node:fs/promises";
import { parse } from "yaml";

/** The rig's cloud as its administrator sees it: everything, whoever has it. */
export type CloudAdmin = {
  /** Asks a service, by its type in the catalogue. */
  get: <T>(service: "compute" | "image" | "network", path: string) => Promise<T>;
  /** All servers, ports, floating IPs and images, each as a line. */
  things: () => Promise<string[]>;
};

type Auth = { auth_url: string; username: string; password: string; project_name: string };

/** `file`: the rig's clouds.yaml. */
export async function cloudAdmin(file: string): Promise<CloudAdmin> {
  const { clouds } = parse(await readFile(file, "utf8")) as { clouds: Record<string, { auth: Auth }> };
  const auth = clouds["lab-admin"]?.auth;
  if (!auth) throw new Error(`${file} has no cloud named lab-admin`);
  const { token, urls } = await logIn(auth);

  const get = async <T>(service: string, path: string): Promise<T> => {
    const headers = { "x-auth-token": token, "openstack-api-version": "compute 2.90" };
    const reply = await fetch(`${urls.get(service)}${path}`, { headers });
    if (!reply.ok) throw new Error(`${service} answered ${path} with ${reply.status}: ${await reply.text()}`);
    return (await reply.json()) as T;
  };
  return { get, things: () => thingsOf(get) };
}

type Thing = { id: string; name?: string; description?: string; floating_ip_address?: string };

async function thingsOf(get: CloudAdmin["get"]): Promise<string[]> {
  const [{ servers }, { ports }, { floatingips }, { images }] = await Promise.all([
    get<{ servers: Thing[] }>("compute", "/servers?all_tenants=1"),
    get<{ ports: Thing[] }>("network", "/v2.0/ports"),
    get<{ floatingips: Thing[] }>("network", "/v2.0/floatingips"),
    get<{ images: Thing[] }>("image", "/v2/images?limit=1000"),
  ]);
  const lines = (kind: string, things: readonly Thing[]) =>
    things.map(({ id, name, description }) => `${kind} ${id} ${name || description || ""}`.trim());
  return [
    ...lines("server", servers),
    ...lines("port", ports),
    ...lines("floating IP", floatingips),
    ...lines("image", images),
  ];
}

type Catalogue = { token: { catalog: { type: string; endpoints: { interface: string; url: string }[] }[] } };

async function logIn({ auth_url, username, password, project_name }: Auth) {
  const domain = { id: "default" };
  const identity = { methods: ["password"], password: { user: { name: username, domain, password } } };
  const auth = { identity, scope: { project: { name: project_name, domain } } };
  const reply = await fetch(`${auth_url}/auth/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ auth }),
  });
  if (!reply.ok) throw new Error(`Keystone answered ${reply.status}`);
  const { catalog } = ((await reply.json()) as Catalogue).token;
  const urlOf = (endpoints: Catalogue["token"]["catalog"][number]["endpoints"]) =>
    endpoints.find((endpoint) => endpoint.interface === "public")?.url;
  return {
    token: reply.headers.get("x-subject-token") ?? "",
    urls: new Map(catalog.map(({ type, endpoints }) => [type, urlOf(endpoints)])),
  };
}
