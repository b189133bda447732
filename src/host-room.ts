import type { Logger } from "pino";
import { asked, questionsTo } from "./asked.ts";
import type { HostRoom, RoomRefusal } from "./core/host-room.ts";
import type { Machine, Seen } from "./core/types.ts";
import type { Clock, Driver, Ring } from "./ports.ts";

export type HostRoomParts = {
  drivers: ReadonlyMap<string, Driver>;
  clock: Clock;
  ring: Ring;
  log: Logger;
};

/**
 * What the hosts have room for besides what the catalogue says. In memory only: after a restart a host that had refused is asked once
 * more, and refuses again.
 */
export type HostRooms = {
  of: () => ReadonlyMap<string, HostRoom>;
  /** Asks each host that is due what it has room for, in the background. Answers when the next one will be. */
  ask: () => number;
  /** A host had no room for a machine. `orderedAt`: when that was ordered. `retryAt`: not to be asked before then, if it said so. */
  noteRefusal: (
    host: string,
    refusal: { text: string; orderedAt: number; retryAt?: number | undefined },
  ) => void;
  /** What a host's list says of a machine: that it had no room for it, or that it has room again. */
  noteSeen: (
    machine: Pick<Machine, "host" | "createdAt" | "retired">,
    seen: Pick<Seen, "vm" | "vmText" | "isNoRoom">,
  ) => void;
};

const CAPACITY_MS = 60_000;
const CAPACITY_LIMIT_MS = 30_000;
/** After a refusal a host gets no order this long, and twice as long after each further one, */
const REST_MS = 15_000;
/** up to this. */
const REST_MAX_MS = 5 * 60_000;
/** Of what a host says so much is shown. */
const LONGEST_TEXT = 160;

export function hostRooms({ drivers, clock, ring, log }: HostRoomParts): HostRooms {
  // NB: what a host that fails said last may be wrong by now. Without it orders are tried, and the host refuses them if it must.
  const capacities = asked({
    what: "what it has room for",
    questions: questionsTo(drivers, ({ capacity }) => capacity),
    ...{ everyMs: CAPACITY_MS, limitMs: CAPACITY_LIMIT_MS, clock, ring, log },
  });
  const refusals = new Map<string, RoomRefusal & { times: number }>();

  const noteRefusal: HostRooms["noteRefusal"] = (host, { text, orderedAt, retryAt = 0 }) => {
    const now = clock.now();
    const before = refusals.get(host);
    // NB: orders that were under way together are refused together, be it one after the other: that is one refusal.
    const isSame = before !== undefined && orderedAt <= before.at;
    const times = isSame ? before.times : (before?.times ?? 0) + 1;
    const restMs = Math.min(REST_MS * 2 ** (times - 1), REST_MAX_MS);
    const until = Math.max(retryAt, isSame ? before.until : now + restMs);
    refusals.set(host, { at: now, until, text: shorten(text), times });
    log.info({ source: host, until, text: shorten(text) }, "a host has no room");
    if (!isSame) capacities.askAgain(host);
    ring();
  };

  return {
    of: () => {
      const said = capacities.answers();
      const hosts = new Set([...said.keys(), ...refusals.keys()]);
      return new Map(
        Array.from(hosts, (host) => [host, { capacity: said.get(host), refusal: refusals.get(host) }]),
      );
    },
    ask: capacities.ask,
    noteRefusal,
    noteSeen: ({ host, createdAt, retired }, { vm, vmText, isNoRoom }) => {
      const refusal = refusals.get(host);
      const isNews = createdAt > (refusal?.at ?? Number.NEGATIVE_INFINITY);
      // NB: one that is retired said so before, and may stand for long.
      if (vm === "broken" && isNoRoom && isNews && !retired)
        noteRefusal(host, { text: vmText ?? "it gave no reason", orderedAt: createdAt });
      if (vm === "up" && refusal && isNews) refusals.delete(host);
    },
  };
}

const shorten = (text: string): string => {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST_TEXT ? `${line.slice(0, LONGEST_TEXT - 1)}…` : line;
};
