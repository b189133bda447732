import { SetupError } from "../../ports.ts";
import type { Cloud } from "./clouds.ts";

type Auth = Readonly<Record<string, string | null | undefined>>;

/**
 * The body of Keystone's log-in: by application credential where there is one, else by password.
 * See: docs.openstack.org/api-ref/identity/v3, "Authentication and token management".
 */
export function identityOf(cloud: string, type: string | undefined, auth: Auth): Cloud["identity"] {
  const kind = type === undefined ? undefined : TYPES.get(type);
  if (type !== undefined && kind === undefined) {
    throw new SetupError(
      `The cloud ${cloud} has the auth_type ${type}. Mayfly knows v3applicationcredential and v3password.`,
    );
  }
  const isCredential = kind === "application credential" || (!kind && auth.application_credential_secret);
  return isCredential ? byCredential(cloud, auth) : byPassword(cloud, auth);
}

const TYPES: ReadonlyMap<string, Cloud["identity"]["kind"]> = new Map([
  ["v3applicationcredential", "application credential"],
  ["v3password", "password"],
  ["password", "password"],
]);

function byCredential(cloud: string, auth: Auth): Cloud["identity"] {
  const { application_credential_id: id, application_credential_name: name } = auth;
  const secret = auth.application_credential_secret;
  if (!secret || !(id || name)) throw new SetupError(lacking(cloud, "application_credential_id and _secret"));
  const who = id ? { id } : { name, user: userOf(cloud, auth) };
  return {
    kind: "application credential",
    auth: { identity: { methods: ["application_credential"], application_credential: { ...who, secret } } },
    secrets: [secret],
  };
}

function byPassword(cloud: string, auth: Auth): Cloud["identity"] {
  const { password } = auth;
  if (!password) throw new SetupError(lacking(cloud, "application_credential_id and _secret, or a password"));
  const user = { ...userOf(cloud, auth), password };
  const { project_id: id = auth.tenant_id, project_name: name = auth.tenant_name } = auth;
  if (!id && !name) throw new SetupError(lacking(cloud, "project_name or project_id"));
  const project = id ? { id } : { name, domain: domainOf(auth, "project") };
  return {
    kind: "password",
    auth: { identity: { methods: ["password"], password: { user } }, scope: { project } },
    secrets: [password],
  };
}

function userOf(cloud: string, auth: Auth): object {
  if (auth.user_id) return { id: auth.user_id };
  if (!auth.username) throw new SetupError(lacking(cloud, "username or user_id"));
  return { name: auth.username, domain: domainOf(auth, "user") };
}

function domainOf(auth: Auth, of: "user" | "project"): object {
  const id = auth[`${of}_domain_id`] ?? auth.domain_id ?? auth.default_domain_id;
  const name = auth[`${of}_domain_name`] ?? auth.domain_name ?? auth.default_domain_name;
  if (id) return { id };
  return name ? { name } : { id: auth.default_domain ?? "default" };
}

const lacking = (cloud: string, what: string): string =>
  `The cloud ${cloud} lacks ${what} under auth in clouds.yaml (or secure.yaml, or OS_* variables). openstack/create-app-credential.sh makes an application credential.`;
