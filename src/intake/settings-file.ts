import type { Logger } from "pino";
import { withLimit } from "../clock.ts";
import { changeSettings } from "../core/apply-settings.ts";
import type { Fact, State } from "../core/facts.ts";
import { findRepository } from "../core/labels.ts";
import { block, code } from "../core/markdown.ts";
import { SETTINGS_FILE } from "../core/name.ts";
import { hasAccess } from "../core/pools.ts";
import type { FileFault, Settings } from "../core/settings.ts";
import { settingsFaults } from "../core/settings-faults.ts";
import type { Catalogue, RepoName, Repository } from "../core/types.ts";
import type { FileSeen, RepoFiles, Verdict } from "../ports/files.ts";
import { type Clock, GitHubUnavailable, type Ring } from "../ports.ts";
import { type Rounds, startRounds } from "./rounds.ts";

export type SettingsFileParts = {
  files: RepoFiles;
  /** The operator's own: it says how far a file may go. */
  catalogue: Catalogue;
  state: () => State;
  record: (facts: readonly Fact[]) => Promise<void>;
  /** What a file of so many bytes says. `faultAt`: a fault at the line of a value. */
  parse: (size: number, bytes: Uint8Array) => Parsed;
  everyMs: number;
  clock: Clock;
  ring: Ring;
  log: Logger;
};

type Parsed = {
  file: Settings;
  faults: readonly FileFault[];
  faultAt: (path: readonly PropertyKey[], text: string) => FileFault;
};

export type SettingsFiles = Rounds & {
  /** Looks at one repository's file now. Rejects with `GitHubUnavailable` if it could not be had. */
  look: (repo: RepoName) => Promise<void>;
};

/** However often somebody rings. */
const REST_MS = 5_000;
const LIMIT_MS = 60_000;
const NAME = "Mayfly settings";
/** More are of no use to anybody. */
const MOST_FAULTS = 50;

/** What is known of a file: the last commit that changed it, and what it comes to. `isSaid`: that commit says it, too. */
type Known = {
  sha: string | undefined;
  outcome: Outcome;
  isSaid: boolean;
  /** False: it has to be looked at once more before it counts. */
  isSure: boolean;
  isForbidden?: boolean;
};
type Outcome = Says | "none";
/** One of them. */
type Says = { settings?: Settings; faults?: readonly FileFault[] };

/**
 * Follows the settings file of each repository: at the start, every few minutes, and when a webhook says that it may have changed.
 * What it says is written down, and its commit says whether it is right.
 * NB: each start reads all files again, and looks what their commits say. A newer Mayfly, or another mayfly.yml, may think otherwise of
 * the same file, and the process may have ended between a file's reading and its check run.
 */
