import { describe, expect, test } from "vitest";
import { ASK_AT_WORK_MS, ASK_FIRST_MS, ASK_IN_DOUBT_MS } from "../../src/core/patience.ts";
import { plan } from "../../src/core/plan.ts";
import {
  ASKING,
  ago,
  aJob,
  aMachine,
  aWorld,
  booting,
  configured,
  doneIn,
  ended,
  M1,
  minutes,
  NOW,
  REPO,
  ready,
  runnerSeen,
  seconds,
  UNSEEN,
  VM_UP,
  type WorldParts,
  working,
} from "../support/build.ts";

const asked = (parts: WorldParts) => [...plan(aWorld(parts)).ask];

describe("GitHub is asked about runners", () => {
  const jobs = [aJob()];

  test("never for a machine that was handed no registration", () => {
    expect(asked({ jobs, machines: [aMachine()] })).toEqual([]);
    expect(asked({ jobs, machines: [booting()] })).toEqual([]);
    expect(asked({ jobs, machines: [ready()], seen: { [M1]: ASKING } })).toEqual([]);
  });

  test("first some time after the hand-out, since the event usually comes sooner", () => {
    const machine = (ms: number) => ({
      jobs,
      machines: [configured({ configuredAt: ago(ms) })],
      seen: { [M1]: VM_UP },
    });

    expect(asked(machine(ASK_FIRST_MS - 1000))).toEqual([]);
    expect(plan(aWorld(machine(ASK_FIRST_MS - 1000))).wakeAt).toBe(NOW + 1000);
    expect(asked(machine(ASK_FIRST_MS))).toEqual([REPO]);
  });

  test("then again and again while the runner's state is in doubt", () => {
    const machines = [configured({ configuredAt: ago(minutes(1)) })];
    const seen = (ms: number) => ({ [M1]: { ...VM_UP, ...runnerSeen("offline"), runnerAskedAt: ago(ms) } });

    expect(asked({ jobs, machines, seen: seen(ASK_IN_DOUBT_MS - 1000) })).toEqual([]);
    expect(asked({ jobs, machines, seen: seen(ASK_IN_DOUBT_MS) })).toEqual([REPO]);
  });

  test("seldom while a job is known to run", () => {
    const running = [aJob({ status: "running", ranOn: M1 })];
    const machines = [working({ workingAt: ago(minutes(30)) })];
    const seen = (ms: number) => ({ [M1]: { ...VM_UP, ...runnerSeen("busy"), runnerAskedAt: ago(ms) } });

    expect(asked({ jobs: running, machines, seen: seen(ASK_AT_WORK_MS - 1000) })).toEqual([]);
    expect(asked({ jobs: running, machines, seen: seen(ASK_AT_WORK_MS) })).toEqual([REPO]);
  });

  test("once when a finished machine's VM is gone, and not before", () => {
    const job = aJob({ status: "done", conclusion: "success", ranOn: M1, doneAt: ago(1000) });
    const finished = ended({ retired: { at: ago(seconds(9)), why: "finished" } });
    const before = {
      jobs: [job],
      machines: [finished],
      seen: { [M1]: { ...VM_UP, runnerAskedAt: ago(minutes(9)) } },
    };
    const after = {
      ...before,
      machines: [{ ...finished, destroyedAt: ago(seconds(1)) }],
      seen: { [M1]: UNSEEN },
    };

    expect(asked(before)).toEqual([]);
    expect(asked(after)).toEqual([REPO]);
    expect(asked({ ...after, seen: { [M1]: { runnerAskedAt: ago(seconds(5)) } } })).toEqual([REPO]);
    expect(asked({ ...after, seen: { [M1]: { runnerAskedAt: NOW } } })).toEqual([]);
  });

  test("before a machine is destroyed that might have got a job", () => {
    const machines = [configured({ retired: { at: ago(seconds(1)), why: "surplus" } })];

    expect(asked({ machines, seen: { [M1]: VM_UP } })).toEqual([REPO]);
    expect(doneIn({ machines, seen: { [M1]: VM_UP } })).toEqual([]);
  });

  test("not for a retired machine that never called: it cannot have got one", () => {
    const machines = [booting({ retired: { at: ago(seconds(1)), why: "surplus" } })];

    expect(asked({ machines, seen: { [M1]: VM_UP } })).toEqual([]);
  });
});
