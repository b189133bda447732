import { apply } from "../core/apply.ts";
import { type Fact, type Limit, poolKey, type SettingsFact, type State } from "../core/facts.ts";
import type { HoldNext } from "../core/holds.ts";
import { runKey } from "../core/runs.ts";
import type { RepoSettings } from "../core/settings.ts";
import { type Trial, trialKey } from "../core/trials.ts";
import type { Job, Machine, MachineName, RunAttempt } from "../core/types.ts";
import { isAboutSettings, subjectsOf } from "./subjects.ts";
import type { FactRow, JobRow, MachineRow } from "./tables.ts";

/** The rows that facts change: the newest of each, and the facts themselves. */
export type Changes = {
  facts: FactRow[];
  jobs: Map<number, JobRow>;
  machines: Map<MachineName, MachineRow>;
  /** Hosts by the time they were drained; none: drained no more. */
  drained: Map<string, number | undefined>;
  /** Repositories by the time they were paused; none: they are not any more. */
  paused: Map<string, number | undefined>;
  /** Repositories by the time the App lost its access; none: it has it again. */
  revoked: Map<string, number | undefined>;
  limited: Map<number, Limit>;
  runs: Map<string, RunAttempt>;
  /** By pool. */
  holds: Map<string, HoldNext>;
  /** By host and cloud image; none: forgotten. */
  trials: Map<string, Trial | undefined>;
  settings: Map<string, RepoSettings>;
  settingsFacts: SettingsFact[];
};

/**
 * Folds facts into the state, in order, and answers the rows that are to be written for it.
 * A fact that changes nothing (one that was recorded before, or about what is not open) has no row: a history of nothing new would only grow.
 */
export function fold(state: State, facts: readonly Fact[]): Changes {
  const changes: Changes = {
    facts: [],
    jobs: new Map(),
    machines: new Map(),
    drained: new Map(),
    paused: new Map(),
    revoked: new Map(),
    limited: new Map(),
    runs: new Map(),
    holds: new Map(),
    trials: new Map(),
    settings: new Map(),
    settingsFacts: [],
  };
  for (const fact of facts) {
    if (foldOne(state, fact, changes)) changes.facts.push(factRow(fact));
  }
  return changes;
}

/** Answers whether the fact changed anything. */
function foldOne(state: State, fact: Fact, changes: Changes): boolean {
  const jobs = jobsInReach(state, fact);
  const machineName = subjectsOf(fact).machine ?? "";
  const machine = state.machines.get(machineName);
  const open = Array.from(jobs.keys()).filter((id) => !state.closed.has(id));
  const standing = standingOf(state, fact);
  const candidate = candidateIn(state, fact);
  const trial = state.trials.get(candidate);
  apply(state, fact);

  const news = Array.from(jobs, ([id, before]) => noteJob(changes, before, state.jobs.get(id)));
  news.push(noteMachine(changes, machine, state.machines.get(machineName), fact.at));
  for (const id of open) {
    if (state.closed.has(id)) news.push(noteClosed(changes, id, fact.at, jobs.get(id)));
  }
  if (standing !== standingOf(state, fact)) news.push(noteStanding(changes, fact, state));
  news.push(noteTrial(changes, candidate, trial, state.trials.get(candidate)));
  return news.includes(true);
}

/** The candidate that a fact may tell of. */
function candidateIn(state: State, fact: Fact): string {
  if (fact.kind === "trial-ended" || fact.kind === "trial-forgotten")
    return trialKey(fact.host, fact.cloudImage);
  const { machine = "" } = subjectsOf(fact);
  const { host, trial } = state.machines.get(machine) ?? {};
  return host !== undefined && trial !== undefined ? trialKey(host, trial) : "";
}

function noteTrial(
  changes: Changes,
  candidate: string,
  before: Trial | undefined,
  after: Trial | undefined,
): boolean {
  if (JSON.stringify(before) === JSON.stringify(after)) return false;
  changes.trials.set(candidate, after);
  return true;
}

/** What is neither a job's nor a machine's, and may change by this fact. */
function standingOf(state: State, fact: Fact): unknown {
  if (fact.kind === "host-drained") return state.drained.has(fact.host);
  if (fact.kind === "orders-paused") return state.paused.has(fact.repo.toLowerCase());
  if (fact.kind === "repository-access") return state.withoutAccess.has(fact.repo.toLowerCase());
  if (fact.kind === "run-seen" || fact.kind === "run-approved") return state.runs.get(runKeyOf(fact));
  if (isAboutHolds(fact)) return state.holds.get(pooled(state, fact));
  if (isAboutSettings(fact)) return state.settings.get(fact.repo.toLowerCase());
  return fact.kind === "github-limited" ? state.limited.get(fact.installation) : undefined;
}

