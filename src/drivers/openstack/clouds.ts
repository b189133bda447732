import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { SetupError } from "../../ports.ts";
import { identityOf } from "./identity.ts";

/** A cloud and who we are there. */
export type Cloud = {
  /** As clouds.yaml calls it; `envvars`: it comes from OS_* variables. */
  name: string;
  /** Keystone, up to and with `/v3`. */
  authUrl: string;
  /** What Keystone is told of us. Secret. */
  identity: { kind: "application credential" | "password"; auth: object; secrets: readonly string[] };
  /** None: the catalogue has one region only. */
  region: string | undefined;
  interface: "public" | "internal" | "admin";
  /** PEM of the authorities that are trusted; none: those of the system. */
  ca: string | undefined;
  isVerified: boolean;
};

/** Where clouds are looked for. */
export type Places = { env: Readonly<Record<string, string | undefined>>; cwd: string; home: string };

/**
 * Finds a cloud in clouds.yaml or in OS_* variables, as OpenStack's own programs do. Throws `SetupError`.
 * `wanted`: its name; none: that of OS_CLOUD, else the variables, else the only one of the file.
 * See: docs.openstack.org/openstacksdk, "Configuring OpenStack SDK Applications".
 */
export function readCloud(wanted: string | undefined, places: Places): Cloud {
  const { env } = places;
  const variables = env.OS_AUTH_URL ? { [env.OS_CLOUD_NAME || ENVVARS]: variablesAsEntry(env) } : {};
  const named = wanted ?? (env.OS_CLOUD || undefined) ?? Object.keys(variables)[0];
  const clouds = { ...readFiles(places), ...variables };
  const names = Object.keys(clouds);
  const name = named ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined) throw new SetupError(unnamed(names));
  const entry = Object.hasOwn(clouds, name) ? clouds[name] : undefined;
  if (entry === undefined) throw new SetupError(unknown(name, names));
  return cloudOf(name, entry);
}

const ENVVARS = "envvars";

const PLACES = "OS_CLIENT_CONFIG_FILE, this folder, ~/.config/openstack and /etc/openstack";

const unnamed = (names: readonly string[]): string =>
  names.length === 0
    ? `No cloud is known: there is no clouds.yaml (looked for in ${PLACES}), and OS_AUTH_URL is not set. openstack/create-app-credential.sh makes one.`
    : `Several clouds are known (${names.join(", ")}). Say which one with openstack.cloud in mayfly.yml, or with OS_CLOUD.`;

const unknown = (name: string, names: readonly string[]): string =>
  names.length === 0
    ? `The cloud ${name} is not known: there is no clouds.yaml (looked for in ${PLACES}).`
    : `The cloud ${name} is not known. clouds.yaml has: ${names.join(", ")}. Mend openstack.cloud in mayfly.yml, OS_CLOUD, or clouds.yaml.`;

type Tree = { [key: string]: unknown };

/** All clouds of the first clouds.yaml that is found, with what the first secure.yaml adds. */
function readFiles({ env, cwd, home }: Places): Tree {
  const folders = [cwd, join(env.XDG_CONFIG_HOME || join(home, ".config"), "openstack"), "/etc/openstack"];
  const paths = (first: string | undefined, stem: string) => [
    ...(first ? [first] : []),
    ...folders.flatMap((folder) => [join(folder, `${stem}.yaml`), join(folder, `${stem}.yml`)]),
  ];
  const clouds = readFirst(paths(env.OS_CLIENT_CONFIG_FILE, "clouds"));
  return merge(clouds, readFirst(paths(env.OS_CLIENT_SECURE_FILE, "secure")));
}

const FILE = z.object({ clouds: z.record(z.string(), z.record(z.string(), z.unknown())) });

function readFirst(paths: readonly string[]): Tree {
  for (const path of paths) {
    const text = readText(path);
    if (text === undefined) continue;
    // NB: a YAML error that shows its place would show a secret.
    const document = parseDocument(text, { prettyErrors: false });
    const [error] = document.errors;
    if (error) throw new SetupError(`${path} is no YAML (${error.code}). Mend it.`);
    const read = FILE.safeParse(document.toJS());
    if (!read.success)
      throw new SetupError(`${path} has no "clouds:" with clouds by name below it. Mend it.`);
    return read.data.clouds;
  }
  return {};
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new SetupError(`${path} cannot be read (${cause instanceof Error ? cause.message : cause}).`, {
      cause,
    });
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

/** Values of `over` win; records are merged all the way down. */
function merge(base: Tree, over: Tree): Tree {
  const merged: Tree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isTree(below) && isTree(value) ? merge(below, value) : value;
  }
  return merged;
}

