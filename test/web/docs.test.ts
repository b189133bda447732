import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { newMeters } from "../../src/web/meters.ts";
import { metricsRoutes } from "../../src/web/metrics.ts";
import { aCatalogue, aWorld } from "../support/build.ts";

/** What prom-client keeps of a metric; its own types tell of the name only. */
const metricShape = z.object({
  name: z.string(),
  help: z.string(),
  type: z.string(),
  labelNames: z.array(z.string()),
});
type Metric = z.infer<typeof metricShape>;

const doc = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");

/** Every metric that the code has. */
function metricsInCode(): Metric[] {
  const meters = newMeters(aCatalogue());
  const nothing = { standing: () => [], answeredAt: () => undefined };
  metricsRoutes({ ...nothing, meters, world: () => aWorld(), relay: neverAsked });
  return z.array(metricShape).parse(meters.registry.getMetricsAsArray());
}

function neverAsked(): never {
  throw new Error("nobody looks at the values");
}

/** A histogram is asked for under three names. */
function namesOf({ name, type }: Metric): string[] {
  return type === "histogram" ? ["_bucket", "_sum", "_count"].map((part) => name + part) : [name];
}

/** Names in expressions that the code does not have, and labels that their metric does not have. */
function unknownIn(expressions: readonly string[]): string[] {
  const known = new Map(metricsInCode().flatMap((metric) => namesOf(metric).map((name) => [name, metric])));
  return expressions.flatMap((expression) =>
    Array.from(expression.matchAll(/(mayfly_\w+)(?:\{(\w+)=)?/g), ([, name = "", label]) => {
      const metric = known.get(name);
      if (!metric) return [name];
      return label === undefined || metric.labelNames.includes(label) ? [] : [`${name}{${label}}`];
    }).flat(),
  );
}

const alertFile = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Mayfly[A-Za-z]+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+m$/)
            .optional(),
          labels: z.object({ severity: z.enum(["critical", "warning"]) }),
          annotations: z.object({ summary: z.string(), action: z.string() }),
        }),
      ),
    }),
  ),
});

const dashboardFile = z.object({
  title: z.string(),
  schemaVersion: z.int(),
  panels: z.array(
    z.object({
      id: z.int(),
      title: z.string(),
      gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
      targets: z.array(z.object({ expr: z.string() })).min(1),
    }),
  ),
});

describe("docs/metrics.md", () => {
  test("lists every metric with its kind, its labels and the words that the code has for it, and no other", () => {
    const rows = doc("metrics.md")
      .split("\n")
      .filter((line) => line.startsWith("| `mayfly_"));

    expect(rows).toEqual(
      metricsInCode().map(
        ({ name, type, labelNames, help }) =>
          `| \`${name}\` | ${type} | ${labelNames.join(", ")} | ${help} |`,
      ),
    );
  });
});

describe("docs/alerts.yml", () => {
  const rules = alertFile.parse(parse(doc("alerts.yml"))).groups.flatMap((group) => group.rules);

  test("asks for metrics that are there, by labels that they have", () => {
    expect(unknownIn(rules.map(({ expr }) => expr))).toEqual([]);
  });

  test("has each alert once", () => {
    const names = rules.map(({ alert }) => alert);

    expect(names.length).toBeGreaterThan(10);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("docs/grafana.json", () => {
  const { panels } = dashboardFile.parse(JSON.parse(doc("grafana.json")));

  test("shows metrics that are there, by labels that they have", () => {
    expect(unknownIn(panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)))).toEqual([]);
  });

  test("has panels that do not overlap", () => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
    );

    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});

describe("the search for unknown metrics", () => {
  test("finds names and labels that are not there", () => {
    expect(
      unknownIn(["rate(mayfly_lies_total[5m])", 'mayfly_jobs{phase="x"} + mayfly_jobs{state="y"}']),
    ).toEqual(["mayfly_lies_total", "mayfly_jobs{phase}"]);
    expect(unknownIn(["mayfly_job_seconds"])).toEqual(["mayfly_job_seconds"]);
  });
});