export function followSettingsFiles(parts: SettingsFileParts, signal: AbortSignal): SettingsFiles {
  const { catalogue, state, everyMs, clock, log } = parts;
  const known = new Map<RepoName, Known>();
  /** One look at a repository at a time, so that an older answer never comes after a newer one. */
  const last = new Map<RepoName, Promise<void>>();

  async function look(name: RepoName): Promise<void> {
    const repository = findRepository(name, catalogue);
    if (!repository) return;
    const next = (last.get(repository.name) ?? Promise.resolve()).then(() => lookNow(repository));
    const ended = next.catch(() => undefined);
    last.set(repository.name, ended);
    await next;
  }

  async function lookNow(repository: Repository): Promise<void> {
    const { name: repo } = repository;
    if (signal.aborted || !hasAccess({ repo }, state())) return;
    const found = await lookAt(repository, known.get(repo), parts, signal);
    known.set(repo, found);
    if (!found.isSure) rounds.soon();
    if (found.isSaid) return;
    await say(repo, found, parts, signal);
    known.set(repo, { ...found, isSaid: true });
  }

  async function round(): Promise<void> {
    for (const { name: repo } of catalogue.repositories) {
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
  repository: Repository,
  known: Known | undefined,
  parts: SettingsFileParts,
  signal: AbortSignal,
): Promise<Known> {
  const { files, clock, log } = parts;
  const { name: repo } = repository;
  const limited = <T>(ask: (both: AbortSignal) => Promise<T>) => withLimit(clock, LIMIT_MS, ask, signal);
  const change = await limited((both) => files.lastChange(repo, SETTINGS_FILE, both));
  if (change === "forbidden") {
    if (!known?.isForbidden)
      log.warn(
        { repo },
        "the App may not read files there, so no news of its settings file counts; see mayfly doctor",
      );
    return { sha: undefined, outcome: "none", isSaid: true, isSure: true, isForbidden: true };
  }
  const sha = change === "none" ? undefined : change;
  if (known?.isSure && !known.isForbidden && known.sha === sha) return known;
  const seen =
    sha === undefined ? "none" : await limited((both) => files.fileAt(repo, SETTINGS_FILE, sha, both));
  const outcome = outcomeOf(seen, repository, parts);
  // NB: what is not there at a commit that has just been made may be there a moment later, and the rule for forks with it.
  const isSure = outcome !== "none" || sha === undefined || (known?.sha === sha && known.outcome === "none");
  if (isSure) await note(repo, { sha, outcome }, parts);
  return { sha, outcome, isSaid: outcome === "none", isSure };
}

function outcomeOf(seen: FileSeen, repository: Repository, { catalogue, parse }: SettingsFileParts): Outcome {
  if (seen === "none") return "none";
  if (seen === "no-file") return { faults: [{ line: 1, text: "there is something else here than a file." }] };
  const { file, faults, faultAt } = parse(seen.size, seen.bytes);
  if (faults.length > 0) return { faults };
  const beyond = settingsFaults(file, repository, catalogue).slice(0, MOST_FAULTS);
  if (beyond.length === 0) return { settings: file };
  const found = beyond.map(({ path, text }) => faultAt(path, text));
  return { faults: found.toSorted((a, b) => a.line - b.line) };
}

/** NB: only news is written, since each start reads every file. */
async function note(
  repo: RepoName,
  { sha, outcome }: Pick<Known, "sha" | "outcome">,
  { state, record, clock, ring, log }: SettingsFileParts,
): Promise<void> {
  const { settings } = state();
  const commit = sha ?? settings.get(repo.toLowerCase())?.file?.sha ?? "";
  const says: Says = outcome === "none" ? {} : outcome;
  const fact = { kind: "settings-file", at: clock.now(), repo, sha: commit, ...says } as const;
  if (changeSettings(settings, fact) === settings) return;
  await record([fact]);
  log.info({ repo, sha: commit, faults: says.faults?.length ?? 0 }, "the settings file is another one");
  ring();
}

async function say(
  repo: RepoName,
  { sha, outcome }: Known,
  { files, clock }: SettingsFileParts,
  signal: AbortSignal,
): Promise<void> {
  if (sha === undefined || outcome === "none") return;
  const verdict = outcome.faults ? failure(outcome.faults) : SUCCESS;
  await withLimit(clock, LIMIT_MS, (both) => files.judge(repo, sha, verdict, both), signal);
}

const SUCCESS: Verdict = {
  name: NAME,
  conclusion: "success",
  title: "The settings are in force",
  summary: `Mayfly has read ${code(SETTINGS_FILE)}, and goes by what it says.`,
  notes: [],
};

function failure(faults: readonly FileFault[]): Verdict {
  const lines = faults.map(({ line, text }) => `line ${line}: ${text}`);
  return {
    name: NAME,
    conclusion: "failure",
    title: faults.length === 1 ? "One fault: not in force" : `${faults.length} faults: not in force`,
    summary: [
      `${code(SETTINGS_FILE)} is not in force. What was in force before goes on. Mend these lines:`,
      block(lines.join("\n")),
    ].join("\n\n"),
    notes: faults.map((fault) => ({ path: SETTINGS_FILE, ...fault })),
  };
}
