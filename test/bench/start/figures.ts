import type { Measured, WayName } from "./way.ts";

export type Results = ReadonlyMap<WayName, readonly Measured[]>;

type Spread = { p50: number; p95: number };

/** The smallest value that at least this share of the values does not exceed. With few values the p95 is the largest. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** The figures as one record, in milliseconds; ratios are those of the medians. A way that was not measured has none. */
export function summary(results: Results): Record<string, unknown> {
  const spreads = new Map(Array.from(results, ([name, runs]) => [name, spreadOf(runs)]));
  const ratio = (of: WayName, to: WayName) => {
    const [upper, lower] = [spreads.get(of), spreads.get(to)];
    return upper && lower && Math.round((upper.p50 / lower.p50) * 100) / 100;
  };
  return {
    coldToBare: ratio("cold", "bare"),
    originalToCold: ratio("original", "cold"),
    ...Object.fromEntries(Array.from(spreads, ([name, spread]) => [`${name}Ms`, spread])),
    stagesMs: Object.fromEntries(Array.from(results, ([name, runs]) => [name, stageMedians(runs)])),
  };
}

/** The figures as tables for people. */
export function report(results: Results): string {
  const totals = Array.from(results, ([name, runs]) => {
    const { p50, p95 } = spreadOf(runs);
    return row(name, p50, p95);
  });
  const stages = Array.from(results, ([name, runs]) => [
    "",
    `${name}, median of each stage`,
    ...Object.entries(stageMedians(runs)).map(([stage, ms]) => row(`  ${stage}`, ms)),
  ]);
  const heading = `${"until a runner is online".padEnd(TITLE_WIDTH)}${"p50".padStart(FIGURE_WIDTH)}${"p95".padStart(FIGURE_WIDTH)}`;
  return [heading, ...totals, ...stages.flat()].join("\n");
}

const TITLE_WIDTH = 26;
const FIGURE_WIDTH = 10;

const row = (title: string, ...ms: number[]): string =>
  title.padEnd(TITLE_WIDTH) + ms.map((one) => `${(one / 1000).toFixed(2)} s`.padStart(FIGURE_WIDTH)).join("");

function spreadOf(runs: readonly Measured[]): Spread {
  const totals = runs.map(({ totalMs }) => totalMs);
  return { p50: percentile(totals, 0.5), p95: percentile(totals, 0.95) };
}

function stageMedians(runs: readonly Measured[]): Record<string, number> {
  const names = Object.keys(runs[0]?.stagesMs ?? {});
  const median = (name: string) =>
    percentile(
      runs.map(({ stagesMs }) => stagesMs[name] ?? 0),
      0.5,
    );
  return Object.fromEntries(names.map((name) => [name, median(name)]));
}
