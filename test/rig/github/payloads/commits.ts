import { createHash } from "node:crypto";
import type { Commit, Repo } from "../model.ts";
import { isoTime, nodeId, type World } from "../world.ts";
import { accountPayload } from "./people.ts";
import type { Schema } from "./schema.ts";

type Place = { repo: Repo; commit: Commit; history: readonly Commit[] };

/** What a push says of one of its commits. `history`: what was there before it. */
export function commitPayload(world: World, { repo, commit, history }: Place) {
  const paths = [...commit.changes];
  const isKnown = (path: string) => history.some(({ changes }) => changes.has(path));
  const written = paths.filter(([, entry]) => entry !== null).map(([path]) => path);
  return {
    id: commit.sha,
    tree_id: treeSha(commit),
    distinct: true,
    message: commit.message,
    timestamp: isoTime(commit.at),
    url: `${world.url}/${repo.fullName}/commit/${commit.sha}`,
    author: { name: commit.author, email: mailOf(commit), username: commit.author },
    committer: { name: "GitHub", email: "noreply@github.com", username: "web-flow" },
    added: written.filter((path) => !isKnown(path)),
    removed: paths.filter(([, entry]) => entry === null).map(([path]) => path),
    modified: written.filter(isKnown),
  };
}

const NO_COMMIT = "0".repeat(40);

type Push = {
  repo: Repo;
  branch: string;
  /** The branch's last commit; undefined: the branch is new. */
  before: Commit | undefined;
  commit: Commit;
  listed: readonly ReturnType<typeof commitPayload>[];
};

/** What is special to a push. */
export function pushPayload(
  world: World,
  { repo, branch, before, commit, listed }: Push,
): Record<string, unknown> {
  const from = before?.sha ?? NO_COMMIT;
  return {
    ref: `refs/heads/${branch}`,
    before: from,
    after: commit.sha,
    created: before === undefined,
    deleted: false,
    forced: false,
    base_ref: null,
    compare: `${world.url}/${repo.fullName}/compare/${from}...${commit.sha}`,
    commits: listed,
    head_commit: listed.at(-1) ?? null,
    pusher: { name: commit.author, email: mailOf(commit) },
  };
}

/** A commit as lists of commits have it. */
export function listedCommit(world: World, repo: Repo, commit: Commit): Schema<"commit"> {
  const { sha, message } = commit;
  const api = `${world.apiUrl}/repos/${repo.fullName}`;
  const author = accountPayload(world, { id: 1, login: commit.author, kind: "User" });
  const signature = { name: commit.author, email: mailOf(commit), date: isoTime(commit.at) };
  return {
    sha,
    node_id: nodeId("C", repo.id),
    url: `${api}/commits/${sha}`,
    html_url: `${world.url}/${repo.fullName}/commit/${sha}`,
    comments_url: `${api}/commits/${sha}/comments`,
    commit: {
      message,
      author: signature,
      committer: signature,
      comment_count: 0,
      tree: { sha: treeSha(commit), url: `${api}/git/trees/${treeSha(commit)}` },
      url: `${api}/git/commits/${sha}`,
    },
    author,
    committer: author,
    parents: [],
  };
}

const mailOf = ({ author }: Commit): string => `${author}@users.noreply.github.com`;

/** Only the look is right. */
const treeSha = ({ sha }: Commit): string => createHash("sha1").update(`tree ${sha}`).digest("hex");
