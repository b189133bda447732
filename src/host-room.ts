import type { Logger } from "pino";
import { asked, questionsTo } from "./asked.ts";
import { type HostRoom, placeKey, type Refusal } from "./core/host-room.ts";
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
  /**
   * A host refused a machine. `orderedAt`: when that was ordered. `retryAt`: not to be asked before then, if it said so. `image`: it
   * refuses machines of this one only.
   */
  noteRefusal: (host: string, said: Said) => void;
  /** What a host's list says of a machine: that it had no room for it, or that it has room again. */
  noteSeen: (
    machine: Pick<Machine, "host" | "image" | "createdAt" | "retired">,
    seen: Pick<Seen, "vm" | "vmText" | "isNoRoom">,
  ) => void;
};

type Said = Pick<Refusal, "text" | "image"> & { orderedAt: number; retryAt?: number | undefined };

const CAPACITY_MS = 60_000;
const CAPACITY_LIMIT_MS = 30_000;
/** After a refusal a host gets no order this long, and twice as long after each further one, */
const REST_MS = 15_000;
/** up to this. */
const REST_MAX_MS = 5 * 60_000;
/** Of what a host says so much is shown. */
const LONGEST_TEXT = 240;

export function hostRooms({ drivers, clock, ring, log }: HostRoomParts): HostRooms {
  // NB: what a host that fails said last may be wrong by now. Without it orders are tried, and the host refuses them if it must.
  const capacities = asked({
    what: "what it has room for",
    questions: questionsTo(drivers, ({ capacity }) => capacity),
    ...{ everyMs: CAPACITY_MS, limitMs: CAPACITY_LIMIT_MS, clock, ring, log },
  });
  /** By host and image, or by host alone. */
  const refusals = new Map<string, Refusal & { host: string; times: number }>();

  function noteRefusal(host: string, { text, image, orderedAt, retryAt = 0 }: Said): void {
    const now = clock.now();
    const before = refusals.get(placeKey({ host, image }));
    // NB: orders that were under way together are refused together, be it one after the other: that is one refusal.
    const isSame = before !== undefined && orderedAt <= before.at;
    const times = isSame ? before.times : (before?.times ?? 0) + 1;
    const restMs = Math.min(REST_MS * 2 ** (times - 1), REST_MAX_MS);
    const until = Math.max(retryAt, isSame ? before.until : now + restMs);
    // NB: the time of the first one stays, or else the machine that is tried next would seem to be one of those.
    const at = isSame ? before.at : now;
    refusals.set(placeKey({ host, image }), { host, image, at, until, text: shorten(text), times });
    log.info({ source: host, image, until, text: shorten(text) }, "a host refuses an order");
    if (!isSame) capacities.askAgain(host);
    ring();
  }

  return {
    of: () => {
      const said = capacities.answers();
      const refused = Map.groupBy(refusals.values(), ({ host }) => host);
      const hosts = new Set([...said.keys(), ...refused.keys()]);
      return new Map(
        Array.from(hosts, (host) => [host, { capacity: said.get(host), refusals: refused.get(host) }]),
      );
    },
    ask: capacities.ask,
    noteRefusal,
    noteSeen: ({ host, image, createdAt, retired }, { vm, vmText, isNoRoom }) => {
      const isNewerThan = (refusal: Refusal | undefined) =>
        createdAt > (refusal?.at ?? Number.NEGATIVE_INFINITY);
      // NB: one that is retired said so before, and may stand for long.
      if (vm === "broken" && isNoRoom && isNewerThan(refusals.get(placeKey({ host }))) && !retired)
        noteRefusal(host, { text: vmText ?? "it gave no reason", orderedAt: createdAt });
      if (vm !== "up") return;
      for (const key of [placeKey({ host }), placeKey({ host, image })])
        if (isNewerThan(refusals.get(key))) refusals.delete(key);
    },
  };
}

const shorten = (text: string): string => {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST_TEXT ? `${line.slice(0, LONGEST_TEXT - 1)}…` : line;
};
