import type { Logger } from "pino";
import { withLimit } from "../clock.ts";
import type { State } from "../core/facts.ts";
import { block, code } from "../core/markdown.ts";
import { SETTINGS_FILE } from "../core/name.ts";
import { hasAccess } from "../core/pools.ts";
import type { RepoName } from "../core/types.ts";
import type { FileSeen, RepoFiles, Verdict } from "../ports/files.ts";
import { type Clock, GitHubUnavailable } from "../ports.ts";
import { type Rounds, startRounds } from "./rounds.ts";

/** What a file comes to. With faults its settings are of no use. */
export type FileOutcome = { settings: unknown; faults: readonly { line: number; text: string }[] } | "none";

export type SettingsFileParts = {
  files: RepoFiles;
  repositories: readonly RepoName[];
  state: () => State;
  /** What a file comes to, for this repository. */
  read: (repo: RepoName, seen: FileSeen) => FileOutcome;
  /** Writes down what it came to, if that is news. */
  note: (repo: RepoName, sha: string | undefined, outcome: FileOutcome) => Promise<void>;
  everyMs: number;
  clock: Clock;
  log: Logger;
};

export type SettingsFiles = Rounds & {
  /** Looks at one repository's file now. Rejects with `GitHubUnavailable` if it could not be had. */
  look: (repo: RepoName) => Promise<void>;
};

/** However often somebody rings. */
const REST_MS = 5_000;
const LIMIT_MS = 60_000;
const NAME = "Mayfly settings";

/** What is known of a file. `isSaid`: its commit says what is thought of it. */
type Known = { sha: string | undefined; outcome: FileOutcome; isSaid: boolean };

/**
 * Follows the settings file of each repository: at the start, every few minutes, and when a webhook says that it may have changed.
 * What it says is written down, and its commit says whether it is right.
 * NB: each start reads all files again, and looks what their commits say. A newer Mayfly, or another mayfly.yml, may think otherwise of
 * the same file, and the process may have ended between a file's reading and its check run.
 */
export function followSettingsFiles(parts: SettingsFileParts, signal: AbortSignal): SettingsFiles {
  const { repositories, state, everyMs, clock, log } = parts;
  const known = new Map<RepoName, Known>();
  /** One look at a repository at a time, so that an older answer never comes after a newer one. */
  const last = new Map<RepoName, Promise<void>>();

  async function look(name: RepoName): Promise<void> {
    const repo = repositories.find((one) => one.toLowerCase() === name.toLowerCase());
    if (repo === undefined) return;
    const next = (last.get(repo) ?? Promise.resolve()).then(() => lookNow(repo));
    last.set(
      repo,
      next.catch(() => undefined),
    );
    await next;
  }

  async function lookNow(repo: RepoName): Promise<void> {
    if (signal.aborted || !hasAccess({ repo }, state())) return;
    const found = await lookAt(repo, known.get(repo), parts, signal);
    known.set(repo, found);
    if (found.isSaid) return;
    await say(repo, found, parts, signal);
    known.set(repo, { ...found, isSaid: true });
  }

  async function round(): Promise<void> {
    for (const repo of repositories) {
      await look(repo).catch((error: unknown) => {
        // NB: of a limit the sweep tells.
        const isLimit = error instanceof GitHubUnavailable && error.retryAt !== undefined;
        if (!signal.aborted)
          log[isLimit ? "debug" : "warn"]({ repo, err: error }, "the settings file could not be looked at");
      });
    }
  }

  const failure = "the settings files could not be looked at";
  const rounds = startRounds({ round, everyMs, restMs: REST_MS, failure, clock, log }, signal);
  return { ...rounds, look };
}

async function lookAt(
  repo: RepoName,
  known: Known | undefined,
  { files, read, note, clock, log }: SettingsFileParts,
  signal: AbortSignal,
): Promise<Known> {
  const limited = <T>(ask: (both: AbortSignal) => Promise<T>) => withLimit(clock, LIMIT_MS, ask, signal);
  const change = await limited((both) => files.lastChange(repo, SETTINGS_FILE, both));
  const sha = change === "none" || change === "forbidden" ? undefined : change;
  if (known && known.sha === sha) return known;
  if (change === "forbidden")
    log.warn(
      { repo },
      "the App may not read files there, so the settings file does not count; see mayfly doctor",
    );
  const seen =
    sha === undefined ? "none" : await limited((both) => files.fileAt(repo, SETTINGS_FILE, sha, both));
  const outcome = read(repo, seen);
  await note(repo, sha, outcome);
  return { sha, outcome, isSaid: outcome === "none" };
}

async function say(
  repo: RepoName,
  { sha, outcome }: Known,
  { files, clock }: SettingsFileParts,
  signal: AbortSignal,
): Promise<void> {
  if (sha === undefined || outcome === "none") return;
  const verdict = verdictOn(outcome);
  await withLimit(clock, LIMIT_MS, (both) => files.judge(repo, sha, verdict, both), signal);
}

function verdictOn({ faults }: Exclude<FileOutcome, "none">): Verdict {
  if (faults.length === 0) {
    return {
      name: NAME,
      conclusion: "success",
      title: "The settings are in force",
      summary: `Mayfly has read ${code(SETTINGS_FILE)}. It goes by what the file says.`,
      notes: [],
    };
  }
  const lines = faults.map(({ line, text }) => `line ${line}: ${text}`);
  return {
    name: NAME,
    conclusion: "failure",
    title: faults.length === 1 ? "One fault: not in force" : `${faults.length} faults: not in force`,
    summary: [
      `${code(SETTINGS_FILE)} is not in force. The settings from before this commit go on.`,
      block(lines.join("\n")),
    ].join("\n\n"),
    notes: faults.map((fault) => ({ path: SETTINGS_FILE, ...fault })),
  };
}
