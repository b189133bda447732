import type { Logger } from "pino";
import type { Probot } from "probot";
import { z } from "zod";
import type { RepoName } from "../core/types.ts";
import type { AppSetup } from "../ports/app.ts";
import type { RepoFiles } from "../ports/files.ts";
import type { GitHub, Standing } from "../ports.ts";
import { appSetup } from "./app-setup.ts";
import { checkVerbs } from "./checks.ts";
import { allPages, ask, type Client, newClient, split } from "./client.ts";
import { deliveryVerbs } from "./deliveries.ts";
import { repoFiles } from "./files.ts";
import { jobVerbs } from "./jobs.ts";
import type { LimitParts } from "./octokit.ts";
import { openCheckVerbs } from "./open-checks.ts";
import { peopleVerbs } from "./people.ts";
import { runnerVerbs } from "./runners.ts";
import { runVerbs } from "./runs.ts";

const GITHUB_API = "https://api.github.com";

export type GitHubOptions = LimitParts & {
  appId: number;
  /** PEM. */
  privateKey: string;
  /** Base address of the REST API, without a slash at the end; another one for GitHub Enterprise Server and for tests. */
  apiUrl?: string | undefined;
  /** Where the pages are that check runs lead to, if there are any. */
  publicUrl?: string | undefined;
  log: Logger;
  /** Time limit of one call in milliseconds; 15 s if left out. */
  callMs?: number | undefined;
};

/**
 * GitHub behind its port, the Probot that shares its credentials and limits, and how it stands with these. Nothing is called before
 * the first verb.
 * Throws `SetupError` if the private key is none.
 */
export function githubPort(options: GitHubOptions): {
  github: GitHub;
  setup: AppSetup;
  files: RepoFiles;
  probot: Probot;
  standing: () => Standing[];
  /** When GitHub last did as it was asked; undefined: not yet. */
  answeredAt: () => number | undefined;
} {
  const apiUrl = options.apiUrl ?? GITHUB_API;
  const client = newClient({ ...options, apiUrl });
  const github: GitHub = {
    installed: (owners, signal) => installed(client, owners, signal),
    isInstalled: (repo, signal) => isInstalled(client, repo, signal),
    ...runnerVerbs(client, webUrlOf(apiUrl)),
    ...jobVerbs(client),
    ...runVerbs(client),
    ...checkVerbs(client, options.publicUrl),
    ...openCheckVerbs(client),
    ...deliveryVerbs(client),
    ...peopleVerbs(client),
  };
  const { probot, standing, answeredAt } = client;
  return { github, setup: appSetup(client), files: repoFiles(client), probot, standing, answeredAt };
}

/** Base address of the pages that belong to an API: github.com's own, or that of a GitHub Enterprise Server. */
export function webUrlOf(apiUrl: string): string {
  if (apiUrl === GITHUB_API) return "https://github.com";
  return apiUrl.replace(/\/api\/v3$/, "");
}

const installationShape = z.object({
  id: z.int(),
  suspended_at: z.string().nullish(),
  account: z.object({ login: z.string().optional() }).nullish(),
});
const installationPage = z.array(installationShape);
const repositoryPage = z
  .object({ repositories: z.array(z.object({ full_name: z.string() })) })
  .transform(({ repositories }) => repositories.map(({ full_name }) => full_name));

/**
 * NB: an installation that cannot be asked (an organisation may let in certain addresses only) is left out; it must not hide the others.
 * Who misses a repository here asks about that one, see `isInstalled`.
 */
async function installed(
  client: Client,
  owners: readonly string[] | "all",
  signal: AbortSignal,
): Promise<RepoName[]> {
  const app = await client.as();
  const request = { signal };
  const installations = await allPages((page) =>
    ask({ send: () => app.apps.listInstallations({ ...page, request }), shape: installationPage }),
  );
  const wanted = owners === "all" ? undefined : new Set(owners.map((owner) => owner.toLowerCase()));
  const names: RepoName[] = [];
  for (const { id, suspended_at, account } of installations) {
    const isWanted = wanted?.has(account?.login?.toLowerCase() ?? "") ?? true;
    if (suspended_at || !isWanted) continue;
    try {
      names.push(...(await repositoriesOf(client, id, signal)));
    } catch (error) {
      if (signal.aborted) throw error;
      client.log.warn(
        { installation: id, err: error },
        "the repositories of an installation could not be listed",
      );
    }
  }
  return names;
}

async function repositoriesOf(
  client: Client,
  installation: number,
  signal: AbortSignal,
): Promise<RepoName[]> {
  const rest = await client.as(installation);
  const names = await allPages((page) =>
    ask({
      send: () => rest.apps.listReposAccessibleToInstallation({ ...page, request: { signal } }),
      shape: repositoryPage,
    }),
  );
  for (const name of names) client.learn(name, installation);
  return names;
}

async function isInstalled(client: Client, repo: RepoName, signal: AbortSignal): Promise<boolean> {
  const rest = await client.as();
  const found = await ask({
    send: () => rest.apps.getRepoInstallation({ ...split(repo), request: { signal } }),
    shape: installationShape,
    expect: { 404: "none" },
  } as const);
  return found !== "none" && !found.suspended_at;
}
