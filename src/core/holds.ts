import { type Fact, poolKey, type State } from "./facts.ts";
import type { Job, Machine, MachineName, Why } from "./types.ts";

/** Somebody asked for the next machine of a pool that fails to be held. `usedBy`: the one that was. */
export type HoldNext = { at: number; by: string; usedBy?: MachineName | undefined };

/** For how long it is held. */
export const HOLD_MS = 30 * 60_000;
/** Who asked yesterday is not waiting for it any more. */
const GOOD_MS = 24 * 3_600_000;

/** NB: what was used up is remembered, so that a fact that comes twice does not ask twice. */
export function askHold(state: State, { at, by, ...pool }: Extract<Fact, { kind: "hold-asked" }>): void {
  const known = state.holds.get(poolKey(pool));
  if (!known || known.at < at) state.holds.set(poolKey(pool), { at, by });
}

/** Whether somebody waits for a machine of the pool to fail. */
export function waitingHold(
  { holds }: Pick<State, "holds">,
  pool: Pick<Machine, "repo" | "image">,
  now: number,
): HoldNext | undefined {
  const hold = holds.get(poolKey(pool));
  return hold && hold.usedBy === undefined && now < hold.at + GOOD_MS ? hold : undefined;
}

/** The hold that this failure uses up. NB: of an order that came to nothing there is nothing to look into. */
export const holdOn = (
  state: Pick<State, "holds">,
  { machine, why, at }: { machine: Machine; why: Why; at: number },
): HoldNext | undefined => (why === "lost" ? undefined : waitingHold(state, machine, at));

/** The machine is the one that used up what was asked for its pool. NB: of several that fail at once only the first is. */
export const holdUsedBy = ({ holds }: Pick<State, "holds">, machine: Machine): boolean =>
  holds.get(poolKey(machine))?.usedBy === machine.name;

/** What is held, or will be, that has to do with a job, in sentences. `show`: how a name from outside is shown. */
export function holdWords(
  { repo, failure }: Job,
  machine: Machine | undefined,
  { state: { holds, machines }, now }: HoldContext,
  show: (name: string) => string = (name) => name,
): string[] {
  const image = machine?.image ?? failure?.image;
  const hold = image === undefined ? undefined : waitingHold({ holds }, { repo, image }, now);
  const names = new Set([machine?.name, failure?.machine]);
  const kept = [...machines.values()].filter(
    ({ name, heldUntil = 0, destroyedAt }) => names.has(name) && heldUntil > now && destroyedAt === undefined,
  );
  return [
    ...kept.map(
      ({ name, heldUntil = 0 }) =>
        `The VM of ${show(name)} is kept until ${timeOfDay(heldUntil)} (UTC), so that an operator can look into it.`,
    ),
    ...(hold
      ? [`${show(hold.by)} asked for the next machine of this image that fails to be kept for half an hour.`]
      : []),
  ];
}

export type HoldContext = { state: Pick<State, "holds" | "machines">; now: number };

const timeOfDay = (at: number): string => new Date(at).toISOString().slice(11, 19);

export function useHold(state: State, failure: { machine: Machine; why: Why; at: number }): void {
  const hold = holdOn(state, failure);
  if (hold) state.holds.set(poolKey(failure.machine), { ...hold, usedBy: failure.machine.name });
}
