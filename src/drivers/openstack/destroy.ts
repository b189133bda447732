import type { MachineName } from "../../core/types.ts";
import type { Clock } from "../../ports.ts";
import type { Slots } from "../slots.ts";
import { CloudError } from "./call.ts";
import type { CloudServices } from "./cloud.ts";
import type { Ledger } from "./ledger.ts";
import { describe } from "./names.ts";
import type { Kind } from "./neutron.ts";
import type { Server } from "./nova.ts";
import type { SharedList } from "./shared-list.ts";

export type DestroyParts = {
  cloud: CloudServices;
  /** All servers of the controller. */
  servers: SharedList<Server[]>;
  known: Ledger;
  /** Places for removals that are under way. */
  removals: Slots;
  controller: string;
  clock: Clock;
};

/** A server of which Nova has taken the removal, and that shows no sign of it for so long, is removed once more; */
const AGAIN_MS = 15_000;
/** also one that is said to be on its way: its hypervisor may have been restarted meanwhile. */
const STUCK_MS = 60_000;
/** A volume is let go a moment after its server. */
const VOLUME_MS = 1000;

/**
 * Removes all servers of the name, and all that was made with them; resolves when they are gone. What the cloud cannot do just now is
 * tried again until the signal is aborted; then the cloud's own words are thrown.
 */
export async function destroy(name: MachineName, parts: DestroyParts, signal: AbortSignal): Promise<void> {
  const hasThings = parts.known.left().has(name);
  await removeServers(name, parts, signal);
  for (const volume of parts.known.left().get(name) ?? []) await removeVolume(volume, parts, signal);
  // NB: floating IPs first, which hold on to their ports.
  const kinds: readonly Kind[] = hasThings ? ["floatingips", "ports"] : [];
  for (const kind of kinds) await removeThings(kind, name, parts, signal);
}

/** NB: one list serves all who wait, so that a hundred removals are no storm. */
async function removeServers(
  name: MachineName,
  { cloud: { nova }, servers, known, removals, clock }: DestroyParts,
  signal: AbortSignal,
): Promise<void> {
  const takenAt = new Map<string, number>();
  const trouble = troubles(signal);
  let listed = await servers.soon(signal);
  for (;;) {
    const ours = listed.filter((server) => server.name === name);
    if (ours.length === 0) return;
    for (const server of ours) {
      const { id, volumes } = server;
      if (volumes.length > 0) known.noteLeft(name, volumes);
      const waitMs = isLeaving(server) ? STUCK_MS : AGAIN_MS;
      if (clock.now() - (takenAt.get(id) ?? Number.NEGATIVE_INFINITY) < waitMs) continue;
      const leave = await removals.take(signal);
      await trouble
        .bear(nova.remove(id, signal).then(() => void takenAt.set(id, clock.now())))
        .finally(leave);
    }
    listed = await servers.watched(signal).catch(trouble.tell);
  }
}

const isLeaving = ({ status, task }: Server): boolean => status === "DELETED" || task === "deleting";

/** Nova removes it itself, if all goes well. */
async function removeVolume(
  id: string,
  { cloud: { cinder }, clock }: DestroyParts,
  signal: AbortSignal,
): Promise<void> {
  const trouble = troubles(signal);
  for (;;) {
    const status = await cinder.statusOf(id, signal).catch(trouble.tell);
    if (status === undefined) return;
    if (status === "available" || status.startsWith("error")) await trouble.bear(cinder.remove(id, signal));
    await clock.until(clock.now() + VOLUME_MS, signal);
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

type Troubles = {
  /** Waits for a call, and keeps a failure that may pass. */
  bear: (call: Promise<void>) => Promise<void>;
  /** Throws the failure that was kept if the time is up, for it says more than that the time is up. */
  tell: (error: unknown) => never;
};

function troubles(signal: AbortSignal): Troubles {
  let kept: unknown;
  const tell = (error: unknown): never => {
    throw signal.aborted && kept !== undefined ? kept : error;
  };
  return {
    tell,
    bear: (call) =>
      call.catch((error: unknown) => {
        if (!mayPass(error)) tell(error);
        kept = error;
      }),
  };
}

/** Nova says 409 while it does something else with the server. */
const mayPass = (error: unknown): boolean =>
  error instanceof CloudError &&
  (error.status === undefined || error.status === 409 || error.status === 429 || error.status >= 500);
