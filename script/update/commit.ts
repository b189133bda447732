import { execFileSync } from "node:child_process";
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

const git = (project: string, ...args: string[]): string =>
  execFileSync("git", ["-C", project, ...args], { encoding: "utf8" }).trim();
