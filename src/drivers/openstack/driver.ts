import { withLimit } from "../../clock.ts";
import { parseName } from "../../core/name.ts";
import type { MachineName } from "../../core/types.ts";
import type { Driver, VmSeen } from "../../ports.ts";
import type { DriverParts } from "../parts.ts";
import { slots } from "../slots.ts";
import { capacityOf } from "./capacity.ts";
import { checkCloud } from "./check.ts";
import { choices } from "./choose.ts";
import { cloudServices, ownPlaces } from "./cloud.ts";
import { cloudImagesOf } from "./cloud-images.ts";
import type { Places } from "./clouds.ts";
import { destroy } from "./destroy.ts";
import { evidenceOf } from "./evidence.ts";
import { faults } from "./faults.ts";
import { type Ledger, ledger } from "./ledger.ts";
import { machinesWithThings } from "./leftovers.ts";
import { controllerTag } from "./names.ts";
import type { Server } from "./nova.ts";
import { orLeave } from "./session.ts";
import { sharedList } from "./shared-list.ts";
import { starter } from "./start.ts";
import { lookOf } from "./states.ts";

const LIST_LIMIT_MS = 28_000;
/** How often servers are listed for those who wait for their end. */
const WATCH_MS = 1000;

/** Removals under way at a time: a hundred at once would keep a small cloud from all else. */
const REMOVALS = 8;

/**
 * Makes VMs as servers of an OpenStack cloud. What there is, is asked of the cloud by tag; nothing is kept on this machine.
 * `places`: where the cloud and its credential are looked up.
 */
export function openstackDriver(parts: DriverParts, places: Places = ownPlaces()): Driver {
  const { host, images, controller, clock } = parts;
  const closing = new AbortController();
  const cloud = cloudServices(host, clock, places);
  const tag = controllerTag(controller);
  const known = ledger(clock);
  const removals = slots(REMOVALS);
  const isOurs = (name: string) => parseName(controller, name) !== "not ours";
  const choose = choices(cloud, clock);
  const start = starter({ cloud, choices: choose, controller, clock, noteLeft: known.noteLeft });
  const servers = sharedList({
    ask: async (signal) => await fill(ours(await cloud.nova.servers(tag, signal)), signal),
    ...{ limitMs: LIST_LIMIT_MS, paceMs: WATCH_MS, clock, closed: closing.signal },
  });
  const fill = faults(cloud.nova);
  let surveying: Promise<void> | undefined;

  /** NB: a tag is no proof: people give tags. A server without a name is in a part of the cloud that is out of order. */
  function ours(found: readonly Server[]): Server[] {
    if (found.some(({ name }) => name === "")) throw new Error("a part of the cloud does not answer");
    return found.filter(({ name, tags }) => isOurs(name) && tags.includes(tag));
  }

  function guard(name: MachineName): void {
    if (!isOurs(name)) throw new Error(`${name} is none of this controller's machines`);
  }

  /** What an earlier process has left. What this one leaves it knows. */
  function survey(signal: AbortSignal): Promise<void> {
    surveying ??= withLimit(clock, LIST_LIMIT_MS, findLeft, closing.signal).catch((error: unknown) => {
      surveying = undefined;
      throw error;
    });
    return orLeave(surveying, signal);
  }

  async function findLeft(signal: AbortSignal): Promise<void> {
    for (const name of await machinesWithThings(cloud, controller, signal)) known.noteLeft(name);
  }

  return {
    list: async (signal) => {
      await survey(signal);
      return seenOf(await servers.soon(signal), known);
    },
    start: async (order, signal) => {
      guard(order.name);
      await known.order(order.name, (halt) => start(order, signal, halt));
    },
    destroy: async (name, signal) => {
      guard(name);
      await survey(signal);
      await known.halt(name, signal);
      await destroy(name, { cloud, servers, known, removals, controller, clock }, signal);
      known.forget(name);
    },
    capacity: async (signal) => await capacityOf(await servers.soon(signal), cloud, controller, signal),
    cloudImages: cloudImagesOf({ cloud, images, onChange: choose.forget }),
    check: (signal) =>
      checkCloud({ cloud, choices: choose, images, servers: servers.soon, controller }, signal),
    evidence: async (name, signal) => {
      guard(name);
      const found = (await servers.soon(signal)).filter((server) => server.name === name);
      return await evidenceOf(found, cloud, signal);
    },
    close: async () => closing.abort(new Error("the driver was closed")),
  };
}

/** NB: what was ordered is asked after the list, which may have begun before the order. */
function seenOf(servers: readonly Server[], known: Ledger): VmSeen[] {
  const listed = new Set(servers.map(({ name }) => name));
  const seen = new Map<MachineName, VmSeen>();
  const text = "its server is gone, and a port, an address or a volume of it is left";
  for (const name of known.left().keys()) seen.set(name, { name, state: "off", text });
  for (const name of known.ordered(listed)) seen.set(name, { name, state: "building" });
  for (const server of servers) seen.set(server.name, { name: server.name, ...lookOf(server) });
  return [...seen.values()];
}
