import { parseName } from "../../core/name.ts";
import type { MachineName } from "../../core/types.ts";
import type { Driver, VmSeen } from "../../ports.ts";
import type { DriverParts } from "../parts.ts";
import { choices } from "./choose.ts";
import { cloudServices, ownPlaces } from "./cloud.ts";
import type { Places } from "./clouds.ts";
import { destroy } from "./destroy.ts";
import { ledger } from "./ledger.ts";
import { controllerTag } from "./names.ts";
import type { Server } from "./nova.ts";
import { sharedList } from "./shared-list.ts";
import { starter } from "./start.ts";
import { lookOf } from "./states.ts";

const LIST_LIMIT_MS = 28_000;
/** How often servers are listed for those who wait for their end. */
const WATCH_MS = 1000;

/**
 * Makes VMs as servers of an OpenStack cloud. What there is, is asked of the cloud by tag; nothing is kept on this machine.
 * `places`: where the cloud's name is looked up.
 */
export function openstackDriver(parts: DriverParts, places: Places = ownPlaces()): Driver {
  const { host, controller, clock } = parts;
  const closing = new AbortController();
  const cloud = cloudServices(host, clock, places);
  const tag = controllerTag(controller);
  const known = ledger(clock);
  const isOurs = (name: string) => parseName(controller, name) !== "not ours";
  const servers = sharedList({
    ask: async (signal) => ours(await cloud.nova.servers(tag, signal)),
    ...{ limitMs: LIST_LIMIT_MS, paceMs: WATCH_MS, clock, closed: closing.signal },
  });
  const start = starter({
    cloud,
    choices: choices(cloud, clock),
    controller,
    clock,
    noteLeft: known.noteLeft,
  });

  /** NB: a tag is no proof: people give tags. A server without a name is in a part of the cloud that does not answer. */
  function ours(found: readonly Server[]): Server[] {
    if (found.some(({ name }) => name === "")) throw new Error("a part of the cloud does not answer");
    return found.filter(({ name, tags }) => isOurs(name) && tags.includes(tag));
  }

  function guard(name: MachineName): void {
    if (!isOurs(name)) throw new Error(`${name} is none of this controller's machines`);
  }

  return {
    list: async (signal) => {
      const listed = await servers.soon(signal);
      return seenOf(listed, known.ordered(new Set(listed.map(({ name }) => name))), known.left());
    },
    start: async (order, signal) => {
      guard(order.name);
      await known.order(order.name, (halt) => start(order, signal, halt));
    },
    destroy: async (name, signal) => {
      guard(name);
      await known.halt(name);
      await destroy(name, { cloud, servers, controller, clock, noteLeft: known.noteLeft }, signal);
      known.forget(name);
    },
    check: async () => [],
    evidence: async (name, signal) => {
      guard(name);
      const found = (await servers.soon(signal)).filter((server) => server.name === name);
      const said = await Promise.all(found.map(({ id }) => cloud.nova.consoleOf(id, signal)));
      const text = said.join("\n");
      return text === "" ? {} : { "console.log": text };
    },
    close: async () => closing.abort(new Error("the driver was closed")),
  };
}

function seenOf(
  servers: readonly Server[],
  ordered: readonly MachineName[],
  left: ReadonlySet<MachineName>,
): VmSeen[] {
  const seen = new Map<MachineName, VmSeen>();
  for (const name of left)
    seen.set(name, { name, state: "off", text: "only its port or its volume is left" });
  for (const name of ordered) seen.set(name, { name, state: "building" });
  for (const server of servers) seen.set(server.name, { name: server.name, ...lookOf(server) });
  return [...seen.values()];
}
