import { type Slots, slots } from "../slots.ts";
import { CloudError } from "./call.ts";
import type { Nova, Server } from "./nova.ts";

/**
 * Fills in why servers are in ERROR. NB: Nova's list looks for faults in one of its databases only, and that of a server for which
 * there was no hypervisor is in another one. Each such server is asked for once. See: nova/objects/instance.py, fill_faults.
 */
export type Faults = (servers: readonly Server[], signal: AbortSignal) => Promise<Server[]>;

const LOOK_UPS = 4;

export function faults(nova: Nova): Faults {
  let known = new Map<string, string>();

  async function faultOf({ id }: Server, places: Slots, signal: AbortSignal): Promise<string | undefined> {
    const before = known.get(id);
    if (before !== undefined) return before;
    const leave = await places.take(signal);
    try {
      return (await nova.server(id, signal)).fault;
    } catch (error) {
      // NB: it is told without a reason then, and asked for again with the next list.
      if (error instanceof CloudError) return undefined;
      throw error;
    } finally {
      leave();
    }
  }

  return async (servers, signal) => {
    const places = slots(LOOK_UPS);
    const filled = await Promise.all(
      servers.map(async (server) =>
        server.status === "ERROR" && server.fault === undefined
          ? { ...server, fault: await faultOf(server, places, signal) }
          : server,
      ),
    );
    // NB: without those of servers that are gone.
    known = new Map(filled.flatMap(({ id, fault }) => (fault === undefined ? [] : [[id, fault]])));
    return filled;
  };
}
