import type { MachineName } from "../../core/types.ts";
import type { Clock } from "../../ports.ts";

/**
 * What this process knows of machines that no list of servers tells. In memory only: the next process finds all that there is by tag.
 */
export type Ledger = {
  /** Runs an order. `halt` is aborted when its machine is destroyed before Nova was asked. */
  order: (name: MachineName, run: (halt: AbortSignal) => Promise<void>) => Promise<void>;
  /** Calls an order off, and resolves when nothing more will come of it. */
  halt: (name: MachineName) => Promise<void>;
  /** Ordered, and perhaps not yet in any list. `seen`: the names of the list that was just read. */
  ordered: (seen: ReadonlySet<MachineName>) => MachineName[];
  /** Ports, floating IPs or volumes of the machine may be left. */
  noteLeft: (name: MachineName) => void;
  left: () => ReadonlySet<MachineName>;
  /** Nothing is left of it. */
  forget: (name: MachineName) => void;
};

/** Nova lists a server from the moment it has taken the order, but for the moment in which it moves it to the hypervisors' books. */
const LISTED_MS = 30_000;

type Order = { halt: AbortController; done: Promise<void>; acceptedAt: number | undefined };

export function ledger(clock: Clock): Ledger {
  const orders = new Map<MachineName, Order>();
  const left = new Set<MachineName>();

  return {
    order: async (name, run) => {
      const halt = new AbortController();
      const done = run(halt.signal);
      const order: Order = { halt, done, acceptedAt: undefined };
      orders.set(name, order);
      try {
        await done;
        order.acceptedAt = clock.now();
      } catch (error) {
        orders.delete(name);
        throw error;
      }
    },
    halt: async (name) => {
      const order = orders.get(name);
      order?.halt.abort(new Error(`${name} was destroyed while it was ordered`));
      await order?.done.catch(() => undefined);
    },
    ordered: (seen) => {
      for (const [name, { acceptedAt }] of orders) {
        const isOld = acceptedAt !== undefined && clock.now() - acceptedAt > LISTED_MS;
        if (isOld || (acceptedAt !== undefined && seen.has(name))) orders.delete(name);
      }
      return [...orders.keys()];
    },
    noteLeft: (name) => void left.add(name),
    left: () => left,
    forget: (name) => {
      orders.delete(name);
      left.delete(name);
    },
  };
}
