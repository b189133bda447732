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
];
