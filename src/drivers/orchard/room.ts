import type { Capacity } from "../../core/host-room.ts";
import type { OrchardVm, Worker } from "./api.ts";

/** VMs with macOS that a Mac may have, and that such a VM takes one of. See: openai/tart, docs/orchard/integration-guide.md. */
const PLACES = "org.cirruslabs.tart-vms";
/** A worker that has not been heard of for so long gets no VM. See: openai/orchard, internal/controller, workerOfflineTimeout. */
const OFFLINE_MS = 3 * 60_000;

/** What the Macs that can be given VMs have places for, without those that VMs of others take. */
export function roomOf(
  workers: readonly Worker[],
  vms: readonly OrchardVm[],
  { isOurs, now }: { isOurs: (name: string) => boolean; now: number },
): Capacity {
  const able = workersFor(workers, now);
  const names = new Set(able.map(({ name }) => name));
  const all = able.reduce((sum, { resources }) => sum + (resources?.[PLACES] ?? 0), 0);
  const others = vms.filter(
    ({ name, worker, status }) => names.has(worker) && status !== "failed" && !isOurs(name),
  );
  const taken = others.reduce((sum, { resources }) => sum + (resources?.[PLACES] ?? 0), 0);
  return { machines: Math.max(0, all - taken) };
}

export const workersFor = (workers: readonly Worker[], now: number): Worker[] =>
  workers.filter(
    ({ scheduling_paused: isPaused, last_seen: seen }) =>
      !isPaused && (seen === undefined || now - Date.parse(seen) < OFFLINE_MS),
  );
