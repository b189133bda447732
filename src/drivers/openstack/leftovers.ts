import type { Logger } from "pino";
import { withLimit } from "../../clock.ts";
import type { MachineName } from "../../core/types.ts";
import type { Clock } from "../../ports.ts";
import type { CloudServices } from "./cloud.ts";
import { describedName, type Owner } from "./names.ts";
import type { Kind } from "./neutron.ts";
import { orLeave } from "./session.ts";

/** Finds ports and floating IPs of ours that nobody knows of: an earlier process made them, or the answer to their making was lost. */
export type Survey = {
  /** Looks if it is time to, and waits for the first look. NB: it does not fail: servers are listed without it, too. */
  look: (signal: AbortSignal) => Promise<void>;
  /** Nothing is left of the machine. NB: a look that was begun before may still bring it up, and is not believed then. */
  forget: (name: MachineName) => void;
  /** What an earlier process has left is known. */
  isDone: () => boolean;
};

export type SurveyParts = {
  cloud: CloudServices;
  owner: Owner;
  noteLeft: (name: MachineName) => void;
  clock: Clock;
  log: Logger;
  closed: AbortSignal;
};

const KINDS: readonly Kind[] = ["ports", "floatingips"];

/** It costs a call for each kind. */
const EVERY_MS = 5 * 60_000;
const AGAIN_MS = 60_000;
/** Less than a list of servers may take. */
const LIMIT_MS = 20_000;

export function survey({ cloud, owner, noteLeft, clock, log, closed }: SurveyParts): Survey {
  let nextAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  let isDone = false;
  /** Since the look that is under way began. */
  const forgotten = new Set<MachineName>();

  async function lookNow(): Promise<void> {
    forgotten.clear();
    try {
      const found = await withLimit(clock, LIMIT_MS, find, closed);
      for (const name of found) if (!forgotten.has(name)) noteLeft(name);
      isDone = true;
      nextAt = clock.now() + EVERY_MS;
    } catch (err) {
      nextAt = clock.now() + AGAIN_MS;
      if (!closed.aborted) log.warn({ err }, "ports and addresses that may be left could not be listed");
    }
    looking = undefined;
  }

  /** Machines that have a port or a floating IP of ours. */
  async function find(signal: AbortSignal): Promise<MachineName[]> {
    const { id: project_id } = await cloud.session.project(signal);
    const things = (kind: Kind) => cloud.neutron.things(kind, { project_id }, signal);
    const found = await Promise.all(KINDS.map(things));
    return found.flat().flatMap(({ description }) => describedName(description, owner) ?? []);
  }

  return {
    look: async (signal) => {
      if (clock.now() >= nextAt) looking ??= lookNow();
      if (looking && !isDone) await orLeave(looking, signal);
    },
    forget: (name) => void forgotten.add(name),
    isDone: () => isDone,
  };
}
