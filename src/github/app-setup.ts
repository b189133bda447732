import { z } from "zod";
import type { AppSeen, AppSetup, InstallationSeen } from "../ports/app.ts";
import { ask, type Client, split } from "./client.ts";

const rights = z.record(z.string(), z.string()).nullish();

const appShape = z.object({
  slug: z.string(),
  // NB: an enterprise, as an owner, has a slug and no login.
  owner: z.object({ login: z.string().nullish(), type: z.string().nullish() }).nullish(),
  permissions: rights,
  events: z.array(z.string()),
});

/** NB: an App whose webhook is not active has no address here. GitHub shows asterisks for a secret. */
const hookShape = z.object({
  url: z.string().nullish(),
  content_type: z.string().nullish(),
  secret: z.string().nullish(),
});
const NO_HOOK: z.infer<typeof hookShape> = {};

const installationShape = z
  .object({
    html_url: z.string(),
    suspended_at: z.string().nullish(),
    permissions: rights,
    events: z.array(z.string()),
  })
  .transform(({ html_url, suspended_at, permissions, events }): InstallationSeen => {
    return { url: html_url, isSuspended: Boolean(suspended_at), permissions: permissions ?? {}, events };
  });

/** How the App is set up at GitHub. */
export function appSetup(client: Client): AppSetup {
  return {
    app: (signal) => readApp(client, signal),
    async installation(repo, signal) {
      const app = await client.as();
      return ask({
        send: () => app.apps.getRepoInstallation({ ...split(repo), request: { signal } }),
        shape: installationShape,
        expect: { 404: "none" },
      } as const);
    },
  };
}

async function readApp(client: Client, signal: AbortSignal): Promise<AppSeen> {
  const app = await client.as();
  const request = { signal };
  let date: string | undefined;
  const { slug, owner, permissions, events } = await ask({
    send: async () => {
      const answer = await app.apps.getAuthenticated({ request });
      date = answer.headers.date;
      return answer;
    },
    shape: appShape,
  });
  const hook = await ask({
    send: () => app.apps.getWebhookConfigForApp({ request }),
    shape: hookShape,
    expect: { 404: NO_HOOK },
  });
  return {
    slug,
    owner: { login: owner?.login ?? "", isOrganization: owner?.type === "Organization" },
    permissions: permissions ?? {},
    events,
    hook: {
      url: hook.url || undefined,
      contentType: hook.content_type ?? undefined,
      hasSecret: Boolean(hook.secret),
    },
    at: date === undefined ? undefined : Date.parse(date),
  };
}
