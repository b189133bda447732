import type { Call } from "../../rig/github/model.ts";
import { LAB_LABELS, LAB_REPO, type Lab } from "./lab.ts";

/** What came of a burst. Times are those of the fast clock, so they read as GitHub's. */
export type Burst = {
  jobs: number;
  served: number;
  lost: number;
  /** Jobs whose check run at GitHub says how they ended. */
  told: number;
  /** All calls at GitHub, the fetching of the token included. */
  calls: number;
  callsPerJob: number;
  checkWrites: number;
  refusals: number;
  /** Calls that were sent although Mayfly had been told to wait. NB: those that were under way are refused, too, and could not know. */
  refusedTwice: number;
  waitsMs: readonly number[];
  /** From a job's end to the completion of its check run, for those that had one that was open. */
  latesMs: readonly number[];
  /** The most check runs that were sent between the moment a registration was wanted and the one it was sent. */
  overtaken: number;
  /** From the first job's queueing to the last one's end, and until all was told. */
  servedMinutes: number;
  toldMinutes: number;
  /** Machines whose row is left at the end. */
  openMachines: number;
};

/** Queues runs of so many jobs each, all at once, and waits for the end of everything. */
export async function burst(lab: Lab, runs: readonly number[], limitMs: number): Promise<Burst> {
  const { github, store, clock, crowd } = lab;
  const startedAt = clock.now();
  const callsBefore = github.calls.length;
  const ids = new Set(runs.flatMap((size) => github.queueRun(LAB_REPO, { jobs: jobsOf(size) }).jobs));
  const ours = () => github.jobs(LAB_REPO).filter(({ id }) => ids.has(id));
  await github.until(() => ours().every(({ status }) => status === "completed"), limitMs);
  const servedAt = clock.now();
  await closed(lab, ids, limitMs);
  const toldAt = clock.now();
  const calls = github.calls.slice(callsBefore);
  const served = ours().filter(({ conclusion }) => conclusion === "success").length;
  return {
    jobs: ids.size,
    served,
    lost: ids.size - served,
    told: github
      .checkRuns(LAB_REPO)
      .filter(({ status, externalId }) => status === "completed" && ids.has(Number(externalId))).length,
    calls: calls.length,
    callsPerJob: round(calls.length / ids.size),
    checkWrites: calls.filter(isCheckWrite).length,
    refusals: github.limited.length,
    refusedTwice: lab.order.sentInPause(),
    waitsMs: crowd.waitsMs,
    latesMs: latesOf(lab),
    overtaken: Math.max(0, ...lab.order.overtaken()),
    servedMinutes: round((servedAt - startedAt) / 60_000),
    toldMinutes: round((toldAt - startedAt) / 60_000),
    openMachines: store.state.machines.size,
  };
}

function latesOf({ github, scale }: Lab): number[] {
  return github.calls.flatMap(({ operation, path, body, at }) => {
    const check = github.world.checkRuns.get(Number(path.split("/").at(-1)));
    const endedAt = github.world.jobs.get(Number(check?.externalId))?.completedAt;
    const isEnd = operation === "checks/update" && (body as { status?: string }).status === "completed";
    return isEnd && endedAt !== undefined ? [(at - endedAt) * scale] : [];
  });
}

const jobsOf = (size: number) =>
  Array.from({ length: size }, (_, index) => ({ name: `job ${index}`, labels: LAB_LABELS, script: "" }));

/** Until Mayfly has told the last of each job, and its machines are gone. */
async function closed({ store, clock }: Lab, ids: ReadonlySet<number>, limitMs: number): Promise<void> {
  const { jobs, machines } = store.state;
  const endsAt = Date.now() + limitMs;
  while (Array.from(ids).some((id) => jobs.has(id)) || machines.size > 0) {
    if (Date.now() > endsAt)
      throw new Error(`${jobs.size} jobs and ${machines.size} machines are open still`);
    await clock.until(clock.now() + 1000, new AbortController().signal);
  }
}

export const isCheckWrite = ({ operation }: Call): boolean =>
  operation === "checks/create" || operation === "checks/update";

/** The value at this rank, between 0 and 1. */
export const rank = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
  Number.NaN;

export const round = (value: number): number => Math.round(value * 100) / 100;
