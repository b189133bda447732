import { apply, type Fact, type State } from "../core/facts.ts";
import type { Job, Machine, MachineName } from "../core/types.ts";
import { subjectsOf } from "./subjects.ts";
import type { FactRow, JobRow, MachineRow } from "./tables.ts";

/** The rows that facts change: the newest of each, and the facts themselves. */
export type Changes = {
  facts: FactRow[];
  jobs: Map<number, JobRow>;
  machines: Map<MachineName, MachineRow>;
  /** Hosts by the time they were drained; none: drained no more. */
  hosts: Map<string, number | undefined>;
};

/**
 * Folds facts into the state, in order, and answers the rows that are to be written for it.
 * A fact that changes nothing (one that was recorded before, or about what is not open) has no row: a history of nothing new would only grow.
 */
export function fold(state: State, facts: readonly Fact[]): Changes {
  const changes: Changes = { facts: [], jobs: new Map(), machines: new Map(), hosts: new Map() };
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
  const wasDrained = fact.kind === "host-drained" && state.drained.has(fact.host);
  apply(state, fact);

  const news = Array.from(jobs, ([id, before]) => noteJob(changes, before, state.jobs.get(id)));
  news.push(noteMachine(changes, machine, state.machines.get(machineName), fact.at));
  for (const id of open) {
    if (state.closed.has(id)) news.push(noteClosed(changes, id, fact.at, jobs.get(id)));
  }
  if (fact.kind === "host-drained" && wasDrained !== fact.drained) news.push(noteHost(changes, fact));
  return news.includes(true);
}

/** The jobs that a fact may change, as they were. NB: whose failure a retired machine was, only the reducer knows. */
function jobsInReach(state: State, fact: Fact): Map<number, Job | undefined> {
  if (fact.kind === "machine-retired") return fact.failure ? new Map(state.jobs) : new Map();
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

function noteHost(
  changes: Changes,
  { host, drained, at }: { host: string; drained: boolean; at: number },
): true {
  changes.hosts.set(host, drained ? at : undefined);
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
