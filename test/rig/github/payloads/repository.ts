import type { Repo } from "../model.ts";
import { isoTime, nodeId, type World } from "../world.ts";
import { accountPayload } from "./people.ts";
import type { Schema } from "./schema.ts";

/** A repository as runs and check runs carry it. */
export const minimalRepository = (world: World, repo: Repo): Schema<"minimal-repository"> =>
  identity(world, repo);

function identity(world: World, repo: Repo) {
  const api = `${world.apiUrl}/repos/${repo.fullName}`;
  return {
    id: repo.id,
    node_id: nodeId("R", repo.id),
    name: repo.name,
    full_name: repo.fullName,
    private: repo.private,
    owner: accountPayload(world, repo.owner),
    html_url: `${world.url}/${repo.fullName}`,
    description: null,
    fork: false,
    url: api,
    archive_url: `${api}/{archive_format}{/ref}`,
    assignees_url: `${api}/assignees{/user}`,
    blobs_url: `${api}/git/blobs{/sha}`,
    branches_url: `${api}/branches{/branch}`,
    collaborators_url: `${api}/collaborators{/collaborator}`,
    comments_url: `${api}/comments{/number}`,
    commits_url: `${api}/commits{/sha}`,
    compare_url: `${api}/compare/{base}...{head}`,
    contents_url: `${api}/contents/{+path}`,
    contributors_url: `${api}/contributors`,
    deployments_url: `${api}/deployments`,
    downloads_url: `${api}/downloads`,
    events_url: `${api}/events`,
    forks_url: `${api}/forks`,
    git_commits_url: `${api}/git/commits{/sha}`,
    git_refs_url: `${api}/git/refs{/sha}`,
    git_tags_url: `${api}/git/tags{/sha}`,
    hooks_url: `${api}/hooks`,
    issue_comment_url: `${api}/issues/comments{/number}`,
    issue_events_url: `${api}/issues/events{/number}`,
    issues_url: `${api}/issues{/number}`,
    keys_url: `${api}/keys{/key_id}`,
    labels_url: `${api}/labels{/name}`,
    languages_url: `${api}/languages`,
    merges_url: `${api}/merges`,
    milestones_url: `${api}/milestones{/number}`,
    notifications_url: `${api}/notifications{?since,all,participating}`,
    pulls_url: `${api}/pulls{/number}`,
    releases_url: `${api}/releases{/id}`,
    stargazers_url: `${api}/stargazers`,
    statuses_url: `${api}/statuses/{sha}`,
    subscribers_url: `${api}/subscribers`,
    subscription_url: `${api}/subscription`,
    tags_url: `${api}/tags`,
    teams_url: `${api}/teams`,
    trees_url: `${api}/git/trees{/sha}`,
  };
}

/** A repository as webhooks carry it, and lists of repositories. */
export const repositoryPayload = (world: World, repo: Repo): Schema<"repository"> => details(world, repo);

function details(world: World, repo: Repo) {
  const page = `${world.url}/${repo.fullName}`;
  const at = isoTime(repo.createdAt);
  return {
    ...identity(world, repo),
    clone_url: `${page}.git`,
    git_url: `git://${new URL(world.url).host}/${repo.fullName}.git`,
    ssh_url: `git@${new URL(world.url).hostname}:${repo.fullName}.git`,
    svn_url: page,
    mirror_url: null,
    homepage: null,
    language: "MATLAB",
    default_branch: repo.defaultBranch,
    visibility: repo.private ? "private" : "public",
    archived: false,
    disabled: false,
    is_template: false,
    allow_forking: true,
    web_commit_signoff_required: false,
    topics: [],
    has_issues: true,
    has_projects: false,
    has_wiki: false,
    has_pages: false,
    has_downloads: true,
    has_discussions: false,
    license: null,
    forks: 0,
    forks_count: 0,
    open_issues: 0,
    open_issues_count: 0,
    size: 1,
    stargazers_count: 0,
    watchers: 0,
    watchers_count: 0,
    created_at: at,
    updated_at: at,
    pushed_at: at,
  };
}

/** A repository as its own page of the API shows it. */
export function fullRepository(world: World, repo: Repo): Schema<"full-repository"> {
  return {
    ...details(world, repo),
    custom_properties: {},
    network_count: 0,
    subscribers_count: 0,
    permissions: { admin: false, maintain: false, push: false, triage: false, pull: true },
  };
}
