import { describe, expect, test } from "vitest";
import { believe } from "../../src/core/believe.ts";
import { DEFAULT_PATIENCE } from "../../src/core/patience.ts";
import type { Job, Machine, Seen } from "../../src/core/types.ts";
import {
  adopted,
  ago,
  aJob,
  aMachine,
  aSeen,
  booting,
  configured,
  ended,
  M1,
  minutes,
  NOW,
  ready,
  runnerMissing,
  runnerSeen,
  seconds,
  VM_UP,
  vmMissing,
  working,
} from "../support/build.ts";

const SETTLE_MS = DEFAULT_PATIENCE.settleMs;

const belief = (machine: Machine, seen: Partial<Seen>, job?: Job) =>
  believe(machine, aSeen(seen), { patience: DEFAULT_PATIENCE, job });

const old = (machine: (changes: Partial<Machine>) => Machine, changes: Partial<Machine> = {}) =>
  machine({ startedAt: ago(minutes(10)), ...changes });

describe("a VM", () => {
  test("that was never ordered does not exist, whatever was asked", () => {
    expect(belief(aMachine(), {})).toEqual({ vm: "none", runner: "none", guest: "silent" });
  });

  test.each(["building", "up", "off", "broken", "unknown"] as const)(
    "that its host calls %s is that",
    (vm) => {
      expect(belief(booting(), { vm, vmAskedAt: NOW }).vm).toBe(vm);
    },
  );

  test("that one list lacks is unknown, not gone", () => {
    expect(belief(old(booting), vmMissing(0)).vm).toBe("unknown");
    expect(belief(old(booting), { vm: "none", vmAskedAt: NOW }).vm).toBe("unknown");
  });

  test("that all lists of the settle time lack is gone", () => {
    expect(belief(old(booting), vmMissing(SETTLE_MS - 1)).vm).toBe("unknown");
    expect(belief(old(booting), vmMissing(SETTLE_MS)).vm).toBe("none");
  });

  test("cannot have been listed before it was ordered: earlier lists prove nothing", () => {
    const justOrdered = booting({ startedAt: ago(seconds(1)) });

    expect(belief(justOrdered, vmMissing(minutes(10))).vm).toBe("unknown");
  });

  test("of a host that was last asked before the order is unknown", () => {
    const seen = { vm: "none", vmAskedAt: ago(minutes(5)), vmMissingSince: ago(minutes(10)) } as const;

    expect(belief(booting({ startedAt: ago(minutes(1)) }), seen).vm).toBe("unknown");
  });

  test("whose driver said that it is destroyed is gone, until a later list shows it", () => {
    const destroyed = old(booting, { destroyedAt: ago(seconds(1)) });

    expect(belief(destroyed, { vm: "up", vmAskedAt: ago(seconds(2)) }).vm).toBe("none");
    expect(belief(destroyed, { vm: "unknown" }).vm).toBe("none");
    expect(belief(destroyed, { vm: "none", vmAskedAt: NOW, vmMissingSince: NOW }).vm).toBe("none");
    expect(belief(destroyed, { vm: "up", vmAskedAt: ago(seconds(1)) }).vm).toBe("none");
    expect(belief(destroyed, { vm: "up", vmAskedAt: NOW }).vm).toBe("up");
  });

  test("that was adopted counts from its adoption", () => {
    expect(belief(adopted({ createdAt: ago(seconds(1)) }), vmMissing(minutes(10))).vm).toBe("unknown");
    expect(belief(adopted({ createdAt: ago(minutes(1)) }), vmMissing(minutes(10))).vm).toBe("none");
  });
});

