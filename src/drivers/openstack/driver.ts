import { parseName } from "../../core/name.ts";
import type { MachineName } from "../../core/types.ts";
import type { Driver, VmSeen } from "../../ports.ts";
import type { DriverParts } from "../parts.ts";
import { capacityOf } from "./capacity.ts";
import { checkCloud } from "./check.ts";
import { choices } from "./choose.ts";
import { type CloudServices, cloudServices, ownPlaces } from "./cloud.ts";
import { cloudImagesOf } from "./cloud-images.ts";
import type { Places } from "./clouds.ts";
import { destroy } from "./destroy.ts";
import { evidenceOf } from "./evidence.ts";
import { faults } from "./faults.ts";
import { type Ledger, ledger } from "./ledger.ts";
import { survey } from "./leftovers.ts";
import { controllerTag, type Owner } from "./names.ts";
import type { Server } from "./nova.ts";
import { ours } from "./ours.ts";
import { removals } from "./removals.ts";
import { type SharedList, sharedList } from "./shared-list.ts";
import { sizes } from "./sizes.ts";
import { starter } from "./start.ts";
import { lookOf } from "./states.ts";

const LIST_LIMIT_MS = 28_000;
/** How often servers are listed for those who wait for their end. */
const WATCH_MS = 1000;

/**
 * Makes VMs as servers of an OpenStack cloud. What there is, is asked of the cloud by tag; nothing is kept on this machine.
 * `places`: where the cloud and its credential are looked up.
 */
export function openstackDriver(parts: DriverParts, places: Places = ownPlaces()): Driver {
  const { host, hosts, images, clock, log } = parts;
  const owner = { controller: parts.controller, host: host.name };
  const closing = new AbortController();
  const closed = closing.signal;
  const cloud = cloudServices(host, clock, places);
  const known = ledger(clock);
  const { noteLeft } = known;
  const removing = removals(cloud.nova, clock);
  const choose = choices(cloud, clock, closed);
  const sizesOf = sizes({ images, choices: choose, clock });
  const start = starter({ cloud, choices: choose, owner, clock, noteLeft });
  const beside = survey({ cloud, owner, noteLeft, clock, log, closed });
  const servers = serversOf({ cloud, owner, clock, log, closed });

  function guard(name: MachineName): void {
    if (parseName(owner.controller, name) === "not ours")
      throw new Error(`${name} is none of this controller's machines`);
  }

  return {
    list: async (signal) => {
      const [listed] = await Promise.all([servers.soon(signal), beside.look(signal)]);
      return seenOf(listed, known);
    },
    start: async (order, signal) => {
      guard(order.name);
      await known.order(order.name, (halt) => start(order, signal, halt));
    },
    destroy: async (name, signal) => {
      guard(name);
      await destroy(name, { cloud, servers, known, beside, removals: removing, owner, clock }, signal);
    },
    capacity: async (signal) => {
      const [listed, taken] = await Promise.all([servers.soon(signal), sizesOf(signal)]);
      return { ...(await capacityOf(listed, cloud, owner, signal)), sizes: taken };
    },
    cloudImages: cloudImagesOf({ cloud, images, onChange: choose.forget }),
    check: (signal) =>
      checkCloud({ cloud, choices: choose, host, hosts, images, servers: servers.soon, owner }, signal),
    evidence: async (name, signal) => {
      guard(name);
      const found = (await servers.soon(signal)).filter((server) => server.name === name);
      return await evidenceOf(found, { cloud, clock }, signal);
    },
    close: async () => closing.abort(new Error("the driver was closed")),
  };
}

/** The servers that are the host's machines. */
function serversOf({ cloud, owner, clock, log, closed }: ServersParts): SharedList<Server[]> {
  const pick = ours(owner, log);
  const fill = faults(cloud.nova);
  const tag = controllerTag(owner.controller);
  const ask = async (signal: AbortSignal) => await fill(pick(await cloud.nova.servers(tag, signal)), signal);
  return sharedList({ ask, limitMs: LIST_LIMIT_MS, paceMs: WATCH_MS, clock, closed });
}

type ServersParts = Pick<DriverParts, "clock" | "log"> & {
  cloud: CloudServices;
  owner: Owner;
  closed: AbortSignal;
};

/** NB: what was ordered is asked after the list, which may have begun before the order. */
function seenOf(servers: readonly Server[], known: Ledger): VmSeen[] {
  const listed = new Set(servers.map(({ name }) => name));
  const seen = new Map<MachineName, VmSeen>();
  const text = "its server is gone, and a port, an address or a volume of it is left";
  for (const name of known.left().keys()) seen.set(name, { name, state: "off", text });
  for (const name of known.ordered(listed)) seen.set(name, { name, state: "building" });
  for (const server of servers)
    seen.set(server.name, { name: server.name, ...lookOf(server), cloudImage: server.image });
  return [...seen.values()];
}
