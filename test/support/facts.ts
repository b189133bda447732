import type { Fact } from "../../src/core/facts.ts";
import type { Settings } from "../../src/core/settings.ts";
import type { JobSeen } from "../../src/core/types.ts";
import type { Delivery } from "../../src/ports.ts";
import { aJobSeen, aRunSeen, NOW, REPO } from "./build.ts";

/** Facts and webhooks in few words. */

/** A look at a job. */
export const seen = (id: number, changes: Partial<JobSeen> = {}, at = NOW): Fact => ({
  kind: "job-seen",
  at,
  job: aJobSeen({ id, ...changes }),
});

export const created = (machine: string, forJob?: number, at = NOW): Fact => ({
  kind: "machine-created",
  at,
  machine,
  repo: REPO,
  image: "plain",
  host: "lab1",
  ...(forJob === undefined ? {} : { forJob }),
});

/** The machine did not boot. */
export const failed = (machine: string): Fact => ({
  kind: "machine-retired",
  at: NOW,
  machine,
  why: "boot-timeout",
  failure: { machine, image: "plain", at: NOW, why: "boot-timeout", text: "" },
});

export const drained = (host: string, isDrained: boolean): Fact => ({
  kind: "host-drained",
  at: NOW,
  host,
  drained: isDrained,
});

/** A webhook. */
export const delivery = (id: string): Delivery => ({
  id,
  event: "workflow_job",
  payload: `{"delivery":"${id}"}`,
  receivedAt: NOW,
});

/** A run of a fork was looked up for job 1. */
export const seenRun = (run: number, at = NOW): Fact => ({
  kind: "run-seen",
  at,
  job: 1,
  run: aRunSeen({ id: run }),
});

/** Its first attempt may run. */
export const savedSettings = (settings: Settings, version = 1, by = "mona"): Fact => ({
  kind: "settings-saved",
  at: NOW,
  repo: REPO,
  settings,
  version,
  by,
});
export const approvedRun = (run: number, at = NOW): Fact => ({
  kind: "run-approved",
  at,
  job: 1,
  run,
  attempt: 1,
  sha: "a".repeat(40),
  by: "mona",
});

/** Somebody asked for the next machine that fails to be held. */
export const heldNext = (at = NOW): Fact => ({
  kind: "hold-asked",
  at,
  job: 1,
  repo: REPO,
  image: "plain",
  by: "mona",
});
