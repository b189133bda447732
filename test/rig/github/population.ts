import type { Account, Installation, Repo } from "./model.ts";
import { installationPayload, repoReference } from "./payloads/people.ts";
import { sendEvent } from "./webhooks.ts";
import { changed, newCommit, type World } from "./world.ts";

/** Accounts, repositories and where the App is installed. */

export type RepositorySettings = {
  private?: boolean | undefined;
  /** Whether the App is installed on it. Default: yes. */
  installed?: boolean | undefined;
  /** Kind of account of the owner, where it is new. */
  owner?: Account["kind"] | undefined;
};

/** The user who does what nobody in particular does: administrator of every repository. */
export const OCTOCAT = "octocat";

const README = new Map([["README.md", { kind: "file" as const, bytes: Buffer.from("Hello.\n") }]]);

/** Adds a repository, and its owner where needed, and installs the App on it. */
export function addRepository(world: World, fullName: string, settings: RepositorySettings = {}): Repo {
  const [login, name] = fullName.split("/");
  if (!login || !name) throw new Error(`${fullName} is not of the form owner/name`);
  if (world.repos.has(fullName.toLowerCase())) throw new Error(`${fullName} is there already`);
  const repo: Repo = {
    id: world.newId("repo"),
    owner: accountNamed(world, login, settings.owner ?? "Organization"),
    name,
    fullName,
    private: settings.private ?? false,
    createdAt: Date.now(),
    collaborators: new Map([[OCTOCAT, "admin"]]),
    defaultBranch: "main",
    branches: new Map([["main", [newCommit(README, { message: "First commit", author: OCTOCAT })]]]),
  };
  world.repos.set(fullName.toLowerCase(), repo);
  if (settings.installed ?? true) install(world, repo);
  changed(world);
  return repo;
}

/**
 * Installs the App on a repository; the first one of an account makes the installation.
 * See: docs.github.com, webhooks `installation` and `installation_repositories`.
 */
export function install(world: World, repo: Repo): void {
  const known = [...world.installations.values()].find((one) => one.account === repo.owner);
  const now = Date.now();
  if (known) {
    known.repos.add(repo);
    known.updatedAt = now;
    tellRepositories(world, known, "added", repo);
    return;
  }
  const installation: Installation = {
    id: world.newId("installation"),
    account: repo.owner,
    repos: new Set([repo]),
    permissions: world.app.permissions,
    createdAt: now,
    updatedAt: now,
  };
  world.installations.set(installation.id, installation);
  tellInstallation(world, installation, "created");
}

/** Takes the App off a repository; with the last one the installation ends. */
export function uninstall(world: World, repo: Repo): void {
  const installation = installationOf(world, repo);
  if (!installation) return;
  if (installation.repos.size === 1) {
    tellInstallation(world, installation, "deleted");
    world.installations.delete(installation.id);
  } else {
    installation.repos.delete(repo);
    tellRepositories(world, installation, "removed", repo);
  }
  changed(world);
}

/** Suspends the App on an account, or lets it go on. Its tokens answer 403 meanwhile. */
export function suspend(world: World, repo: Repo, suspended: boolean): void {
  const installation = installationOf(world, repo);
  if (!installation) throw new Error(`the app is not installed on ${repo.fullName}`);
  installation.suspendedAt = suspended ? Date.now() : undefined;
  tellInstallation(world, installation, suspended ? "suspend" : "unsuspend");
  changed(world);
}

export const installationOf = (world: World, repo: Repo): Installation | undefined =>
  [...world.installations.values()].find((one) => one.repos.has(repo));

/** NB: GitHub does not care about upper and lower case in names. */
export const findRepo = (world: World, fullName: string): Repo | undefined =>
  world.repos.get(fullName.toLowerCase());

/** The same for callers who know that it is there. Throws if it is not. */
export function repoNamed(world: World, fullName: string): Repo {
  const repo = findRepo(world, fullName);
  if (!repo) throw new Error(`there is no repository ${fullName}; add it first`);
  return repo;
}

export function accountNamed(world: World, login: string, kind: Account["kind"]): Account {
  const known = world.accounts.get(login.toLowerCase());
  const account = known ?? { id: world.newId("account"), login, kind };
  world.accounts.set(login.toLowerCase(), account);
  return account;
}

function tellInstallation(world: World, installation: Installation, action: string): void {
  const payload = {
    installation: installationPayload(world, installation),
    repositories: [...installation.repos].map(repoReference),
    ...(action === "created" && { requester: null }),
  };
  sendEvent(world, { event: "installation", action, installation, sender: OCTOCAT, payload });
}

function tellRepositories(
  world: World,
  installation: Installation,
  action: "added" | "removed",
  repo: Repo,
): void {
  const payload = {
    installation: installationPayload(world, installation),
    repository_selection: "selected",
    repositories_added: action === "added" ? [repoReference(repo)] : [],
    repositories_removed: action === "removed" ? [repoReference(repo)] : [],
    requester: null,
  };
  sendEvent(world, { event: "installation_repositories", action, installation, sender: OCTOCAT, payload });
}