describe("a runner", () => {
  test.each(["offline", "idle", "busy"] as const)("that GitHub lists as %s is that", (runner) => {
    expect(belief(configured(), runnerSeen(runner)).runner).toBe(runner);
  });

  test("is busy as soon as GitHub told of a job in it, whatever its list says", () => {
    const job = aJob({ status: "running", ranOn: M1 });

    expect(belief(configured(), runnerSeen("idle"), job).runner).toBe("busy");
    expect(belief(configured(), runnerMissing(minutes(10)), job).runner).toBe("busy");
    expect(belief(configured(), {}, job).runner).toBe("busy");
  });

  test("is not busy any more when that job is done", () => {
    expect(belief(configured(), runnerSeen("idle"), aJob({ status: "done", ranOn: M1 })).runner).toBe("idle");
  });

  test("that one list lacks is unknown, not gone", () => {
    const machine = configured({ configuredAt: ago(minutes(10)) });

    expect(belief(machine, runnerMissing(0)).runner).toBe("unknown");
    expect(belief(machine, { runner: "none", runnerAskedAt: NOW }).runner).toBe("unknown");
    expect(belief(machine, runnerMissing(SETTLE_MS - 1)).runner).toBe("unknown");
    expect(belief(machine, runnerMissing(SETTLE_MS)).runner).toBe("none");
  });

  test("cannot have been listed before it was registered", () => {
    expect(belief(configured({ configuredAt: ago(seconds(1)) }), runnerMissing(minutes(10))).runner).toBe(
      "unknown",
    );
    expect(
      belief(configured({ configuredAt: ago(minutes(1)) }), {
        runner: "none",
        runnerAskedAt: ago(minutes(2)),
        runnerMissingSince: ago(minutes(10)),
      }).runner,
    ).toBe("unknown");
  });

  test("that GitHub itself removed is gone at once", () => {
    const machine = configured({ configuredAt: ago(minutes(10)) });
    const removed = { runner: "none", runnerAskedAt: ago(seconds(1)), isRunnerRemoved: true } as const;

    expect(belief(machine, removed).runner).toBe("none");
  });

  test("that had its one job is gone with the first list that lacks it, if none ever had it", () => {
    const machine = ended({
      configuredAt: ago(minutes(10)),
      retired: { at: ago(seconds(1)), why: "finished" },
    });

    expect(belief(machine, runnerMissing(0)).runner).toBe("none");
    expect(belief(machine, { ...runnerMissing(0), wasRunnerSeen: true }).runner).toBe("unknown");
    expect(belief({ ...machine, retired: { at: NOW, why: "surplus" } }, runnerMissing(0)).runner).toBe(
      "unknown",
    );
  });

  test("that had its one job is not gone by a list of before it was registered", () => {
    const machine = ended({ configuredAt: ago(seconds(9)), retired: { at: NOW, why: "finished" } });
    const listed = (at: number) => belief(machine, { runner: "none", runnerAskedAt: at }).runner;

    expect(listed(ago(seconds(9)))).toBe("unknown");
    expect(listed(ago(seconds(8)))).toBe("none");
  });

  test("of a stranger counts from its adoption", () => {
    expect(belief(adopted({ createdAt: ago(seconds(1)) }), runnerMissing(minutes(10))).runner).toBe(
      "unknown",
    );
    expect(belief(adopted({ createdAt: ago(minutes(1)) }), runnerMissing(minutes(10))).runner).toBe("none");
  });

  test("is unknown while GitHub was not asked", () => {
    expect(belief(configured(), {}).runner).toBe("unknown");
  });
});

test.each([
  ["silent", booting(), VM_UP],
  ["asking", ready(), { polling: true }],
  ["asking", booting(), { polling: true }],
  ["quiet", ready(), VM_UP],
  ["configured", configured(), { polling: true }],
  ["working", working(), VM_UP],
  ["ended", ended(), VM_UP],
  ["ended", ended({ workingAt: undefined }), VM_UP],
  ["unknown", adopted(), { polling: true }],
] as const)("a guest is %s by its own calls (%#)", (guest, machine, seen) => {
  expect(belief(machine, seen).guest).toBe(guest);
});
