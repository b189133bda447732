import type { MachineName } from "../../core/types.ts";
import type { Clock } from "../../ports.ts";
import { CloudError } from "./call.ts";
import type { CloudServices } from "./cloud.ts";
import { describe } from "./names.ts";
import type { Kind } from "./neutron.ts";
import type { Server } from "./nova.ts";
import type { SharedList } from "./shared-list.ts";

export type DestroyParts = {
  cloud: CloudServices;
  /** All servers of the controller. */
  servers: SharedList<Server[]>;
  controller: string;
  clock: Clock;
  /** A server was found: from here on something of the machine may be left without it. */
  noteLeft: (name: MachineName) => void;
};

/** A server that is still there so long after Nova has taken its removal is removed once more. */
const AGAIN_MS = 15_000;
/** A volume is let go a moment after its server. */
const VOLUME_MS = 1000;

/**
 * Removes all servers of the name, and all that was made with them; resolves when they are gone. What the cloud cannot do just now is
 * tried again until the signal is aborted; then the cloud's own words are thrown.
 */
export async function destroy(name: MachineName, parts: DestroyParts, signal: AbortSignal): Promise<void> {
  const volumes = await removeServers(name, parts, signal);
  for (const volume of volumes) await removeVolume(volume, parts, signal);
  // NB: floating IPs first, which hold on to their ports.
  for (const kind of ["floatingips", "ports"] as const) await removeThings(kind, name, parts, signal);
}

/** Answers the volumes that were to go with them. NB: one list serves all who wait, so a hundred removals are no storm. */
async function removeServers(
  name: MachineName,
  { cloud: { nova }, servers, clock, noteLeft }: DestroyParts,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const volumes = new Set<string>();
  const takenAt = new Map<string, number>();
  let trouble: unknown;
  let listed = await servers.soon(signal);
  for (;;) {
    const ours = listed.filter((server) => server.name === name);
    if (ours.length === 0) return volumes;
    noteLeft(name);
    for (const server of ours) {
      for (const volume of server.volumes) volumes.add(volume);
      if (clock.now() - (takenAt.get(server.id) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) continue;
      await nova.remove(server.id, signal).then(
        () => takenAt.set(server.id, clock.now()),
        (error: unknown) => {
          trouble = passing(error, trouble, signal);
        },
      );
    }
    listed = await servers.watched(signal).catch((error: unknown) => {
      throw signal.aborted && trouble !== undefined ? trouble : error;
    });
  }
}

/** A trouble that may pass is kept, to be told if it does not. */
function passing(error: unknown, before: unknown, signal: AbortSignal): unknown {
  if (signal.aborted && before !== undefined) throw before;
  const status = error instanceof CloudError ? (error.status ?? 500) : 0;
  if (status === 409 || status === 429 || status >= 500) return error;
  throw error;
}

/** Nova removes it itself, if all goes well. */
async function removeVolume(
  id: string,
  { cloud: { cinder }, clock }: DestroyParts,
  signal: AbortSignal,
): Promise<void> {
  let trouble: unknown;
  while ((await cinder.statusOf(id, signal)) !== undefined) {
    const status = await cinder.statusOf(id, signal);
    if (status === undefined) return;
    if (status === "available" || status.startsWith("error")) {
      await cinder.remove(id, signal).catch((error: unknown) => {
        trouble = passing(error, trouble, signal);
      });
    }
    await clock.until(clock.now() + VOLUME_MS, signal);
    if (signal.aborted && trouble !== undefined) throw trouble;
    signal.throwIfAborted();
  }
}

/** See: names.ts. They are found by what was written on them when they were made. */
async function removeThings(
  kind: Kind,
  name: MachineName,
  { cloud: { neutron, session }, controller }: DestroyParts,
  signal: AbortSignal,
): Promise<void> {
  const description = describe(name, controller);
  const { id: project_id } = await session.project(signal);
  const things = await neutron.things(kind, { description, project_id }, signal);
  // NB: a cloud that does not know the filter answers all there are.
  for (const thing of things) {
    if (thing.description === description) await neutron.remove(kind, thing.id, signal);
  }
}
