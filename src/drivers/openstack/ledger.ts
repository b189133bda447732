import type { MachineName } from "../../core/types.ts";
import type { Clock } from "../../ports.ts";
import { orLeave } from "./session.ts";

/**
 * What this process knows of machines that no list of servers tells. In memory only: the next process finds servers by
 * their tag, and ports and floating IPs by their description. NB: not volumes, of which nothing tells whose they are once their server is gone.
 */
export type Ledger = {
  /** Runs an order. `halt` is aborted when its machine is destroyed before Nova was asked. */
  order: (name: MachineName, run: (halt: AbortSignal) => Promise<void>) => Promise<void>;
  /** Calls an order off, and resolves when nothing more will come of it. */
  halt: (name: MachineName, signal: AbortSignal) => Promise<void>;
  /** Ordered, and perhaps not yet in any list. `listed`: the names of the list that was just read. */
  ordered: (listed: ReadonlySet<MachineName>) => MachineName[];
  /** Something that is no server may be left of the machine: a port, a floating IP, these volumes. */
  noteLeft: (name: MachineName, volumes?: Iterable<string>) => void;
  /** Such machines, with their volumes. */
  left: () => ReadonlyMap<MachineName, ReadonlySet<string>>;
  /** Nothing is left of it. */
  forget: (name: MachineName) => void;
};

/** Nova lists a server from the moment it has taken the order, but for a moment in which it moves it to other books of its own. */
const LISTED_MS = 30_000;

type Order = { halt: AbortController; done: Promise<void>; acceptedAt: number | undefined };

export function ledger(clock: Clock): Ledger {
  const orders = new Map<MachineName, Order>();
  const left = new Map<MachineName, Set<string>>();

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
    halt: async (name, signal) => {
      const order = orders.get(name);
      if (!order) return;
      order.halt.abort(new Error(`${name} was destroyed while it was ordered`));
      const ended = order.done.catch(() => undefined);
      await orLeave(ended, signal);
    },
    ordered: (listed) => {
      for (const [name, { acceptedAt }] of orders) {
        if (acceptedAt === undefined) continue;
        if (listed.has(name) || clock.now() - acceptedAt > LISTED_MS) orders.delete(name);
      }
      return [...orders.keys()];
    },
    noteLeft: (name, volumes = []) => void left.set(name, new Set([...(left.get(name) ?? []), ...volumes])),
    left: () => left,
    forget: (name) => {
      orders.delete(name);
      left.delete(name);
    },
  };
}
