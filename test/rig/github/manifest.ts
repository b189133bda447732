import { generateKeyPairSync } from "node:crypto";
import { z } from "zod";
import type { Account, Repo } from "./model.ts";
import { appPayload } from "./payloads/people.ts";
import { accountNamed, install, installationOf } from "./population.ts";
import { changed, newSecret, type World } from "./world.ts";

/**
 * Registering an App from a manifest, and installing it. An emulated GitHub has one App, so the new one takes the place of the old.
 * See: docs.github.com, "Registering a GitHub App from a manifest".
 */

/** Events that every App is sent; a manifest must not ask for them. See: app.yml. */
const SENT_TO_ALL = new Set(["installation", "installation_repositories"]);
/** What an event needs. See: docs.github.com, "Webhook events and payloads". */
const NEEDS: Record<string, string> = {
  workflow_job: "actions",
  check_run: "checks",
  push: "contents",
  repository: "metadata",
};

const manifestShape = z
  .strictObject({
    name: z.string().min(1).max(34).optional(),
    url: z.url(),
    // NB: with hook_attributes comes an address, also when they are not active.
    hook_attributes: z.strictObject({ url: z.url(), active: z.boolean().optional() }).optional(),
    redirect_url: z.url().optional(),
    callback_urls: z.array(z.url()).max(10).optional(),
    setup_url: z.url().optional(),
    description: z.string().optional(),
    public: z.boolean().optional(),
    default_events: z.array(z.string()).default([]),
    default_permissions: z.record(z.string(), z.enum(["read", "write", "admin"])).default({}),
    request_oauth_on_install: z.boolean().optional(),
    setup_on_update: z.boolean().optional(),
  })
  .refine(
    ({ default_events, default_permissions }) =>
      default_events.every((event) => !SENT_TO_ALL.has(event) && (NEEDS[event] ?? "") in default_permissions),
    { error: "Default events unsupported" },
  );

export type Manifest = z.output<typeof manifestShape>;

/** The manifest, or what GitHub says of one that it does not take. */
export function readManifest(text: string): Manifest | string {
  try {
    return manifestShape.parse(JSON.parse(text));
  } catch (error) {
    if (error instanceof z.ZodError) return z.prettifyError(error);
    if (error instanceof SyntaxError) return "The manifest is no JSON.";
    throw error;
  }
}

/** An App's answer, until somebody redeems its code. */
export type ManifestCode = { expiresAt: number; answer: ReturnType<typeof answerOf> };

/** The person creates the App: answers where the browser goes. */
export function register(world: World, manifest: Manifest, order: RegisterOrder): string {
  const secret = manifest.hook_attributes && newSecret("");
  world.app = newApp(world, manifest, order);
  world.webhook =
    manifest.hook_attributes && secret ? { url: manifest.hook_attributes.url, secret } : undefined;
  const code = newSecret("");
  world.manifestCodes.set(code, {
    expiresAt: Date.now() + world.times.manifestCodeMs,
    answer: answerOf(world, secret),
  });
  changed(world);
  const url = new URL(manifest.redirect_url ?? world.url);
  url.searchParams.set("code", code);
  if (order.state !== "") url.searchParams.set("state", order.state);
  return url.href;
}

/** `owner`: left out for the account of the person. */
export type RegisterOrder = { name: string; owner: string | undefined; state: string };

function newApp(world: World, manifest: Manifest, { name, owner }: RegisterOrder): World["app"] {
  const account: Account =
    owner === undefined ? accountNamed(world, OPERATOR, "User") : accountNamed(world, owner, "Organization");
  return {
    id: world.newId("app"),
    slug: name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-"),
    name,
    owner: account,
    privateKey: generateKeyPairSync("rsa", { modulusLength: 2048 })
      .privateKey.export({ type: "pkcs1", format: "pem" })
      .toString(),
    permissions: manifest.default_permissions,
    events: manifest.default_events,
    clientId: `Iv23${newSecret("").slice(0, 16)}`,
    clientSecret: newSecret(""),
    callbacks: manifest.callback_urls ?? [],
    setupUrl: manifest.setup_url,
  };
}

/** Who registers an App of their own account. */
export const OPERATOR = "octocat";

const answerOf = (world: World, secret: string | undefined) => ({
  ...appPayload(world),
  client_id: world.app.clientId,
  client_secret: world.app.clientSecret,
  webhook_secret: secret ?? null,
  pem: world.app.privateKey,
});

/** Good once, and for an hour. */
export function redeemManifest(world: World, code: string): ManifestCode["answer"] | undefined {
  const known = world.manifestCodes.get(code);
  world.manifestCodes.delete(code);
  return known && known.expiresAt > Date.now() ? known.answer : undefined;
}

/** Repositories that the App may be installed on. NB: an App that is not public is for the account that owns it. */
export const installable = (world: World): Repo[] =>
  [...world.repos.values()].filter(
    (repo) =>
      repo.owner.login.toLowerCase() === world.app.owner.login.toLowerCase() && !installationOf(world, repo),
  );

/** Installs the App on these repositories: answers where the browser goes. */
export function installOn(world: World, names: readonly string[]): string {
  const chosen = installable(world).filter(({ fullName }) => names.includes(fullName));
  for (const repo of chosen) install(world, repo);
  changed(world);
  if (world.app.setupUrl === undefined) return "/";
  const url = new URL(world.app.setupUrl);
  const installation = chosen[0] && installationOf(world, chosen[0]);
  url.searchParams.set("installation_id", String(installation?.id ?? ""));
  url.searchParams.set("setup_action", "install");
  return url.href;
}