type HoldFact = Extract<Fact, { kind: "hold-asked" | "machine-retired" }>;

/** NB: a machine that fails uses up what was asked for its pool. */
const isAboutHolds = (fact: Fact): fact is HoldFact =>
  fact.kind === "hold-asked" || fact.kind === "machine-retired";

const pooled = ({ machines }: State, fact: HoldFact): string => {
  const pool = fact.kind === "hold-asked" ? fact : machines.get(fact.machine);
  return pool ? poolKey(pool) : "";
};

const runKeyOf = (fact: Extract<Fact, { kind: "run-seen" | "run-approved" }>): string =>
  fact.kind === "run-seen"
    ? runKey({ runId: fact.run.id, attempt: fact.run.attempt })
    : runKey({ runId: fact.run, attempt: fact.attempt });

function noteStanding(changes: Changes, fact: Fact, state: State): true {
  if (fact.kind === "host-drained") changes.drained.set(fact.host, fact.drained ? fact.at : undefined);
  if (fact.kind === "orders-paused")
    changes.paused.set(fact.repo.toLowerCase(), fact.paused ? fact.at : undefined);
  if (fact.kind === "repository-access")
    changes.revoked.set(fact.repo.toLowerCase(), fact.granted ? undefined : fact.at);
  if (fact.kind === "github-limited") {
    const limit = state.limited.get(fact.installation);
    if (limit) changes.limited.set(fact.installation, limit);
  }
  if (fact.kind === "run-seen" || fact.kind === "run-approved") {
    const run = state.runs.get(runKeyOf(fact));
    if (run) changes.runs.set(runKeyOf(fact), run);
  }
  if (isAboutHolds(fact)) {
    const hold = state.holds.get(pooled(state, fact));
    if (hold) changes.holds.set(pooled(state, fact), hold);
  }
  if (isAboutSettings(fact)) {
    const repo = fact.repo.toLowerCase();
    changes.settings.set(repo, state.settings.get(repo) ?? {});
    changes.settingsFacts.push(fact);
  }
  return true;
}

/**
 * The jobs that a fact may change, as they were. NB: whose failure a retired machine was, and which jobs are of one run, only the
 * reducer knows.
 */
function jobsInReach(state: State, fact: Fact): Map<number, Job | undefined> {
  if (fact.kind === "machine-retired") return fact.failure ? new Map(state.jobs) : new Map();
  if (fact.kind === "run-cancelled" || fact.kind === "run-approved") return new Map(state.jobs);
  if (fact.kind === "github-limited") return new Map(state.jobs);
  if (!("job" in fact)) return new Map();
  const id = typeof fact.job === "number" ? fact.job : fact.job.id;
  return new Map([[id, state.jobs.get(id)]]);
}

function noteJob(changes: Changes, before: Job | undefined, after: Job | undefined): boolean {
  if (!after || before === after) return false;
  const row = jobRow(after);
  if (before && row.doc === JSON.stringify(before)) return false;
  changes.jobs.set(after.id, row);
  return true;
}

/** NB: a job whose end was the first that was heard of it has never been open. */
function noteClosed(changes: Changes, id: number, at: number, before: Job | undefined): true {
  const row = before ? jobRow(before) : { id, repo: null, status: null, doc: null };
  changes.jobs.set(id, { ...row, closed_at: at });
  return true;
}

function noteMachine(
  changes: Changes,
  before: Machine | undefined,
  after: Machine | undefined,
  at: number,
): boolean {
  if (before === after) return false;
  if (after) {
    const row = machineRow(after);
    if (before && row.doc === JSON.stringify(before)) return false;
    changes.machines.set(after.name, row);
  } else if (before) changes.machines.set(before.name, { ...machineRow(before), forgotten_at: at });
  return true;
}

const jobRow = (job: Job): JobRow => ({
  id: job.id,
  repo: job.repo,
  status: job.status,
  closed_at: null,
  doc: JSON.stringify(job),
});

const machineRow = (machine: Machine): MachineRow => ({
  name: machine.name,
  repo: machine.repo,
  image: machine.image,
  host: machine.host,
  forgotten_at: null,
  doc: JSON.stringify(machine),
});

function factRow(fact: Fact): FactRow {
  const { job, machine } = subjectsOf(fact);
  return {
    at: fact.at,
    kind: fact.kind,
    job: job ?? null,
    machine: machine ?? null,
    doc: JSON.stringify(fact),
  };
}
