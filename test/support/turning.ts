import type { Belief } from "../../src/core/believe.ts";
import { DEFAULT_PATIENCE } from "../../src/core/patience.ts";
import { type Turn, type TurnContext, turn } from "../../src/core/turn.ts";
import type { GuestState, Machine, RunnerState, VmState, Why } from "../../src/core/types.ts";
import { ago, anImage, aSeen, configured, minutes, NOW, seconds } from "./build.ts";

/** One machine's turn, for tests of the table. */

export const belief = (vm: VmState, runner: RunnerState, guest: GuestState): Belief => ({
  vm,
  runner,
  guest,
});

export const turnOf = (machine: Machine, what: Belief, changes: Partial<TurnContext> = {}) =>
  told(turn(machine, what, { ...CONTEXT, ...changes }));

const CONTEXT: TurnContext = {
  now: NOW,
  since: ago(minutes(600)),
  patience: DEFAULT_PATIENCE,
  limits: anImage().limits,
  job: undefined,
  hostDrained: false,
  hostRefuses: false,
  hasAccess: true,
  isIntruder: false,
  seen: aSeen(),
};

/** What the turn does, in a word or two. `undefined`: nothing, and nothing to wait for. */
function told({ fact, effect, wakeAt }: Turn): string | undefined {
  if (fact) return fact.kind === "machine-retired" ? `retired ${fact.why}` : fact.kind;
  if (effect) return effect.do === "retire" ? `retire ${effect.why}` : effect.do;
  return wakeAt === undefined ? undefined : `wake in ${(wakeAt - NOW) / 1000} s`;
}

export const retiredAs = (why: Why, machine: Machine = configured()): Machine => ({
  ...machine,
  retired: { at: ago(seconds(5)), why },
});
