import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type DownloadsLock, Refused } from "./locks.ts";

/** What is new, by its path. */
export type News = { path: string; what: readonly Change[] };
export type Change = { name: string; version: string; digestFrom: string };

/** A commit on a new branch, ready for a pull request. Answers its branch. */
export function commit(project: string, news: readonly News[], branch: string): void {
  const paths = news.map(({ path }) => path);
  git(project, "switch", "--quiet", "--create", branch);
  git(project, "add", "--", ...paths);
  git(project, "commit", "--quiet", "--message", titleOf(news), "--message", bodyOf(news), "--", ...paths);
}

/** Refuses a folder that is not this project's. */
export function checkProject(project: string, paths: readonly string[]): void {
  const missing = paths.filter((path) => !existsSync(join(project, path)));
  if (missing.length > 0)
    throw new Refused(
      `${project} is no work tree of this project: it has no ${missing.join(", ")}. Give its folder with --project`,
    );
}

/** Refuses what would mix a person's work with ours, before anything is written. */
export function checkPlace(project: string, paths: readonly string[], branch: string): void {
  if (git(project, "status", "--porcelain", "--", ...paths) !== "")
    throw new Refused(`${paths.join(" or ")} is changed and not committed. Commit it, or undo it, first`);
  if (git(project, "branch", "--list", branch) !== "")
    throw new Refused(`there is a branch ${branch} already. Delete it, or name another with --branch`);
}

export const changesOf = (lock: DownloadsLock): Change[] =>
  Object.entries(lock).map(([name, { version, digestFrom }]) => ({ name, version, digestFrom }));

/** NB: at most 65 characters, as every title of this project's. */
export function titleOf(news: readonly News[]): string {
  const names = news.flatMap(({ what }) => what).map(({ name, version }) => `${name} ${version}`);
  const title = `images: ${names.join(", ")}`;
  return title.length <= 65 ? title : `images: newer ${news.flatMap(({ what }) => what).length} downloads`;
}

const bodyOf = (news: readonly News[]): string =>
  news
    .flatMap(({ what }) => what)
    .map(({ name, version, digestFrom }) => `${name} ${version}: ${digestFrom}`)
    .join("\n");

function git(project: string, ...args: string[]): string {
  try {
    return execFileSync("git", ["-C", project, ...args], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch (cause) {
    const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
    throw new Refused(
      `git ${args[0]} does not work in ${project}: ${said || cause}. Mend that, or write the files without a commit by --no-commit`,
      { cause },
    );
  }
}