const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** NB: YAML reads a user called 1234, or a password of digits, as a number. */
const TEXT = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const REGION = z.union([
  z.string(),
  z.object({ name: z.string(), values: z.record(z.string(), z.unknown()).optional() }),
]);
const ENTRY = z.object({
  auth: z.record(z.string(), TEXT.nullish()).optional(),
  auth_type: z.string().optional(),
  region_name: z.string().optional(),
  regions: z.array(REGION).optional(),
  interface: z.string().optional(),
  endpoint_type: z.string().optional(),
  cacert: z.string().optional(),
  verify: z.boolean().optional(),
  insecure: z.boolean().optional(),
});

function cloudOf(name: string, raw: unknown): Cloud {
  const read = ENTRY.safeParse(withRegion(raw));
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new SetupError(
      `The cloud ${name} is not as it must be: ${issue?.path.join(".")}: ${issue?.message}.`,
    );
  }
  const entry = read.data;
  const { auth = {} } = entry;
  if (!auth.auth_url) {
    throw new SetupError(`The cloud ${name} has no auth.auth_url. Give the address of its Keystone.`);
  }
  return {
    name,
    authUrl: keystoneOf(auth.auth_url),
    identity: identityOf(name, entry.auth_type, auth),
    region: entry.region_name,
    interface: interfaceOf(name, entry.interface ?? entry.endpoint_type ?? "public"),
    ca: entry.cacert ? readCa(name, entry.cacert) : undefined,
    isVerified: entry.verify !== false && entry.insecure !== true,
  };
}

/** A list of regions, with settings of their own: without a choice the first one is taken, as elsewhere. */
function withRegion(raw: unknown): unknown {
  const read = z.object({ region_name: z.string().optional(), regions: z.array(REGION) }).safeParse(raw);
  if (!read.success || !isTree(raw)) return raw;
  const regions = read.data.regions.map((one) => (typeof one === "string" ? { name: one } : one));
  const { region_name: wanted = regions[0]?.name } = read.data;
  const region = regions.find(({ name }) => name === wanted);
  return { ...merge(raw, region?.values ?? {}), region_name: wanted };
}

/** NB: addresses of Keystone are written with and without its version, and with one that is long gone. */
const keystoneOf = (url: string): string => `${url.replace(/\/+$/, "").replace(/\/v(?:2\.0|3)$/, "")}/v3`;

function interfaceOf(name: string, text: string): Cloud["interface"] {
  const word = text.replace(/URL$/, "");
  if (word === "public" || word === "internal" || word === "admin") return word;
  throw new SetupError(`The cloud ${name} has the interface ${text}; it is public, internal or admin.`);
}

function readCa(name: string, path: string): string {
  const text = readText(path);
  if (text !== undefined) return text;
  throw new SetupError(`The cloud ${name} names the certificates ${path} (cacert), which are not there.`);
}

/** What openrc files set, in the words of clouds.yaml. */
function variablesAsEntry(env: Places["env"]): Tree {
  const auth = AUTH_VARIABLES.flatMap((key) => {
    const value = env[`OS_${key.toUpperCase()}`];
    return value ? [[key, value] as const] : [];
  });
  return {
    auth: Object.fromEntries(auth),
    auth_type: env.OS_AUTH_TYPE || undefined,
    region_name: env.OS_REGION_NAME || undefined,
    interface: env.OS_INTERFACE || env.OS_ENDPOINT_TYPE || undefined,
    cacert: env.OS_CACERT || undefined,
    insecure: /^(?:1|true|yes|on)$/i.test(env.OS_INSECURE ?? ""),
  };
}

const AUTH_VARIABLES = [
  ...[
    "auth_url",
    "application_credential_id",
    "application_credential_name",
    "application_credential_secret",
  ],
  ...["username", "user_id", "password", "user_domain_name", "user_domain_id"],
  ...["project_name", "project_id", "project_domain_name", "project_domain_id", "tenant_name", "tenant_id"],
  ...["default_domain", "default_domain_id", "default_domain_name", "domain_id", "domain_name"],
];
