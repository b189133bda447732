import { describe, expect, test } from "vitest";
import { likelyWaits } from "../../src/core/likely.ts";
import type { Blocked } from "../../src/core/pools.ts";
import type { Machine } from "../../src/core/types.ts";
import {
  ago,
  aMachine,
  aWorld,
  booting,
  minutes,
  NOW,
  REPO,
  ready,
  seconds,
  working,
} from "../support/build.ts";

const POOL = { repo: REPO, image: "plain" };
const FULL: Blocked = { why: "hosts-full", hosts: ["lab1"] };

/** A machine that is over: it booted in so many seconds and worked for so many minutes. */
const past = (bootSeconds: number, jobMinutes?: number): Machine =>
  aMachine({
    startedAt: 0,
    askedAt: seconds(bootSeconds),
    ...(jobMinutes === undefined ? {} : { workingAt: 0, endedAt: minutes(jobMinutes) }),
  });

/** Booting usually takes 30 s, and a job 10 min. */
const USUAL = [past(20, 1), past(30, 10), past(900, 60)];

const waiting = (place: number, blocked?: Blocked) => ({ is: "waiting" as const, place, blocked });

describe("how long a job will most likely wait", () => {
  test("is what booting usually takes, when a machine is about to be ordered", () => {
    expect(likelyWaits(USUAL, aWorld())(POOL, waiting(1))).toBe(seconds(30));
  });

  test("is the rest of that for a machine on its way, and nothing for one that is late or ready", () => {
    const likely = likelyWaits(USUAL, aWorld());
    const bootedFor = (ms: number) => ({ is: "booting" as const, machine: booting({ startedAt: ago(ms) }) });

    expect(likely(POOL, bootedFor(seconds(12)))).toBe(seconds(18));
    expect(likely(POOL, bootedFor(seconds(99)))).toBe(0);
    expect(likely(POOL, { is: "booting", machine: ready() })).toBe(0);
  });

  test("grows with the place in the queue, and shrinks with the number of machines that work", () => {
    const one = likelyWaits(USUAL, aWorld({ machines: [working()] }));
    const two = likelyWaits(USUAL, aWorld({ machines: [working(), working({ name: "other" })] }));

    expect(one(POOL, waiting(1, FULL))).toBe(minutes(10) + seconds(30));
    expect(one(POOL, waiting(2, FULL))).toBe(minutes(20) + seconds(30));
    expect(two(POOL, waiting(2, FULL))).toBe(minutes(10) + seconds(30));
  });

  test("counts the machines that are in the way, and no others", () => {
    const machines = [
      working(),
      working({ name: "elsewhere", host: "lab2", image: "other", repo: "octo/horace" }),
    ];
    const likely = likelyWaits(USUAL, aWorld({ machines }));

    for (const blocked of [
      FULL,
      { why: "image-limit", limit: 1 },
      { why: "repository-limit", limit: 1 },
    ] as const)
      expect(likely(POOL, waiting(1, blocked))).toBe(minutes(10) + seconds(30));
  });

  test("is not before the next try of a pool that failed", () => {
    const backoff: Blocked = { why: "backoff", until: NOW + seconds(50), failures: 2 };

    expect(likelyWaits(USUAL, aWorld())(POOL, waiting(1, backoff))).toBe(seconds(80));
  });

  test("is not known when it depends on people, or on what nobody has seen yet", () => {
    const likely = likelyWaits(USUAL, aWorld());

    expect(likely(POOL, waiting(1, { why: "hosts-drained", hosts: ["lab1"] }))).toBeUndefined();
    expect(likely(POOL, { is: "held" })).toBeUndefined();
    expect(likely({ repo: REPO, image: "other" }, waiting(1))).toBeUndefined();
    expect(likelyWaits(USUAL.slice(1), aWorld())(POOL, waiting(1))).toBeUndefined();
    expect(likelyWaits([past(1), past(2), past(3)], aWorld())(POOL, waiting(1, FULL))).toBeUndefined();
  });

  test("takes GitHub's word for a job's end when the guest's never came", () => {
    const told = USUAL.map(({ endedAt = 0, ...machine }) => ({
      ...machine,
      retired: { at: endedAt, why: "finished" as const },
    }));

    const likely = likelyWaits(told, aWorld({ machines: [working()] }));

    expect(likely(POOL, waiting(1, FULL))).toBe(minutes(10) + seconds(30));
  });
});
