import { apply } from "../core/apply.ts";
import { emptyState, type Fact, type SettingsFact, type State } from "../core/facts.ts";
import type { ClosedJob, Delivery, PastMachine, Store } from "../ports.ts";
import { isAboutSettings, subjectsOf } from "./subjects.ts";

const isAboutNone = (fact: Fact): boolean => {
  const { job, machine } = subjectsOf(fact);
  return job === undefined && machine === undefined;
};

/** A store that lasts as long as the process, for simulations and tests. Same reducer, no disk. */
export function memoryStore(onFact?: (fact: Fact, before: State) => void): Store {
  const state = emptyState();
  let facts: Fact[] = [];
  const changes: SettingsFact[] = [];
  let closedJobs: ClosedJob[] = [];
  let pastMachines: PastMachine[] = [];
  const deliveries = new Map<string, Delivery & { isRead: boolean }>();
  let logPosition: number | undefined;

  return {
    state,
    async record(added) {
      for (const fact of added) {
        onFact?.(fact, state);
        const job = fact.kind === "job-closed" ? state.jobs.get(fact.job) : undefined;
        const machine = fact.kind === "machine-forgotten" ? state.machines.get(fact.machine) : undefined;
        if (job) closedJobs.push({ ...job, closedAt: fact.at });
        if (machine) pastMachines.push({ ...machine, forgottenAt: fact.at });
        const { settings } = state;
        apply(state, fact);
        if (isAboutSettings(fact) && state.settings !== settings) changes.push(fact);
        facts.push(fact);
      }
    },
    async history(about) {
      const isAbout = (fact: Fact) =>
        "job" in about ? subjectsOf(fact).job === about.job : subjectsOf(fact).machine === about.machine;
      return facts.filter(isAbout).toSorted((a, b) => a.at - b.at);
    },
    settingsHistory: async (repo, most) =>
      changes
        .filter((fact) => fact.repo.toLowerCase() === repo.toLowerCase())
        .reverse()
        .slice(0, most),
    findJob: async (id) => state.jobs.get(id) ?? closedJobs.find((job) => job.id === id),
    findMachine: async (name) =>
      state.machines.get(name) ?? pastMachines.find((machine) => machine.name === name),
    lately: async (most) => ({
      jobs: closedJobs.toSorted(byClosing).slice(0, most),
      machines: pastMachines.toSorted(byEnd).reverse().slice(0, most),
      rest: facts.filter(isAboutNone).reverse().slice(0, most),
    }),
    closedJobs: async ({ since, repo, before, most }) =>
      closedJobs
        .filter((job) => job.closedAt >= since && (!before || byClosing(before, job) < 0))
        .filter((job) => repo === undefined || job.repo.toLowerCase() === repo.toLowerCase())
        .toSorted(byClosing)
        .slice(0, most),
    pastMachines: async ({ since, after, most }) =>
      pastMachines
        .filter((machine) => machine.forgottenAt >= since && (!after || byEnd(after, machine) < 0))
        .toSorted(byEnd)
        .slice(0, most),
    async keep(delivery) {
      if (deliveries.has(delivery.id)) return "known";
      deliveries.set(delivery.id, { ...delivery, isRead: false });
      return "new";
    },
    known: async (ids) => new Set(ids.filter((id) => deliveries.has(id))),
    logPosition: async () => logPosition,
    async moveLogPosition(to) {
      logPosition = to;
    },
    async unread({ except = [], most = Number.POSITIVE_INFINITY } = {}) {
      const unread = [...deliveries.values()].filter(({ isRead, id }) => !isRead && !except.includes(id));
      return unread.slice(0, most).map(({ isRead: _, ...delivery }) => delivery);
    },
    async markRead(id) {
      const delivery = deliveries.get(id);
      if (delivery) deliveries.set(id, { ...delivery, isRead: true });
    },
    async prune({ facts: before, rows }) {
      const isOpen = (fact: Fact) => {
        const { job, machine } = subjectsOf(fact);
        return state.jobs.has(job ?? Number.NaN) || state.machines.has(machine ?? "");
      };
      for (const fact of facts) {
        if (fact.kind === "job-closed" && fact.at < before) state.closed.delete(fact.job);
      }
      const open = new Set(Array.from(state.jobs.values(), ({ runId }) => runId));
      for (const [key, { id, at }] of state.runs) if (at < before && !open.has(id)) state.runs.delete(key);
      closedJobs = closedJobs.filter(({ closedAt }) => closedAt >= rows);
      pastMachines = pastMachines.filter(({ forgottenAt }) => forgottenAt >= rows);
      facts = facts.filter((fact) => fact.at >= before || isOpen(fact));
      for (const { id, receivedAt } of deliveries.values()) if (receivedAt < before) deliveries.delete(id);
    },
    async close() {},
  };
}

type Closing = Pick<ClosedJob, "closedAt" | "id">;
type End = Pick<PastMachine, "forgottenAt" | "name">;

/** Newest first. */
const byClosing = (a: Closing, b: Closing): number => b.closedAt - a.closedAt || b.id - a.id;

/** Oldest first. */
const byEnd = (a: End, b: End): number => a.forgottenAt - b.forgottenAt || (a.name < b.name ? -1 : 1);
