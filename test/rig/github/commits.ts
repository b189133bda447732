import type { Commit, Entry, Repo } from "./model.ts";
import { commitPayload, pushPayload } from "./payloads/commits.ts";
import { installationOf, OCTOCAT, repoNamed } from "./population.ts";
import { sendEvent } from "./webhooks.ts";
import { changed, newCommit, type World } from "./world.ts";

/** Commits on branches, and the files in them. A history is a line: merges are not there. */

/** A file's text or bytes, a symlink, or null: it is taken away. */
export type FileOrder = string | { base64: string } | { symlink: string } | null;

export type PushOrder = {
  /** By path. */
  files: Readonly<Record<string, FileOrder>>;
  /** Default: the default branch. One that is new begins where that one is. */
  branch?: string | undefined;
  message?: string | undefined;
  by?: string | undefined;
  /** GitHub leaves out the commits of a push that is too large for its webhook. Default: true. */
  isListed?: boolean | undefined;
};

/** Pushes one commit, with its webhook. */
export function push(world: World, name: string, order: PushOrder): Commit {
  const repo = repoNamed(world, name);
  const branch = order.branch ?? repo.defaultBranch;
  const before = repo.branches.get(branch);
  const history = before ?? repo.branches.get(repo.defaultBranch) ?? [];
  const changes = new Map(Object.entries(order.files).map(([path, file]) => [path, entryOf(file)]));
  const commit = newCommit(changes, {
    message: order.message ?? "Change files",
    author: order.by ?? OCTOCAT,
  });
  repo.branches.set(branch, [...history, commit]);
  changed(world);
  const installation = installationOf(world, repo);
  if (!installation) return commit;
  const listed = (order.isListed ?? true) ? [commitPayload(world, { repo, commit, history })] : [];
  const payload = pushPayload(world, { repo, branch, before: before?.at(-1), commit, listed });
  sendEvent(world, { event: "push", installation, repo, sender: commit.author, payload });
  return commit;
}

/** Another branch is the default one. Throws if there is none of that name. */
export function setDefaultBranch(world: World, name: string, branch: string): void {
  const repo = repoNamed(world, name);
  if (!repo.branches.has(branch)) throw new Error(`${name} has no branch ${branch}; push to it first`);
  const from = repo.defaultBranch;
  repo.defaultBranch = branch;
  changed(world);
  const installation = installationOf(world, repo);
  if (!installation) return;
  const payload = { changes: { default_branch: { from } } };
  sendEvent(world, {
    event: "repository",
    action: "edited",
    installation,
    repo,
    sender: OCTOCAT,
    payload,
  });
}

/** The commits up to a branch's name or a commit's sha, oldest first; undefined: there is nothing of that name. */
export function historyOf(repo: Repo, ref: string = repo.defaultBranch): Commit[] | undefined {
  const branch = repo.branches.get(ref);
  if (branch) return branch;
  for (const commits of repo.branches.values()) {
    const index = commits.findIndex(({ sha }) => sha === ref);
    if (index >= 0) return commits.slice(0, index + 1);
  }
  return undefined;
}

/** All files at the end of a history, by path. */
export function treeOf(history: readonly Commit[]): Map<string, Entry> {
  const tree = new Map<string, Entry>();
  for (const { changes } of history) {
    for (const [path, entry] of changes) {
      if (entry === null) tree.delete(path);
      else tree.set(path, entry);
    }
  }
  return tree;
}

/** Is it the path itself, or below it? */
export const isAt = (path: string, one: string): boolean => one === path || one.startsWith(`${path}/`);

function entryOf(file: FileOrder): Entry | null {
  if (file === null) return null;
  if (typeof file === "string") return { kind: "file", bytes: Buffer.from(file) };
  if ("symlink" in file) return { kind: "symlink", target: file.symlink };
  return { kind: "file", bytes: Buffer.from(file.base64, "base64") };
}
