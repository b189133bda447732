import type { Arena } from "./arena.ts";

export type Outcome = {
  jobs: number;
  served: number;
  endedVisibly: number;
  unheard: number;
  lost: readonly string[];
  leaked: readonly string[];
  /** Milliseconds each. */
  cancels: readonly number[];
  downTimes: readonly number[];
};

/** Prints what was done and what was left; the last line is for programs. Answers whether all is well. */
export function report(arena: Arena, outcome: Outcome): boolean {
  const { jobs, served, endedVisibly, unheard, lost, leaked, cancels, downTimes } = outcome;
  const { violations, did, options, orders, folder } = arena;
  const kills = did.get("kill -9 of the controller") ?? 0;
  print("what was done", [...did].sort());
  print("what came of it", [
    ["VMs ordered", orders.size],
    ["jobs served", served],
    ["jobs ended visibly in another way", endedVisibly],
    ["jobs cancelled before Mayfly had heard of them", unheard],
    ["jobs lost", lost.length],
    ["things left", leaked.length],
    ["things that must never be", violations.length],
    ["cancelled while waiting: its machine was gone after, ms", spread(cancels)],
    ["queued while Mayfly was down: ordered after its start, ms", spread(downTimes)],
  ]);
  for (const text of lost) console.log(`LOST   ${text}`);
  for (const text of leaked) console.log(`LEFT   ${text}`);
  for (const text of violations) console.log(`WRONG  ${text}`);
  const isWell = lost.length + leaked.length + violations.length === 0;
  if (!isWell) console.log(`\nNot removed, to be looked at: ${folder} (mayfly.log, data/mayfly.sqlite)`);
  console.log(
    `\n${JSON.stringify({
      ...{
        driver: options.driver,
        seed: options.seed,
        minutes: options.minutes,
        kills,
        jobs,
        served,
        endedVisibly,
        unheard,
      },
      lost: lost.length,
      leaked: leaked.length,
      violations: violations.length,
      vms: orders.size,
      cancelMs: { p50: median(cancels), max: Math.max(...cancels) },
      downMs: { p50: median(downTimes), max: Math.max(...downTimes) },
    })}`,
  );
  return isWell;
}

function print(title: string, rows: readonly (readonly [string, number | string])[]): void {
  console.log(`\n${title}`);
  for (const [what, value] of rows) console.log(`  ${what.padEnd(62)} ${String(value).padStart(6)}`);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;

const spread = (values: readonly number[]): string => `${median(values)}, at most ${Math.max(...values)}`;
