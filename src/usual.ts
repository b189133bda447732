import { usualBoots } from "./core/likely.ts";
import type { Clock, Store } from "./ports.ts";

/** Machines that are over and are looked at: enough to know what is usual. */
const REMEMBERED = 200;
/** What is usual changes slowly, and a burst of jobs asks a hundred times in a minute. */
const ASK_AGAIN_MS = 60_000;

/** Tells what booting usually takes, by image. The store is asked now and then. */
export function bootTimes(store: Pick<Store, "lately" | "state">, clock: Pick<Clock, "now">) {
  let known: { at: number; boots: ReadonlyMap<string, number> } | undefined;
  return async (): Promise<ReadonlyMap<string, number>> => {
    if (!known || clock.now() >= known.at + ASK_AGAIN_MS) {
      const { machines } = await store.lately(REMEMBERED);
      known = { at: clock.now(), boots: usualBoots([...machines, ...store.state.machines.values()]) };
    }
    return known.boots;
  };
}
