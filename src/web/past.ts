import { html } from "hono/html";
import { clock } from "../core/markdown.ts";
import { FAILURES } from "../core/turn.ts";
import type { Job, Machine } from "../core/types.ts";
import { WHY_WORDS } from "../core/words.ts";
import { ago, type Html, jobLink, machineLink, section, table, type Viewer } from "./layout.ts";
import { ending } from "./look.ts";

const MOST_FAILURES = 10;
const MOST_JOBS = 20;

/** Machines that failed, the last first. */
export function failuresLately(machines: readonly Machine[], viewer: Viewer, at: number): Html {
  const failed = machines
    .flatMap((machine) =>
      machine.retired && FAILURES.has(machine.retired.why) ? [{ ...machine, ...machine.retired }] : [],
    )
    .filter(({ repo }) => viewer.isOperator || viewer.sees(repo))
    .toSorted((a, b) => b.at - a.at)
    .slice(0, MOST_FAILURES);
  if (failed.length === 0) return html``;
  const columns = [
    { name: "Machine" },
    { name: "Repository", isWide: true },
    { name: "When" },
    { name: "What" },
  ];
  const rows = failed.map((machine) => [
    machineLink(machine.name),
    machine.repo,
    ago(machine.at, at),
    WHY_WORDS[machine.why],
  ]);
  return section("Failed lately", table("Machines that failed lately", columns, rows));
}

/** Jobs that are over, the last first. */
export function overLately(jobs: readonly Job[], viewer: Viewer, at: number): Html {
  const visible = jobs.filter(
    ({ repo, check }) => check !== undefined && (viewer.isOperator || viewer.sees(repo)),
  );
  if (visible.length === 0) return html``;
  const columns = [
    { name: "Job" },
    { name: "Repository", isWide: true },
    { name: "Ended" },
    { name: "How" },
    { name: "Waited", isNumber: true },
    { name: "Ran", isNumber: true },
  ];
  const rows = visible
    .slice(0, MOST_JOBS)
    .map(({ id, name, repo, doneAt, conclusion, queuedAt, startedAt }) => [
      jobLink(id, name),
      repo,
      doneAt === undefined ? "" : ago(doneAt, at),
      ending(conclusion),
      startedAt === undefined ? "" : clock(startedAt - queuedAt),
      startedAt === undefined || doneAt === undefined ? "" : clock(doneAt - startedAt),
    ]);
  return section("Over lately", table("Jobs that are over", columns, rows));
}
