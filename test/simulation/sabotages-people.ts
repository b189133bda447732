import type { Sabotage } from "./sabotages.ts";

/** Those of what people ask for: to pause, to hold, and to be told. */
export const PEOPLE_SABOTAGES: readonly Sabotage[] = [
  {
    name: "a hold that was asked for is never used up",
    file: "src/core/apply.ts",
    find: "  useHold(state, { machine, why: fact.why, at: fact.at });\n",
    replace: "",
  },
  {
    name: "a hold that was asked for is good for ever",
    file: "src/core/holds.ts",
    find: " && now < hold.at + GOOD_MS ?",
    replace: " ?",
  },
  {
    name: "a machine that fails is destroyed although somebody waits for it",
    file: "src/act.ts",
    find: "...(hold ? [heldBy(hold, machine, at)] : []),",
    replace: "",
  },
  {
    name: "what was asked for once keeps each machine that fails at the same time",
    file: "src/core/apply.ts",
    find: "    if (!holdUsedBy(state, machine)) return machine;\n",
    replace: "",
  },
  {
    name: "the next machine's half an hour cuts short what an operator asked for",
    file: "src/core/apply.ts",
    find: "heldUntil: Math.max(machine.heldUntil ?? 0, fact.until)",
    replace: "heldUntil: fact.until",
  },
  {
    name: "a machine that is held is destroyed all the same",
    file: "src/core/turn.ts",
    find: '  now < heldUntil && retired?.why !== "operator";',
    replace: '  now < heldUntil && retired?.why === "operator";',
  },
  {
    name: "the runner's removal destroys a machine that is held",
    file: "src/core/turn.ts",
    find: "(isSure(machine) || !context.hasAccess) && !isHeld(machine, context.now);",
    replace: "isSure(machine) || !context.hasAccess;",
  },
  {
    name: "a machine is held for ever",
    file: "src/core/turn.ts",
    find: "  return { wakeAt: machine.heldUntil ?? context.now };",
    replace: "  return {};",
  },
  {
    name: "machines are ordered for a repository that is paused",
    file: "src/core/pools.ts",
    find: "const paused = [ALL, repository.name].find(",
    replace: "const paused = [ALL].find(",
  },
  {
    name: "a pause of everything is no pause",
    file: "src/core/pools.ts",
    find: "const paused = [ALL, repository.name].find(",
    replace: "const paused = [repository.name].find(",
  },
  {
    name: "machines are ordered for a repository whose settings pause it",
    file: "src/core/pools.ts",
    find: "if (repository.isPaused) return",
    replace: "if (repository.isPaused === false) return",
  },
  {
    name: "what is resumed stays paused",
    file: "src/core/apply.ts",
    find: "else state.paused.delete(fact.repo.toLowerCase());",
    replace: "",
  },
  {
    name: "a long boot is told of each time, or when the queue was",
    file: "src/core/report.ts",
    find: "if (told === undefined) return job.check ?",
    replace: "if (told === undefined) return job.tries < 0 ?",
  },
  {
    name: "a job that nobody meant for us has a check run",
    file: "src/core/plan.ts",
    find: 'if (found.image || !found.isMeant || job.status !== "queued") return false;',
    replace: 'if (found.image || job.status !== "queued") return false;',
  },
];
