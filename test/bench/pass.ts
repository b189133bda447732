import { parseArgs } from "node:util";
import { plan } from "../../src/core/plan.ts";
import type { World } from "../../src/core/world.ts";
import { proveWorlds, rushWorld, steadyWorld } from "./crowd.ts";

/**
 * `npm run bench:pass`: how long one pass thinks, over 100, 1,000 and 10,000 machines with ten jobs each. `steady` has nothing to decide;
 * `rush` orders a machine for every place there is. The reference, in the same run, writes and reads the same state as JSON.
 * The last line is one JSON object, in milliseconds.
 */
const { values } = parseArgs({ options: { repetitions: { type: "string", default: "30" } } });
const repetitions = Number(values.repetitions);
if (!Number.isInteger(repetitions) || repetitions < 1) {
  console.error("bench:pass: --repetitions takes a whole number from 1");
  process.exit(2);
}

const SIZES = [100, 1000, 10_000];

type Row = { machines: number; steady: Times; rush: Times; reference: Times };
type Times = { median: number; p95: number };

proveWorlds(100);
const rows = SIZES.map((machines): Row => {
  const steady = steadyWorld(machines);
  const rush = rushWorld(machines);
  return {
    machines,
    steady: measure(() => plan(steady)),
    rush: measure(() => plan(rush)),
    reference: measure(() => copy(steady)),
  };
});
console.table(
  rows.map(({ machines, steady, rush, reference }) => ({
    machines,
    jobs: machines * 10,
    "steady median": steady.median,
    "steady p95": steady.p95,
    "rush median": rush.median,
    "rush p95": rush.p95,
    "JSON median": reference.median,
    "steady / JSON": round(steady.median / reference.median),
  })),
);
console.log(
  JSON.stringify({
    passMs: bySize(({ steady }) => steady.median),
    passP95Ms: bySize(({ steady }) => steady.p95),
    rushMs: bySize(({ rush }) => rush.median),
    rushP95Ms: bySize(({ rush }) => rush.p95),
    referenceMs: bySize(({ reference }) => reference.median),
    passToReference: bySize(({ steady, reference }) => round(steady.median / reference.median)),
    repetitions,
  }),
);

/** Times of one run each, after some to warm up. */
function measure(run: () => unknown): Times {
  const times: number[] = [];
  for (let index = -5; index < repetitions; index += 1) {
    const startedAt = performance.now();
    run();
    if (index >= 0) times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  const at = (part: number) => round(times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0);
  return { median: at(0.5), p95: at(0.95) };
}

function copy({ state }: World): unknown {
  return JSON.parse(JSON.stringify([[...state.jobs.values()], [...state.machines.values()]]));
}

function bySize(of: (row: Row) => number): Record<string, number> {
  return Object.fromEntries(rows.map((row) => [row.machines, of(row)]));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
