import { describe, expect, it } from "vitest";
import { runScenario } from "./run.ts";
import { makeScenario } from "./scenario.ts";

/** A bounded run of the crash simulation; `npm run simulate` plays more. */
const RUNS = 100;

describe("the ring on a world that fails", () => {
  it("keeps every promise, whatever fails and whenever it is killed", { timeout: 120_000 }, async () => {
    const failures: string[] = [];
    let kills = 0;

    for (let seed = 1; seed <= RUNS; seed += 1) {
      const result = await runScenario(makeScenario(seed));
      kills += result.kills;
      failures.push(...result.violations.map((violation) => `seed ${seed}: ${violation}`));
    }

    expect(failures).toEqual([]);
    expect(kills).toBeGreaterThan(RUNS / 2);
  });

  it("plays the same seed the same way twice", async () => {
    const first = await runScenario(makeScenario(7));

    const second = await runScenario(makeScenario(7));

    expect(second.virtualMs).toBe(first.virtualMs);
    expect(second.log.length).toBe(first.log.length);
  });
});
