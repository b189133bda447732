import type { MachineName } from "./core/types.ts";
import type { Store } from "./ports.ts";

/**
 * Says which machines may be ordered now. The others wait without a limit of time, as nothing was begun for them: an order that waited its
 * turn in a driver would be given up by the driver's time limit, and its machine would be lost.
 */
export type Ordering = {
  /** When it may begin: infinity if not before another has ended. */
  mayBeginAt(machine: MachineName): number;
  /** It begins. To be called when it has ended. */
  begin(machine: MachineName): () => void;
};

/** Orders that a host gets at once. A driver that takes fewer holds up a few, and not thousands. */
const AT_ONCE = 8;

export function ordering(store: Pick<Store, "state">): Ordering {
  const underWay = new Map<string, number>();
  const hostOf = (machine: MachineName) => store.state.machines.get(machine)?.host ?? "";

  return {
    mayBeginAt: (machine) => ((underWay.get(hostOf(machine)) ?? 0) < AT_ONCE ? 0 : Number.POSITIVE_INFINITY),
    begin(machine) {
      const host = hostOf(machine);
      const add = (count: number) => underWay.set(host, (underWay.get(host) ?? 0) + count);
      add(1);
      return () => void add(-1);
    },
  };
}
