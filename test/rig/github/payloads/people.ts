import type { Account, Installation, Repo } from "../model.ts";
import { isoTime, nodeId, type World } from "../world.ts";
import type { Schema } from "./schema.ts";

const NO_PICTURE = "data:,";

/** A person or an organisation, in the short form. */
export function accountPayload(world: World, account: Account): Schema<"simple-user"> {
  const api = `${world.apiUrl}/users/${account.login}`;
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId(account.kind === "User" ? "U" : "O", account.id),
    avatar_url: NO_PICTURE,
    gravatar_id: "",
    url: api,
    html_url: `${world.url}/${account.login}`,
    followers_url: `${api}/followers`,
    following_url: `${api}/following{/other_user}`,
    gists_url: `${api}/gists{/gist_id}`,
    starred_url: `${api}/starred{/owner}{/repo}`,
    subscriptions_url: `${api}/subscriptions`,
    organizations_url: `${api}/orgs`,
    repos_url: `${api}/repos`,
    events_url: `${api}/events{/privacy}`,
    received_events_url: `${api}/received_events`,
    type: account.kind,
    user_view_type: "public",
    site_admin: false,
  };
}

/** The person whose token it is, as others see them. */
export function userPayload(world: World, login: string): Schema<"public-user"> {
  const account = world.accounts.get(login.toLowerCase()) ?? { id: 1, login, kind: "User" as const };
  return {
    ...accountPayload(world, account),
    user_view_type: "public",
    name: null,
    company: null,
    blog: null,
    location: null,
    email: null,
    hireable: null,
    bio: null,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: isoTime(world.startedAt),
    updated_at: isoTime(world.startedAt),
  };
}

/** The organisation of a webhook. */
export function organizationPayload(world: World, account: Account): Record<string, unknown> {
  const api = `${world.apiUrl}/orgs/${account.login}`;
  return {
    login: account.login,
    id: account.id,
    node_id: nodeId("O", account.id),
    url: api,
    repos_url: `${api}/repos`,
    events_url: `${api}/events`,
    hooks_url: `${api}/hooks`,
    issues_url: `${api}/issues`,
    members_url: `${api}/members{/member}`,
    public_members_url: `${api}/public_members{/member}`,
    avatar_url: NO_PICTURE,
    description: null,
  };
}

/** The App itself, as in `GET /app` and on the check runs it made. */
export function appPayload(world: World): NonNullable<Schema<"integration">> {
  return {
    id: world.app.id,
    slug: world.app.slug,
    node_id: nodeId("A", world.app.id),
    owner: accountPayload(world, world.app.owner),
    name: world.app.name,
    description: "A throw-away virtual machine for every job",
    external_url: `${world.url}/apps/${world.app.slug}`,
    html_url: `${world.url}/apps/${world.app.slug}`,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    permissions: { ...world.app.permissions },
    events: [...world.app.events],
    installations_count: world.installations.size,
  };
}

/** The App that check runs of workflow jobs belong to. */
export function actionsAppPayload(world: World): NonNullable<Schema<"integration">> {
  return { ...appPayload(world), id: 15368, slug: "github-actions", name: "GitHub Actions", events: [] };
}

/** The App on one account. */
export function installationPayload(world: World, installation: Installation): Schema<"installation"> {
  const { id, account } = installation;
  return {
    id,
    account: accountPayload(world, account),
    repository_selection: "selected",
    access_tokens_url: `${world.apiUrl}/app/installations/${id}/access_tokens`,
    repositories_url: `${world.apiUrl}/installation/repositories`,
    html_url: `${world.url}/organizations/${account.login}/settings/installations/${id}`,
    app_id: world.app.id,
    app_slug: world.app.slug,
    target_id: account.id,
    target_type: account.kind,
    permissions: { ...installation.permissions },
    events: [...world.app.events] as Schema<"installation">["events"],
    created_at: isoTime(installation.createdAt),
    updated_at: isoTime(installation.updatedAt),
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: null,
    suspended_at: installation.suspendedAt === undefined ? null : isoTime(installation.suspendedAt),
  };
}

/** What a webhook says of the installation it is for. */
export const installationReference = (installation: Installation): { id: number; node_id: string } => ({
  id: installation.id,
  node_id: nodeId("I", installation.id),
});

/** What installation webhooks list. */
export const repoReference = (repo: Repo) => ({
  id: repo.id,
  node_id: nodeId("R", repo.id),
  name: repo.name,
  full_name: repo.fullName,
  private: repo.private,
});
