import { parseName } from "../../core/name.ts";
import type { MachineName } from "../../core/types.ts";
import { type Driver, SetupError } from "../../ports.ts";
import { printable } from "../exec.ts";
import type { DriverParts } from "../parts.ts";
import type { Env } from "./account.ts";
import { orchardAt } from "./api.ts";
import { checkOrchard } from "./check.ts";
import { handOver } from "./hand-over.ts";
import { newVm } from "./order.ts";
import { roomOf } from "./room.ts";
import { seenOf } from "./states.ts";

/**
 * Makes VMs on the Macs of an Orchard, by its controller's REST API. What there is, is asked of it by name; nothing is kept here.
 * `env`: where the service account is, if no file says it.
 */
export function orchardDriver(parts: DriverParts, env: Env = process.env): Driver {
  const { host, controller, clock, log } = parts;
  const place = host.orchard;
  if (!place) throw new SetupError(`The host ${host.name} has the driver "orchard", but no address of one.`);
  const orchard = orchardAt(place, clock, env);
  const closing = new AbortController();
  const orders = new Map<MachineName, Promise<unknown>>();
  const handOvers = new Map<MachineName, AbortController>();
  const isOurs = (name: string) => parseName(controller, name) !== "not ours";

  function guard(name: MachineName): void {
    if (!isOurs(name)) throw new Error(`${name} is none of this controller's machines`);
  }

  return {
    list: async (signal) => (await orchard.vms(signal)).filter(({ name }) => isOurs(name)).map(seenOf),
    start: async (order, signal) => {
      const { name } = order;
      guard(name);
      const ordering = orchard.create(newVm(order, place, orchard.account()), signal);
      orders.set(name, ordering);
      await ordering.finally(() => orders.delete(name));
      const halt = new AbortController();
      handOvers.set(name, halt);
      const until = AbortSignal.any([halt.signal, closing.signal]);
      void handOver(order, { orchard, clock, log }, until)
        .catch((error: unknown) => log.warn({ machine: name, err: error }, "a seed could not be handed over"))
        .finally(() => handOvers.delete(name));
    },
    destroy: async (name, signal) => {
      guard(name);
      // NB: else the order could come to Orchard after its end.
      await orders.get(name)?.catch(() => undefined);
      handOvers.get(name)?.abort();
      await orchard.remove(name, signal);
    },
    // NB: else a seed that is handed over a second time, since the first answer was lost, would lie beside the job.
    dropSeed: async (name) => {
      guard(name);
      handOvers.get(name)?.abort();
    },
    capacity: async (signal) =>
      roomOf(await orchard.workers(signal), await orchard.vms(signal), { isOurs, now: clock.now() }),
    check: async (signal) => await checkOrchard({ host, orchard, clock }, signal),
    evidence: async (name, signal) => {
      guard(name);
      const vm = (await orchard.vms(signal)).find((one) => one.name === name);
      const events = vm ? await orchard.events(name, signal) : [];
      // NB: macOS has no serial console; this is what Orchard noted of it.
      const lines = vm ? [`${vm.status} on ${vm.worker || "no Mac"}: ${vm.status_message}`, ...events] : [];
      return lines.length === 0 ? {} : { "console.log": printable(lines.join("\n")) };
    },
    close: async () => closing.abort(),
  };
}
