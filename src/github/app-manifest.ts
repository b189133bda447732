import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { AppMaking, AppOrder, MadeApp } from "../ports/app.ts";
import { GitHubUnavailable } from "../ports.ts";

export type Wanted = { permissions: Readonly<Record<string, string>>; events: readonly string[] };

const fileShape = z.object({
  description: z.string(),
  default_permissions: z.record(z.string(), z.string()),
  default_events: z.array(z.string()),
});

/** What app.yml asks for. NB: who is in a team is asked only where a team operates. `project`: folder of app.yml. */
export function wantedOf(project: string, operators: readonly string[]): Wanted & { description: string } {
  const file = fileShape.parse(parse(readFileSync(join(project, "app.yml"), "utf8")));
  const { members, ...others } = file.default_permissions;
  const hasTeams = operators.some((operator) => operator.includes("/"));
  return {
    description: file.description,
    permissions: { ...others, ...(hasTeams && members !== undefined && { members }) },
    events: file.default_events,
  };
}

export type MakingOptions = {
  /** Folder of app.yml. */
  project: string;
  /** Base addresses, without a slash at the end. */
  webUrl: string;
  apiUrl: string;
  /** Where people's browsers find Mayfly's pages. */
  publicUrl: string | undefined;
  /** Logins, and teams as `org/team`. */
  operators: readonly string[];
};

/** Making an App from a manifest. See: docs.github.com, "Registering a GitHub App from a manifest". */
export function appMaking(options: MakingOptions): AppMaking {
  const { webUrl, apiUrl } = options;
  return {
    form(order, state) {
      const of = order.org === undefined ? "" : `organizations/${encodeURIComponent(order.org)}/`;
      return {
        action: `${webUrl}/${of}settings/apps/new?state=${encodeURIComponent(state)}`,
        manifest: JSON.stringify(manifestOf(order, options)),
      };
    },

    async redeem(code, signal) {
      const url = `${apiUrl}/app-manifests/${encodeURIComponent(code)}/conversions`;
      const response = await send(url, signal);
      // NB: what GitHub says of a code that is none is not documented in more detail than these two.
      if (response.status === 404 || response.status === 422) return "refused";
      if (!response.ok) throw new GitHubUnavailable(`GitHub answered ${response.status}`);
      return await readApp(response);
    },
  };
}

function manifestOf({ name, org, hookUrl, redirectUrl }: AppOrder, options: MakingOptions): object {
  const { webUrl, publicUrl } = options;
  const { description, permissions, events } = wantedOf(options.project, options.operators);
  return {
    name,
    description,
    url: publicUrl ?? (org === undefined ? webUrl : `${webUrl}/${org}`),
    redirect_url: redirectUrl,
    public: false,
    default_permissions: permissions,
    // NB: with hook_attributes an address is wanted, also when they are not active; and events need a webhook.
    ...(hookUrl !== undefined && {
      hook_attributes: { url: hookUrl, active: true },
      default_events: events,
    }),
    ...(publicUrl !== undefined && {
      callback_urls: [`${publicUrl}/sign-in/callback`],
      setup_url: `${publicUrl}/settings`,
      setup_on_update: true,
    }),
  };
}

async function send(url: string, signal: AbortSignal): Promise<Response> {
  try {
    const headers = { accept: "application/vnd.github+json", "user-agent": "Mayfly" };
    return await fetch(url, { method: "POST", signal, headers });
  } catch (cause) {
    // NB: the address has the code in it, which is as good as the key.
    throw new GitHubUnavailable("GitHub did not answer", { cause: reasonOf(cause) });
  }
}

/** Such as ECONNREFUSED. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error && "code" in error.cause
    ? String(error.cause.code)
    : String(error instanceof Error ? error.name : error);

const appShape = z
  .object({
    id: z.int(),
    slug: z.string(),
    html_url: z.url(),
    client_id: z.string(),
    client_secret: z.string(),
    webhook_secret: z.string().nullish(),
    pem: z.string(),
  })
  .transform(
    ({ id, slug, html_url, client_id, client_secret, webhook_secret, pem }): MadeApp => ({
      ...{ appId: id, slug, pageUrl: html_url, clientId: client_id, clientSecret: client_secret },
      ...(webhook_secret && { webhookSecret: webhook_secret }),
      privateKey: pem,
    }),
  );

/** NB: a fault must not quote the answer, which holds the key. */
async function readApp(response: Response): Promise<MadeApp> {
  const answer: unknown = await response.json().catch(() => undefined);
  const { data } = appShape.safeParse(answer);
  if (data === undefined) throw new GitHubUnavailable("GitHub's answer has another form than it should");
  return data;
}
