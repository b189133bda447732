import { createHash } from "node:crypto";
import { historyOf, isAt, treeOf } from "../commits.ts";
import type { Entry, Repo } from "../model.ts";
import { listedCommit } from "../payloads/commits.ts";
import type { World } from "../world.ts";
import { notFound, refuse } from "./answer.ts";
import type { RepoHandlers } from "./handlers.ts";
import { pageOf } from "./pages.ts";

/** A file of this many bytes comes without its content. See: docs.github.com, REST, "Get repository content". */
const LARGEST = 1024 * 1024;

/** Commits, and what is in them. */
export const contents = {
  "repos/list-commits": ({ world, repo, query, url }) => {
    if (repo.branches.size === 0) return refuse(409, "Git Repository is empty.");
    const history = historyOf(repo, query.sha);
    if (!history) return notFound();
    const { path } = query;
    const wanted = history
      .filter(({ changes }) => path === undefined || [...changes.keys()].some((one) => isAt(path, one)))
      .toReversed();
    const { entries, headers } = pageOf(wanted, query, url);
    return { status: 200, body: entries.map((commit) => listedCommit(world, repo, commit)), headers };
  },

  /** NB: a symlink that leads to a file of the repository is followed, and the answer does not say so. */
  "repos/get-content": ({ world, repo, path: { path }, query }) => {
    const history = historyOf(repo, query.ref);
    if (!history) return notFound();
    const tree = treeOf(history);
    const entry = tree.get(path);
    const target = entry?.kind === "symlink" ? tree.get(joined(path, entry.target)) : undefined;
    if (entry) return { status: 200, body: entryPayload(world, { repo, path }, target ?? entry) };
    const below = [...tree].filter(([one]) => isAt(path, one));
    if (below.length === 0) return notFound();
    return { status: 200, body: below.map(([one, found]) => listing(world, { repo, path: one }, found)) };
  },
} satisfies RepoHandlers;

type Place = { repo: Repo; path: string };

function entryPayload(world: World, place: Place, entry: Entry) {
  const about = aboutEntry(world, place, entry);
  if (entry.kind === "symlink") return { ...about, type: "symlink" as const, target: entry.target };
  const isLarge = entry.bytes.length > LARGEST;
  // NB: GitHub breaks base64 into lines.
  const content = isLarge ? "" : entry.bytes.toString("base64").replaceAll(/.{60}/g, "$&\n");
  return { ...about, type: "file" as const, encoding: isLarge ? "none" : "base64", content };
}

const listing = (world: World, place: Place, entry: Entry) => ({
  ...aboutEntry(world, place, entry),
  type: entry.kind,
});

function aboutEntry(world: World, { repo, path }: Place, entry: Entry) {
  const bytes = entry.kind === "file" ? entry.bytes : Buffer.from(entry.target);
  const sha = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
  const self = `${world.apiUrl}/repos/${repo.fullName}/contents/${path}`;
  const git = `${world.apiUrl}/repos/${repo.fullName}/git/blobs/${sha}`;
  const html = `${world.url}/${repo.fullName}/blob/${repo.defaultBranch}/${path}`;
  return {
    name: path.split("/").at(-1) ?? path,
    path,
    sha,
    size: bytes.length,
    url: self,
    git_url: git,
    html_url: html,
    download_url: html,
    _links: { self, git, html },
  };
}

/** Where a symlink leads, within the repository. */
function joined(path: string, target: string): string {
  const steps = path.split("/").slice(0, -1);
  for (const step of target.split("/")) {
    if (step === "..") steps.pop();
    else if (step !== ".") steps.push(step);
  }
  return steps.join("/");
}
