import { parseName } from "../../core/name.ts";
import type { MachineName } from "../../core/types.ts";
import { type Driver, NoRoom, SetupError } from "../../ports.ts";
import { printable } from "../exec.ts";
import type { DriverParts } from "../parts.ts";
import { checkMac } from "./check.ts";
import { orderText } from "./order.ts";
import { capacityOf, vmsOf } from "./said.ts";
import { MacError, macOver } from "./ssh.ts";

const LIST_LIMIT_MS = 20_000;
const START_LIMIT_MS = 60_000;
const DESTROY_LIMIT_MS = 100_000;
const EVIDENCE_LIMIT_MS = 8_000;
const CAPACITY_LIMIT_MS = 20_000;
const SEED_LIMIT_MS = 10_000;

/** The exit code of mayfly-tart when the Mac has as many VMs as it may have. */
const NO_ROOM = 75;

/**
 * Makes VMs on one Mac by tart, which a program of ours there calls. What there is, is asked of that program; nothing is kept here.
 * See: macos/host/mayfly-tart.
 */
export function tartDriver({ host, images, controller, folder }: DriverParts): Driver {
  if (!host.tart) throw new SetupError(`The host ${host.name} has the driver "tart", but no Mac.`);
  const mac = macOver(host.tart, folder);
  /** Orders that the Mac has not answered yet. */
  const orders = new Map<MachineName, Promise<unknown>>();

  function guard(name: MachineName): void {
    if (parseName(controller, name) === "not ours")
      throw new Error(`${name} is none of this controller's machines`);
  }

  return {
    list: async (signal) => {
      const seen = vmsOf(await mac.ask({ verb: "list", limitMs: LIST_LIMIT_MS }, signal));
      for (const { name } of seen) guard(name);
      return seen;
    },
    start: async (order, signal) => {
      const { name } = order;
      guard(name);
      const input = orderText(order);
      const ordering = mac.ask({ verb: "start", name, input, limitMs: START_LIMIT_MS }, signal);
      orders.set(name, ordering);
      try {
        await ordering;
      } catch (error) {
        throw error instanceof MacError && error.exitCode === NO_ROOM
          ? new NoRoom(error.said, { cause: error })
          : error;
      } finally {
        orders.delete(name);
      }
    },
    destroy: async (name, signal) => {
      guard(name);
      // NB: else the order could come to the Mac after its end.
      await orders.get(name)?.catch(() => undefined);
      await mac.ask({ verb: "destroy", name, limitMs: DESTROY_LIMIT_MS }, signal);
    },
    dropSeed: async (name, signal) => {
      guard(name);
      await mac.ask({ verb: "forget", name, limitMs: SEED_LIMIT_MS }, signal);
    },
    capacity: async (signal) =>
      capacityOf(await mac.ask({ verb: "capacity", limitMs: CAPACITY_LIMIT_MS }, signal)),
    check: async (signal) => await checkMac({ host, images, mac }, signal),
    evidence: async (name, signal) => {
      guard(name);
      // NB: macOS has no serial console; this is what tart said while it made and ran the VM.
      const text = printable(await mac.ask({ verb: "evidence", name, limitMs: EVIDENCE_LIMIT_MS }, signal));
      return text.trim() === "" ? {} : { "console.log": text };
    },
    close: async () => await mac.close(),
  };
}
