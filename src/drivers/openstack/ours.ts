import type { Logger } from "pino";
import { parseName } from "../../core/name.ts";
import type { MachineName } from "../../core/types.ts";
import { isTagged, type Owner } from "./names.ts";
import type { Server } from "./nova.ts";

/** Picks the servers that are machines of ours, each under its machine's name. Throws if that cannot be told just now. */
export type Ours = (found: readonly Server[]) => Server[];

/** NB: a tag is no proof: people give tags. A server without a name is in a part of the cloud that is out of order. */
export function ours(owner: Owner, log: Logger): Ours {
  const told = new Set<string>();
  const isOurs = (name: MachineName | undefined): name is MachineName =>
    name !== undefined && parseName(owner.controller, name) !== "not ours";

  function tellRenamed({ id, name }: Server, machine: MachineName): void {
    if (name === machine || told.has(id)) return;
    told.add(id);
    log.warn({ machine, server: id, name }, "a server was renamed; it is still taken for its machine");
  }

  return (found) => {
    if (found.some(({ name }) => name === "")) throw new Error("a part of the cloud does not answer");
    return found.flatMap((server) => {
      const machine = [server.machine, server.name].find(isOurs);
      if (machine === undefined || !isTagged(server.tags, owner)) return [];
      tellRenamed(server, machine);
      return [{ ...server, name: machine }];
    });
  };
}
