import type { Fact, SettingsFact } from "../core/facts.ts";
import type { MachineName } from "../core/types.ts";

export const isAboutSettings = (fact: Fact): fact is SettingsFact =>
  fact.kind === "settings-saved" || fact.kind === "settings-file";

/** The job and the machine that a fact tells of. One made for a job, and a job that ran somewhere, have both. */
export type Subjects = { job: number | undefined; machine: MachineName | undefined };

/** Under which job and machine a fact is found in the history. */
export function subjectsOf(fact: Fact): Subjects {
  switch (fact.kind) {
    case "job-seen":
      return { job: fact.job.id, machine: fact.job.ranOn };
    case "job-given-up":
    case "job-retried":
    case "job-admitted":
    case "run-cancelled":
    case "run-seen":
    case "run-approved":
    case "hold-asked":
    case "job-closed":
    case "check-published":
      return { job: fact.job, machine: undefined };
    case "machine-created":
      return { job: fact.forJob, machine: fact.machine };
    case "host-drained":
    case "orders-paused":
    case "repository-access":
    case "settings-saved":
    case "settings-file":
    case "github-limited":
    case "trial-ended":
    case "trial-forgotten":
      return { job: undefined, machine: undefined };
    default:
      return { job: undefined, machine: fact.machine };
  }
}
