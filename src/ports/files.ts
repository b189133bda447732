import type { RepoName } from "../core/types.ts";

/**
 * What is at a path. `size`: in bytes, which are only there if they are few. `no-file`: a folder, a symlink that leads to no file, or a
 * submodule.
 */
export type FileSeen = { size: number; bytes: Uint8Array } | "none" | "no-file";

/** What is thought of a commit, as a check run says it that is over. `notes`: by the lines of files. */
export type Verdict = {
  name: string;
  conclusion: "success" | "failure";
  title: string;
  /** Markdown. */
  summary: string;
  notes: readonly { path: string; line: number; text: string }[];
};

/** Files of repositories. All verbs throw as those of `GitHub` do. */
export type RepoFiles = {
  /** The last commit of the default branch that changed what is at this path. `forbidden`: the App has not the right to read files. */
  lastChange(repo: RepoName, path: string, signal: AbortSignal): Promise<string | "none" | "forbidden">;
  /** What was at the path after that commit. */
  fileAt(repo: RepoName, path: string, sha: string, signal: AbortSignal): Promise<FileSeen>;
  /** Says it on the commit, if that is not what was said there last. */
  judge(repo: RepoName, sha: string, verdict: Verdict, signal: AbortSignal): Promise<void>;
};
