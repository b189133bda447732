import { describe, expect, test } from "vitest";
import { steadyClock } from "../src/clock.ts";

const START = Date.parse("2026-11-23T12:00:00Z");
const HOUR = 3_600_000;

/** A wall clock that can be stepped, over a time that runs on. */
function stepped() {
  let passedMs = 0;
  let wallMs = START;
  const steps: number[] = [];
  const clock = steadyClock({
    wall: () => wallMs,
    mono: () => 5_000.25 + passedMs,
    onStep: (stepMs) => void steps.push(stepMs),
  });
  return {
    clock,
    steps,
    pass: (ms: number) => {
      passedMs += ms;
      wallMs += ms;
    },
    step: (ms: number) => {
      wallMs += ms;
    },
  };
}

describe("the clock", () => {
  test("tells the wall's time, in whole milliseconds", () => {
    const { clock, pass } = stepped();

    const atFirst = clock.now();
    pass(1500.5);

    expect(atFirst).toBe(START);
    expect(clock.now()).toBe(START + 1500);
  });

  test.each([HOUR, -HOUR])("does not jump when the wall clock is stepped by %d ms", (stepMs) => {
    const { clock, step } = stepped();
    const before = clock.now();

    step(stepMs);

    expect(clock.now()).toBe(before);
  });

  test.each([
    ["forward", HOUR, 1.1],
    ["back", -HOUR, 0.9],
  ])(
    "is drawn to a wall clock that was stepped %s, a tenth of the time that passes",
    (_way, stepMs, pace) => {
      const { clock, pass, step } = stepped();
      step(stepMs);
      clock.now();

      pass(10_000);
      const soon = clock.now();
      for (let minutes = 0; minutes < 10 * 60; minutes += 1) {
        pass(60_000);
        clock.now();
      }

      expect(soon).toBe(START + 10_000 * pace);
      expect(clock.now()).toBe(START + 10_000 + 10 * HOUR + stepMs);
    },
  );

  test("follows a small difference at once, and never runs backwards", () => {
    const { clock, step, pass, steps } = stepped();

    step(900);
    const ahead = clock.now();
    step(-900);
    const after = clock.now();
    pass(1000);

    expect(ahead).toBe(START + 900);
    expect(after).toBe(START + 900);
    expect(clock.now()).toBe(START + 1000);
    expect(steps).toEqual([]);
  });

  test("tells of each step once", () => {
    const { clock, steps, pass, step } = stepped();

    step(HOUR);
    for (let seconds = 0; seconds < 60; seconds += 1) {
      pass(1000);
      clock.now();
    }
    step(-2 * HOUR);
    clock.now();

    expect(steps).toEqual([HOUR, -2 * HOUR]);
  });
});

describe("a wait", () => {
  const NEVER = new AbortController().signal;

  /** Real time runs, and the wall clock is stepped in the middle of the wait. */
  async function waited(stepMs: number): Promise<number> {
    let shiftMs = 0;
    const clock = steadyClock({ wall: () => Date.now() + shiftMs, mono: () => performance.now() });
    const startedAt = performance.now();
    const wait = clock.until(clock.now() + 300, NEVER);
    shiftMs = stepMs;
    clock.now();
    await wait;
    return performance.now() - startedAt;
  }

  test.each([HOUR, -HOUR])("takes its time although the wall clock is stepped by %d ms", async (stepMs) => {
    const tookMs = await waited(stepMs);

    expect(tookMs).toBeGreaterThan(260);
    expect(tookMs).toBeLessThan(2000);
  });

  test("ends at its time, not a moment before", async () => {
    const clock = steadyClock({ wall: Date.now, mono: () => performance.now() });
    const at = clock.now() + 20;

    await clock.until(at, NEVER);

    expect(clock.now()).toBeGreaterThanOrEqual(at);
  });

  test("is over at once when it is aborted", async () => {
    const clock = steadyClock({ wall: Date.now, mono: () => performance.now() });
    const stop = new AbortController();

    const wait = clock.until(Number.POSITIVE_INFINITY, stop.signal);
    stop.abort();

    expect(await wait).toBeUndefined();
  });
});
