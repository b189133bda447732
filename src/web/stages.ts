import { clock } from "../core/markdown.ts";
import type { Stage } from "../core/stages.ts";
import { type Html, moment, table } from "./layout.ts";

/** Each stage with its time, and how long it took. */
export function stageTable(stages: readonly Stage[], now: number): Html | undefined {
  const [first] = stages;
  if (first === undefined) return undefined;
  const columns = [
    { name: "Stage" },
    { name: "Time (UTC)" },
    { name: "Since the first", isNumber: true, isWide: true },
    { name: "Took", isNumber: true },
  ];
  const rows = stages.map(({ stage, at, tookMs }) => [
    stage,
    moment(at, now),
    clock(at - first.at),
    clock(tookMs),
  ]);
  return table("Stages", columns, rows);
}
