import type { Logger } from "pino";
import type { MachineName } from "../core/types.ts";
import type { Ring, StartOrder } from "../ports.ts";
import { redact } from "./exec.ts";
import { type Builder, Halt } from "./vagrant-build.ts";
import { type MachineFolder, type MachineFolders, writeEnd } from "./vagrant-folder.ts";

/** The builds of this process: one for each machine that was ordered and is not made yet. */
export type Builds = {
  /** Takes an order. Resolves when the machine has its folder; throws if it has one already, or is not admitted. */
  start: (order: StartOrder) => Promise<void>;
  isUnderWay: (name: MachineName) => boolean;
  /** Ends a build, if there is one, and waits until nothing of it runs. */
  halt: (name: MachineName, how: NodeJS.Signals) => Promise<void>;
  /** Lets go of all builds: those that Vagrant is at work on end without us, and the next controller takes them up. */
  close: () => Promise<void>;
};

export type BuildsParts = {
  machines: MachineFolders;
  /** Throws if the order cannot be taken. Then nothing is left of it. */
  admit: (order: StartOrder) => Promise<void>;
  build: Builder;
  log: Logger;
  ring: Ring;
};

export function builds({ machines, admit, build, log, ring }: BuildsParts): Builds {
  const underWay = new Map<MachineName, { stop: AbortController; done: Promise<void> }>();

  async function follow(order: StartOrder, machine: MachineFolder, signal: AbortSignal): Promise<void> {
    try {
      await build(order, machine, signal);
      await writeEnd(machine, { isOk: true, text: "" });
    } catch (error) {
      if (signal.aborted) return;
      const text = redact(error instanceof Error ? error.message : `${error}`, [order.seed.token]);
      log.warn({ machine: order.name, err: text }, "vagrant up failed");
      await writeEnd(machine, { isOk: false, text });
    }
  }

  return {
    start: async (order) => {
      if (underWay.has(order.name)) throw new Error(`${order.name} is being built already`);
      const stop = new AbortController();
      const accepted = admit(order).then(() => machines.create(order.name));
      const follows = (machine: MachineFolder) =>
        follow(order, machine, stop.signal).catch((error: unknown) =>
          log.error({ machine: order.name, err: error }, "a build was lost"),
        );
      const done = accepted
        .then(follows, () => undefined) // who ordered it is told
        .finally(() => {
          underWay.delete(order.name);
          ring();
        });
      // NB: known before the first wait, so that a destroy that comes at once finds it.
      underWay.set(order.name, { stop, done });
      await accepted;
    },
    isUnderWay: (name) => underWay.has(name),
    halt: async (name, how) => {
      const own = underWay.get(name);
      own?.stop.abort(new Halt(how));
      await own?.done;
    },
    close: async () => {
      const running = [...underWay.values()];
      // NB: a Vagrant that was ended now would leave half a VM, and its job would have lost one of its tries.
      for (const { stop } of running) stop.abort(new Halt("none"));
      await Promise.all(running.map(({ done }) => done));
    },
  };
}
