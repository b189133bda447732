import { expect, test } from "vitest";
import { percentile, summary } from "./start/figures.ts";
import { type Measured, stagesOf } from "./start/way.ts";

const taking = (...totals: number[]): Measured[] => totals.map((totalMs) => ({ totalMs, stagesMs: {} }));

test("a percentile is one of the values, and the p95 of few values is the largest", () => {
  const values = [50, 10, 40, 20, 30];

  expect(percentile(values, 0.5)).toBe(30);
  expect(percentile(values, 0.95)).toBe(50);
});

test("ratios are those of the medians", () => {
  const figures = summary(
    new Map([
      ["bare", taking(1000, 2000, 99_000)],
      ["cold", taking(3000, 1, 3000)],
      ["original", taking(9000, 9000, 9000)],
    ]),
  );

  expect(figures).toMatchObject({ coldToBare: 1.5, originalToCold: 3, bareMs: { p50: 2000, p95: 99_000 } });
});

test("a way that was not measured has no figures", () => {
  const figures = summary(new Map([["bare", taking(1000)]]));

  expect(JSON.parse(JSON.stringify(figures))).toEqual({
    bareMs: { p50: 1000, p95: 1000 },
    stagesMs: { bare: {} },
  });
});

test("stages add up to the total, and one whose end nobody saw is an error", () => {
  const measured = stagesOf(1000, { booted: 4000, online: 4500 });

  expect(measured).toEqual({ totalMs: 3500, stagesMs: { booted: 3000, online: 500 } });
  expect(() => stagesOf(1000, { booted: undefined })).toThrow('nobody has told when "booted" was');
});
