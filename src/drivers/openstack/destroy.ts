import type { MachineName } from "../../core/types.ts";
import { type Clock, SetupError } from "../../ports.ts";
import { CloudError } from "./call.ts";
import type { CloudServices } from "./cloud.ts";
import type { Ledger } from "./ledger.ts";
import type { Survey } from "./leftovers.ts";
import { descriptionsOf, type Owner } from "./names.ts";
import type { Kind } from "./neutron.ts";
import type { Server } from "./nova.ts";
import { type Removals, restMs } from "./removals.ts";
import type { SharedList } from "./shared-list.ts";
import { within } from "./within.ts";

export type DestroyParts = {
  cloud: CloudServices;
  /** All servers of the host. */
  servers: SharedList<Server[]>;
  known: Ledger;
  beside: Survey;
  removals: Removals;
  owner: Owner;
  clock: Clock;
};

/** NB: less than drivers are given, so that the log has the cloud's own words, and not that the time was up. */
const LIMIT_MS = 110_000;
/** A volume is let go a moment after its server. */
const VOLUME_MS = 1000;

/**
 * Removes all servers of the name, and all that was made with them; resolves when they are gone. What the cloud cannot do just now, be
 * it only to tell what is there, is tried again until the time is up; then the cloud's own words are thrown.
 */
export async function destroy(name: MachineName, parts: DestroyParts, outer: AbortSignal): Promise<void> {
  const { clock, known, beside } = parts;
  await within({ clock, limitMs: LIMIT_MS, outer }, async (signal) => {
    await beside.look(signal);
    await known.halt(name, signal);
    await removeServers(name, parts, signal);
    const volumes = known.left().get(name);
    for (const volume of volumes ?? []) await removeVolume(volume, parts, signal);
    // NB: floating IPs first, which hold on to their ports.
    const kinds: readonly Kind[] = volumes || !beside.isDone() ? ["floatingips", "ports"] : [];
    for (const kind of kinds) await removeThings(kind, name, parts, signal);
    known.forget(name);
    beside.forget(name);
  });
}

/** NB: one list serves all who wait, so that a hundred removals are no storm. */
async function removeServers(name: MachineName, parts: DestroyParts, signal: AbortSignal): Promise<void> {
  const { servers, known, removals, clock } = parts;
  const trouble = troubles(clock, signal);
  let listed = await trouble.insist(() => servers.soon(signal));
  for (;;) {
    const ours = listed.filter((server) => server.name === name);
    if (ours.length === 0) return removals.forget(name);
    for (const server of ours) {
      if (server.volumes.length > 0) known.noteLeft(name, server.volumes);
      await trouble.bear(removals.ask(server, signal));
    }
    listed = await trouble.insist(() => servers.watched(signal));
  }
}

/** Nova removes it itself, if all goes well. */
async function removeVolume(
  id: string,
  { cloud: { cinder }, clock }: DestroyParts,
  signal: AbortSignal,
): Promise<void> {
  const trouble = troubles(clock, signal);
  for (let tries = 0; ; ) {
    const status = await trouble.insist(() => cinder.statusOf(id, signal));
    if (status === undefined) return;
    const isFree = status === "available" || status.startsWith("error");
    if (isFree) await trouble.bear(cinder.remove(id, signal));
    if (isFree) tries += 1;
    await clock.until(clock.now() + (isFree ? restMs(tries) : VOLUME_MS), signal);
  }
}

/** See: names.ts. They are found by what was written on them when they were made. */
async function removeThings(
  kind: Kind,
  name: MachineName,
  { cloud: { neutron, session }, owner, clock }: DestroyParts,
  signal: AbortSignal,
): Promise<void> {
  const description = descriptionsOf(name, owner);
  await troubles(clock, signal).insist(async () => {
    const { id: project_id } = await session.project(signal);
    const things = await neutron.things(kind, { description, project_id }, signal);
    // NB: a cloud that does not know the filter answers all there are.
    for (const thing of things) {
      if (description.includes(thing.description)) await neutron.remove(kind, thing.id, signal);
    }
  });
}

type Troubles = {
  /** Waits for a call, and keeps a failure that may pass. */
  bear: (call: Promise<void>) => Promise<void>;
  /** Calls until there is an answer. NB: a failure that was kept says more than that the time is up, and is thrown then. */
  insist: <T>(call: () => Promise<T>) => Promise<T>;
};

function troubles(clock: Clock, signal: AbortSignal): Troubles {
  let kept: unknown;

  function keep(error: unknown): void {
    if (signal.aborted) throw kept ?? error;
    if (!mayPass(error)) throw error;
    kept = error;
  }

  return {
    bear: (call) => call.catch(keep),
    insist: async (call) => {
      for (let failures = 1; ; failures += 1) {
        try {
          return await call();
        } catch (error) {
          keep(error);
        }
        await clock.until(clock.now() + restMs(failures), signal);
      }
    },
  };
}

/**
 * What the cloud does not do just now may pass, and so may an answer that came too late or is not whole; what a person has to mend does
 * not. NB: Nova says 409 while it does something else with the server.
 */
const mayPass = (error: unknown): boolean =>
  error instanceof CloudError
    ? error.status === undefined || PASSING.includes(error.status) || error.status >= 500
    : !(error instanceof SetupError);

/** In conflict; too many requests, as older clouds and newer ones say it. */
const PASSING: readonly number[] = [409, 413, 429];
