import type { operations } from "@octokit/openapi-types";
import { redeemManifest } from "../manifest.ts";
import type { Permissions, Repo } from "../model.ts";
import { appPayload, installationPayload } from "../payloads/people.ts";
import { repositoryPayload } from "../payloads/repository.ts";
import { findRepo, installationOf } from "../population.ts";
import { notFound, refuse } from "./answer.ts";
import { allows, issueToken } from "./auth.ts";
import type { AppHandlers, TokenHandlers } from "./handlers.ts";
import { pageOf } from "./pages.ts";
import { rateLimits } from "./rate.ts";

type ListedInstallation =
  operations["apps/list-installations"]["responses"][200]["content"]["application/json"][number];

/** The App, its installations, and their tokens. */
export const apps = {
  "apps/get-authenticated": ({ world }) => ({ status: 200, body: appPayload(world) }),

  "apps/list-installations": ({ world, query, url }) => {
    const { entries, headers } = pageOf([...world.installations.values()], query, url);
    // NB: the generated type has the slip of GitHub's description that schemas.ts puts right.
    const body = entries.map((one) => installationPayload(world, one)) as ListedInstallation[];
    return { status: 200, body, headers };
  },

  "apps/get-installation": ({ world, path }) => {
    const installation = world.installations.get(path.installation_id);
    return installation ? { status: 200, body: installationPayload(world, installation) } : notFound();
  },

  "apps/get-repo-installation": ({ world, path }) => {
    const repo = findRepo(world, `${path.owner}/${path.repo}`);
    const installation = repo && installationOf(world, repo);
    return installation ? { status: 200, body: installationPayload(world, installation) } : notFound();
  },

  "apps/create-installation-access-token": ({ world, path, body }) => {
    const installation = world.installations.get(path.installation_id);
    if (!installation) return notFound();
    if (installation.suspendedAt !== undefined) return refuse(403, "This installation has been suspended");
    const permissions = body?.permissions as Permissions | undefined;
    if (permissions && !allows(installation.permissions, permissions)) {
      return refuse(422, "The permissions requested are not granted to this installation.");
    }
    const wanted = wantedRepos([...installation.repos], body?.repositories, body?.repository_ids);
    if (wanted === "unknown") {
      return refuse(
        422,
        "There is at least one repository that does not exist or is not accessible to the parent installation.",
      );
    }
    const issued = issueToken(world, installation, { permissions, repos: wanted });
    return { status: 201, body: { ...issued, repository_selection: "selected" } };
  },
} satisfies AppHandlers;

/** What needs no credential: the code is one. */
export const newApps = {
  "apps/create-from-manifest": ({ world, path }) => {
    const answer = redeemManifest(world, path.code);
    return answer ? { status: 201, body: answer } : notFound();
  },
} satisfies AppHandlers;

/** What an installation can see. */
export const installations = {
  "apps/list-repos-accessible-to-installation": ({ world, token, query, url }) => {
    const { entries, headers } = pageOf([...token.repos], query, url);
    const repositories = entries.map((repo) => repositoryPayload(world, repo));
    return { status: 200, body: { total_count: token.repos.size, repositories }, headers };
  },

  "rate-limit/get": ({ world, token }) => ({ status: 200, body: rateLimits(world, token.installation.id) }),
} satisfies TokenHandlers;

function wantedRepos(
  all: Repo[],
  names: readonly string[] | undefined,
  ids: readonly number[] | undefined,
): Repo[] | undefined | "unknown" {
  if (!names && !ids) return undefined;
  const wanted = [
    ...(names ?? []).map((name) => all.find((repo) => repo.name === name)),
    ...(ids ?? []).map((id) => all.find((repo) => repo.id === id)),
  ];
  const found = wanted.filter((repo) => repo !== undefined);
  return found.length === wanted.length ? found : "unknown";
}
