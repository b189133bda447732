import { apply, emptyState, type Fact } from "../core/facts.ts";
import type { Job, Machine, MachineName } from "../core/types.ts";
import type { Delivery, Store } from "../ports.ts";
import { subjectsOf } from "./subjects.ts";

const isAboutNone = (fact: Fact): boolean => {
  const { job, machine } = subjectsOf(fact);
  return job === undefined && machine === undefined;
};

/** A store that lasts as long as the process, for simulations and tests. Same reducer, no disk. */
export function memoryStore(): Store {
  const state = emptyState();
  let facts: Fact[] = [];
  const deliveries = new Map<string, Delivery & { isRead: boolean }>();
  let logPosition: number | undefined;
  /** Jobs and machines that are over, in the order of their ends. */
  const past = { jobs: new Map<number, Job>(), machines: new Map<MachineName, Machine>() };
  const newest = <T>(things: Iterable<T>, most: number): T[] => [...things].reverse().slice(0, most);

  function keepWhatEnds(fact: Fact): void {
    const job = fact.kind === "job-closed" ? state.jobs.get(fact.job) : undefined;
    const machine = fact.kind === "machine-forgotten" ? state.machines.get(fact.machine) : undefined;
    if (job) past.jobs.set(job.id, job);
    if (machine) past.machines.set(machine.name, machine);
  }

  return {
    state,
    async record(added) {
      for (const fact of added) {
        keepWhatEnds(fact);
        apply(state, fact);
        facts.push(fact);
      }
    },
    async history(about) {
      const isAbout = (fact: Fact) =>
        "job" in about ? subjectsOf(fact).job === about.job : subjectsOf(fact).machine === about.machine;
      return facts.filter(isAbout).toSorted((a, b) => a.at - b.at);
    },
    findJob: async (id) => state.jobs.get(id) ?? past.jobs.get(id),
    findMachine: async (name) => state.machines.get(name) ?? past.machines.get(name),
    lately: async (most) => ({
      jobs: newest(past.jobs.values(), most),
      machines: newest(past.machines.values(), most),
      rest: newest(facts.filter(isAboutNone), most),
    }),
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
    async prune(before) {
      const isOpen = (fact: Fact) => {
        const { job, machine } = subjectsOf(fact);
        return state.jobs.has(job ?? Number.NaN) || state.machines.has(machine ?? "");
      };
      for (const fact of facts) {
        if (fact.kind === "job-closed" && fact.at < before) state.closed.delete(fact.job);
      }
      facts = facts.filter((fact) => fact.at >= before || isOpen(fact));
      for (const { id, receivedAt } of deliveries.values()) if (receivedAt < before) deliveries.delete(id);
    },
    async close() {},
  };
}
