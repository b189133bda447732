import { describe, expect, test } from "vitest";
import { poolKey } from "../../src/core/facts.ts";
import { DEFAULT_PATIENCE, FORCE_MS, PROBE_AFTER } from "../../src/core/patience.ts";
import { plan } from "../../src/core/plan.ts";
import type { Job } from "../../src/core/types.ts";
import {
  ago,
  aHost,
  aJob,
  aRepository,
  aStreak,
  aWorld,
  booting,
  doneIn,
  hours,
  minutes,
  NOW,
  REPO,
  seconds,
  type WorldParts,
} from "../support/build.ts";

const { giveUpMs, waitMs, tries } = DEFAULT_PATIENCE;

/** Why each job is given up in this world. */
const causes = (parts: WorldParts): string[] =>
  plan(aWorld(parts)).facts.flatMap((fact) => (fact.kind === "job-given-up" ? [fact.cause] : []));

const waitingFor = (ms: number, changes: Partial<Job> = {}) =>
  aJob({ queuedAt: ago(ms), readyAt: ago(ms), ...changes });
const failing = (failures: number, sinceMs: number) => ({
  [poolKey({ repo: REPO, image: "plain" })]: aStreak({ failures, since: ago(sinceMs) }),
});
const since = ago(hours(100));
const FULL = { catalogue: { hosts: [aHost({ machines: 0 })] }, since };

describe("a job is given up", () => {
  test("after a number of machines that failed, and says how many", () => {
    expect(causes({ jobs: [aJob({ tries: tries - 1 })] })).toEqual([]);
    expect(causes({ jobs: [aJob({ tries })] })).toEqual(["3 machines failed before the job could begin."]);
  });

  test("at the first machine whose runner GitHub refuses as too old: another would be as old", () => {
    const failure = { machine: "m", image: "plain", at: NOW, why: "runner-outdated" as const, text: "" };

    expect(causes({ jobs: [aJob({ tries: 1, failure })] })).toEqual([
      "GitHub refuses the runner of the image plain, since it is too old. The image has to be built anew.",
    ]);
    expect(causes({ jobs: [aJob({ tries: 1, failure: { ...failure, why: "guest-failed" } })] })).toEqual([]);
  });

  test("when all machines of its pool have failed for as long as it may wait for that", () => {
    const jobs = [waitingFor(giveUpMs)];

    expect(causes({ jobs, since, streaks: failing(PROBE_AFTER, giveUpMs) })).toEqual([
      "The last 3 machines of the image plain failed.",
    ]);
    expect(causes({ jobs, since, streaks: failing(PROBE_AFTER - 1, giveUpMs) })).toEqual([]);
    expect(causes({ jobs, since, streaks: failing(PROBE_AFTER, giveUpMs - 1) })).toEqual([]);
    expect(causes({ jobs: [waitingFor(giveUpMs - 1)], since, streaks: failing(9, hours(9)) })).toEqual([]);
  });

  test("not for machines that failed before it came: perhaps nobody has tried since", () => {
    const old = {
      [poolKey({ repo: REPO, image: "plain" })]: aStreak({
        failures: 9,
        since: ago(hours(9)),
        at: ago(hours(8)),
      }),
    };

    expect(causes({ jobs: [waitingFor(giveUpMs)], ...FULL, streaks: old })).toEqual([]);
  });

  test("also where the catalogue spells its repository in another way", () => {
    const catalogue = { repositories: [aRepository({ name: "Octo/SpinW" })] };

    expect(
      causes({ jobs: [waitingFor(giveUpMs)], since, catalogue, streaks: failing(PROBE_AFTER, giveUpMs) }),
    ).toHaveLength(1);
  });

  test("when it has waited for longer than GitHub lets it, with the reason that it waits for", () => {
    expect(causes({ jobs: [waitingFor(waitMs)], ...FULL })).toEqual([
      "It has waited for 20:00:00 h: lab1 is full.",
    ]);
    expect(causes({ jobs: [waitingFor(waitMs - 1)], ...FULL })).toEqual([]);
  });

  test("not for the time that the controller was down, nor for the time that GitHub held it back", () => {
    expect(causes({ jobs: [waitingFor(waitMs)], ...FULL, since: ago(minutes(1)) })).toEqual([]);
    expect(causes({ jobs: [waitingFor(waitMs, { readyAt: ago(minutes(1)) })], ...FULL })).toEqual([]);
  });

  test("not while a machine is on its way that it may get", () => {
    const machines = [booting({ startedAt: ago(seconds(5)) })];

    expect(causes({ jobs: [waitingFor(waitMs)], machines, since })).toEqual([]);
  });

  test("and looked at again when its time is over", () => {
    expect(plan(aWorld({ jobs: [waitingFor(waitMs - 5000)], ...FULL })).wakeAt).toBe(NOW + 5000);
  });
});

describe("the run of a job that was given up", () => {
  const told = { gaveUpAt: NOW, check: { id: 9, digest: "given-up" } };
  const catalogue = { repositories: [aRepository({ onGiveUp: "cancel" })] };

  test("is cancelled where the catalogue says so, once its check run has told why", () => {
    expect(doneIn({ jobs: [aJob(told)], catalogue })).toEqual(["cancel-run 1"]);
    expect(doneIn({ jobs: [aJob({ ...told, check: { id: 9, digest: "booting/2" } })], catalogue })).toEqual(
      [],
    );
  });

  test("is cancelled by force when that has not helped for ten minutes, and then left alone", () => {
    const cancelled = (ms: number) => aJob({ ...told, runCancelledAt: ago(ms) });
    const effects = (job: Job) => plan(aWorld({ jobs: [job], catalogue })).effects;

    expect(effects(cancelled(FORCE_MS - 1))).toEqual([]);
    expect(effects(cancelled(FORCE_MS))).toEqual([{ do: "cancel-run", job: 1, isForced: true }]);
    expect(effects({ ...cancelled(FORCE_MS), runForcedAt: NOW })).toEqual([]);
  });

  test("is cancelled once, and not when the job goes on or is tried again", () => {
    expect(doneIn({ jobs: [aJob({ ...told, runCancelledAt: NOW })], catalogue })).toEqual([]);
    expect(doneIn({ jobs: [aJob({ ...told, status: "done" })], catalogue })).toEqual([]);
    expect(doneIn({ jobs: [aJob({ check: told.check })], catalogue })).toEqual([]);
  });

  test("is left alone otherwise", () => {
    expect(doneIn({ jobs: [aJob(told)] })).toEqual([]);
  });
});
