import type { MachineName } from "../../core/types.ts";
import type { Clock } from "../../ports.ts";
import { slots } from "../slots.ts";
import { CloudError } from "./call.ts";
import type { Nova, Server } from "./nova.ts";

/** Asks Nova to remove servers: few at a time, and once more only those that stay. */
export type Removals = {
  /** Asks, if it is time to. Throws the failure of the last try, also while that one rests. */
  ask: (server: Server, signal: AbortSignal) => Promise<void>;
  /** The machine has no server any more. */
  forget: (machine: MachineName) => void;
};

/** Removals under way at a time: a hundred at once would keep a small cloud from all else. */
const AT_ONCE = 8;
/** A server of which Nova has taken the removal, and that shows no sign of it for so long, is removed once more; */
const AGAIN_MS = 15_000;
/**
 * also one that is said to be on its way: its hypervisor may have been restarted meanwhile. NB: to a busy Nova each further removal is
 * more work, and a hundred servers that go together may well take two minutes.
 */
const STUCK_MS = 5 * 60_000;
/** After a removal that failed this long passes, and twice as long after each further one, */
const REST_MS = 1000;
/** up to this. */
const REST_MAX_MS = 30_000;
/** No longer than this is the cloud left alone, whatever it asks: machines that stay use up its quota. */
const QUIET_MAX_MS = 5 * 60_000;

/** What became of the last try, and until when the server is left alone then. */
type Try = { machine: MachineName; takenAt?: number; failures: number; rest?: Rest };
type Rest = { until: number; error: CloudError };

export function removals(nova: Pick<Nova, "remove">, clock: Clock): Removals {
  const places = slots(AT_ONCE);
  const tries = new Map<string, Try>();
  /** The cloud was asked too much: it is asked for no removal at all for a while. */
  let quiet: Rest | undefined;

  function isDue(server: Server): boolean {
    const { takenAt = Number.NEGATIVE_INFINITY, rest } = tries.get(server.id) ?? {};
    for (const each of [quiet, rest]) if (each && clock.now() < each.until) throw each.error;
    return clock.now() - takenAt >= (isLeaving(server) ? STUCK_MS : AGAIN_MS);
  }

  function noteFailure({ id, name: machine }: Server, error: CloudError): void {
    const failures = (tries.get(id)?.failures ?? 0) + 1;
    tries.set(id, { machine, failures, rest: { until: clock.now() + restMs(failures), error } });
    const askedMs = error.retryAfterMs;
    if (askedMs !== undefined) quiet = { until: clock.now() + Math.min(askedMs, QUIET_MAX_MS), error };
  }

  return {
    ask: async (server, signal) => {
      if (!isDue(server)) return;
      const leave = await places.take(signal);
      try {
        // NB: the cloud may have asked for quiet since.
        if (!isDue(server)) return;
        await nova.remove(server.id, signal).catch((error: unknown) => {
          if (error instanceof CloudError) noteFailure(server, error);
          throw error;
        });
        tries.set(server.id, { machine: server.name, takenAt: clock.now(), failures: 0 });
      } finally {
        leave();
      }
    },
    forget: (machine) => {
      for (const [id, each] of tries) if (each.machine === machine) tries.delete(id);
    },
  };
}

/** How long what failed so often in a row is left alone. */
export const restMs = (failures: number): number => Math.min(REST_MS * 2 ** (failures - 1), REST_MAX_MS);

const isLeaving = ({ status, task }: Server): boolean => status === "DELETED" || task === "deleting";
