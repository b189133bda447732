import type { Sabotage } from "./sabotages.ts";

/** Those of the rule for forks. */
export const FORK_SABOTAGES: readonly Sabotage[] = [
  {
    name: "a fork's job gets a machine unasked",
    file: "src/core/pools.ts",
    find: '|| admissionOf(job, found.repository, state) !== "open") continue;',
    replace: "|| admissionOf(job, found.repository, state) === undefined) continue;",
  },
  {
    name: "a job whose run is not known counts as no fork's",
    file: "src/core/forks.ts",
    find: 'if (!run?.seen) return "unknown";',
    replace: 'if (!run?.seen) return "open";',
  },
  {
    name: "a runner is registered although GitHub could give it to a fork's job",
    file: "src/core/size.ts",
    find: "if (!jobs) configure(pool, draft);",
    replace: "if (!jobs || jobs.length > 0) configure(pool, draft);",
  },
  {
    name: "a fork's job stays in the way of others",
    file: "src/core/size.ts",
    find: "else if (wantsRunners(pool)) clearTheWay",
    replace: "else if (!wantsRunners(pool)) clearTheWay",
  },
  {
    name: "a fork's job is in the way of runners of its own image only",
    file: "src/core/keep-out.ts",
    find: "const key = poolKey({ repo: repository?.name ?? job.repo, image });",
    replace:
      "const key = poolKey({ repo: repository?.name ?? job.repo, image });\n      if (found.size > 0) continue;",
  },
  {
    name: "a fork's job that asks for general labels only may have a runner",
    file: "src/core/forks.ts",
    find: 'found.why === "only-generic" ? findRepository',
    replace: 'found.why === "not-served" ? findRepository',
  },
  {
    name: "an approval is never heeded",
    file: "src/core/forks.ts",
    find: 'return run.approved?.sha === job.headSha ? "open" : "unapproved";',
    replace: 'return run.approved?.sha === job.url ? "open" : "unapproved";',
  },
  {
    name: "an approval holds for every commit",
    file: "src/core/forks.ts",
    find: 'return run.approved?.sha === job.headSha ? "open" : "unapproved";',
    replace: 'return run.approved ? "open" : "unapproved";',
  },
  {
    name: "an approval holds for every attempt",
    file: "src/core/forks.ts",
    find: "const run = runs.get(runKey(job));",
    replace: "const run = runs.get(runKey({ ...job, attempt: 1 }));",
  },
  {
    name: "an approval that comes before its run was looked up is lost",
    file: "src/core/runs.ts",
    find: "state.runs.set(key, { id: run.id, attempt: run.attempt, ...known, at, seen: run });",
    replace: "state.runs.set(key, { id: run.id, attempt: run.attempt, at, seen: run });",
  },
  {
    name: "a repository that is not known to be public counts as private",
    file: "src/core/forks.ts",
    find: '(isPublic === false ? "allow" : "refuse")',
    replace: '(isPublic ? "refuse" : "allow")',
  },
  {
    name: "a run without a head is no fork's",
    file: "src/core/forks.ts",
    find: "head?.toLowerCase() !== repo.toLowerCase() &&",
    replace: "(head ?? repo).toLowerCase() !== repo.toLowerCase() &&",
  },
  {
    name: "a fork's job that got in keeps its machine",
    file: "src/core/turn.ts",
    find: 'if (context.isIntruder) return retire(machine, "fork", context);',
    replace: "",
  },
  {
    name: "a job that may not run ends without a word",
    file: "src/core/report.ts",
    find: '    case "refused":\n    case "unapproved":\n      return { ...base, ...keptOut(story)',
    replace:
      '    case "refused":\n      return { ...base, status: "queued", title, summary };\n    case "unapproved":\n      return { ...base, ...keptOut(story)',
  },
  {
    name: "the patience with a job that was approved late is over before it begins",
    file: "src/core/runs.ts",
    find: "readyAt: Math.max(job.readyAt ?? 0, at)",
    replace: "readyAt: Math.min(job.readyAt ?? 0, at)",
  },
];
