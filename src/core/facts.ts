import type { HoldNext } from "./holds.ts";
import { type AllSettings, type FileFault, noSettings, type Settings } from "./settings.ts";
import type { Trial, Verdict } from "./trials.ts";
import type {
  Failure,
  Job,
  JobSeen,
  Machine,
  MachineName,
  Outcome,
  Pool,
  RepoName,
  RunAttempt,
  RunSeen,
  Why,
} from "./types.ts";

/**
 * Something that happened, with its time. The store appends each to the history and folds it into the state.
 * Every fact may be written twice, late or out of order without harm.
 */
export type Fact = { at: number } & (
  | { kind: "job-seen"; job: JobSeen }
  | { kind: "job-given-up"; job: number; cause: string }
  /** A person wants the job to be tried again from the beginning. `by`: the person's login at GitHub, or "an operator" of the command line. */
  | { kind: "job-retried"; job: number; by: string }
  /** It runs in a machine of ours, and the rule for forks lets it. What the rule becomes later does not count for it. */
  | { kind: "job-admitted"; job: number }
  /** GitHub was asked to cancel the job's run. */
  | { kind: "run-cancelled"; job: number; isForced?: boolean | undefined }
  /** GitHub was asked about the run of a job. `run.attempt`: the job's. */
  | { kind: "run-seen"; job: number; run: RunSeen }
  /** A person lets the jobs of one attempt of a run go, although they are a fork's. `job`: the one whose button was pressed. */
  | { kind: "run-approved"; job: number; run: number; attempt: number; sha: string; by: string }
  | { kind: "job-closed"; job: number }
  | { kind: "check-published"; job: number; check: number; digest: string }
  | {
      kind: "machine-created";
      machine: MachineName;
      repo: RepoName;
      image: string;
      host: string;
      forJob?: number | undefined;
      /** The candidate that is tried on it: id of a cloud image. */
      trial?: string | undefined;
    }
  | { kind: "machine-adopted"; machine: MachineName; repo: RepoName; image: string; host: string }
  | { kind: "machine-started"; machine: MachineName; tokenHash: string }
  | { kind: "vm-up"; machine: MachineName; cloudImage?: string | undefined }
  | { kind: "guest-asked"; machine: MachineName; runnerVersion: string }
  | { kind: "machine-configured"; machine: MachineName; runnerId?: number | undefined }
  | { kind: "guest-stage"; machine: MachineName; stage: string; text: string }
  | { kind: "guest-working"; machine: MachineName }
  | { kind: "guest-ended"; machine: MachineName; outcome: Outcome }
  | { kind: "guest-log"; machine: MachineName; text: string }
  /** `by`: the login at GitHub of the person who asked, where it is known. */
  | {
      kind: "machine-retired";
      machine: MachineName;
      why: Why;
      failure?: Failure | undefined;
      by?: string | undefined;
    }
  | { kind: "vm-destroyed"; machine: MachineName }
  | { kind: "machine-forgotten"; machine: MachineName }
  /** A person wants to look into a machine: its VM is not destroyed before then, but for a person's word. */
  | {
      kind: "machine-held";
      machine: MachineName;
      until: number;
      by: string;
      /** Asked for before anybody knew which machine it would be: so it is nothing to one that did not use that up. */
      isNext?: boolean | undefined;
    }
  /** A person wants to look into the next machine of a pool that fails. `job`: the one whose button was pressed. */
  | { kind: "hold-asked"; job: number; repo: RepoName; image: string; by: string }
  | { kind: "host-drained"; host: string; drained: boolean; by?: string | undefined }
  /** No machine is ordered for the repository, or for any, until it is resumed. */
  | { kind: "orders-paused"; repo: RepoName | typeof ALL; paused: boolean; by: string }
  /** The App was installed on a repository of the catalogue, or removed or suspended there. */
  | { kind: "repository-access"; repo: RepoName; granted: boolean }
  /** An admin changed a repository's settings on their page. `version`: one more than that of the settings they were made from. */
  | { kind: "settings-saved"; repo: RepoName; settings: Settings; version: number; by: string }
  /** What the settings file of a repository comes to, or that there is none any more. `sha`: the commit that brought it. */
  | {
      kind: "settings-file";
      repo: RepoName;
      sha: string;
      settings?: Settings | undefined;
      faults?: readonly FileFault[] | undefined;
    }
  /** A candidate became the current cloud image of a host, or is not tried any more. */
  | { kind: "trial-ended"; host: string; family: string; cloudImage: string; verdict: Verdict }
  /** A cloud image that was a candidate is put away: should it be one again, it is tried anew. */
  | { kind: "trial-forgotten"; host: string; cloudImage: string }
  /** GitHub refuses all calls for an installation until then: a secondary limit. */
  | { kind: "github-limited"; installation: number; until: number }
);

/** A change of a repository's settings, on the page or by its file. */
export type SettingsFact = Extract<Fact, { kind: "settings-saved" | "settings-file" }>;

/** In place of a repository: all of them. */
export const ALL = "*";

/**
 * What is open now: jobs that are not closed and machines that are not forgotten. Entries are replaced, never changed in place.
 * `closed` holds the ids of jobs closed in the last days, so that a late webhook cannot open one again.
 */
export type State = {
  jobs: Map<number, Job>;
  machines: Map<MachineName, Machine>;
  closed: Set<number>;
  drained: Set<string>;
  /** Repositories, in lower case, for which no machine is ordered. */
  paused: Set<string>;
  /** Repositories, in lower case, on which the App is not installed, or suspended. */
  withoutAccess: Set<string>;
  /** What admins set for their repositories. */
  settings: AllSettings;
  /** By installation: the last time that GitHub refused all calls for it. */
  limited: Map<number, Limit>;
  /** By run and attempt (see `runKey`): those that the rule for forks asked about. */
  runs: Map<string, RunAttempt>;
  /** By pool (see `poolKey`): of which the next machine that fails is to be held, or was. */
  holds: Map<string, HoldNext>;
  /** By host and cloud image (see `trialKey`): how candidates do. */
  trials: Map<string, Trial>;
  /** By pool (see `poolKey`): failed machines in a row. Kept in memory only, a restart forgives. */
  streaks: Map<string, Streak>;
};

/** From when until when GitHub refuses calls. */
export type Limit = { at: number; until: number };

/**
 * Machines of a pool that failed in a row. `since`: the first of them, `at`: the last.
 * `hadBooted`: the last one's guest had asked for work, so a guest that asks proves nothing; only one that works does.
 */
export type Streak = { failures: number; since: number; at: number; hadBooted: boolean };

/** NB: machines bear the repository's name as the catalogue spells it, jobs as GitHub does. */
export const poolKey = ({ repo, image }: Pool): string => `${repo.toLowerCase()} ${image}`;

export const emptyState = (): State => ({
  jobs: new Map(),
  machines: new Map(),
  closed: new Set(),
  drained: new Set(),
  paused: new Set(),
  withoutAccess: new Set(),
  settings: noSettings,
  limited: new Map(),
  runs: new Map(),
  holds: new Map(),
  trials: new Map(),
  streaks: new Map(),
});
