import type { Job, Machine } from "./types.ts";

/** `tookMs`: since the stage before. */
export type Stage = { stage: string; at: number; tookMs: number };

/**
 * The stages that a job has come to.
 * NB: some times are GitHub's, in whole seconds, and some are of our last look; a stage is never shown as before the one it follows.
 */
export function stagesOf(job: Job, machine: Machine | undefined): Stage[] {
  return inTurn([
    ["Queued", job.queuedAt],
    ["Machine ordered", machine?.startedAt],
    ["Guest ready", machine?.askedAt],
    ["Runner registered", machine?.configuredAt],
    ["Job started", job.startedAt],
    ["Job ended", job.doneAt],
    ["VM destroyed", machine?.destroyedAt],
  ]);
}

/** What has happened, each with the time since the one before. */
export function inTurn(times: readonly [string, number | undefined][]): Stage[] {
  const stages: Stage[] = [];
  for (const [stage, known] of times) {
    if (known === undefined) continue;
    const before = stages.at(-1)?.at ?? known;
    const at = Math.max(known, before);
    stages.push({ stage, at, tookMs: at - before });
  }
  return stages;
}
