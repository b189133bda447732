import type { Logger } from "pino";
import { withLimit } from "../clock.ts";
import {
  type Clock,
  type Delivery,
  type DeliveryEntry,
  type GitHub,
  GitHubUnavailable,
  type Ring,
  type Store,
} from "../ports.ts";
import { type Rounds, startRounds } from "./rounds.ts";

export type DeliveryLogParts = {
  github: Pick<GitHub, "deliveries" | "delivery">;
  store: Pick<Store, "keep" | "known" | "logPosition" | "moveLogPosition">;
  /** Rung for each webhook that is new. */
  wake: Ring;
  /** Told of each webhook that had to be fetched. */
  onFetched?: (() => void) | undefined;
  clock: Clock;
  log: Logger;
};

const EVERY_MS = 60_000;
/** However often a relay rings. */
const REST_MS = 5_000;
/** Of the list, which may have hundreds of pages after a long stop, and of one webhook. */
const LIST_LIMIT_MS = 5 * 60_000;
const LIMIT_MS = 60_000;
/** Webhooks that are fetched at once. */
const AT_ONCE = 8;
/** At the very first look: GitHub ends a job that has waited for a day. */
const FIRST_LOOK_MS = 24 * 3_600_000;
/** An entry appears when its delivery has ended, which takes 10 s at most, so one may appear behind others. */
const OVERLAP_MS = 5 * 60_000;
/** When nothing comes the position follows GitHub's clock at this distance, so that what was kept is never asked for again. */
const QUIET_MS = 10 * 60_000;
/** A webhook that GitHub fails to give for so many minutes, although it gives the list, is let go. Its troubles seldom last longer. */
const MOST_TRIES = 120;
/** A click on a button that is older than this is not heeded any more: who pressed it has long looked elsewhere. */
const CLICK_MS = 60 * 60_000;
/** As many failures in one round are GitHub's own trouble. */
const MOST_FAILURES = 3;

/** What mayflyApp reads. All others (every push, every change of a check run) are in the log, too, and not worth a call. */
const READ: Readonly<Record<string, readonly string[] | "all">> = {
  workflow_job: "all",
  check_run: ["rerequested", "requested_action"],
  installation: "all",
  installation_repositories: "all",
};

/**
 * Reads GitHub's own log of what it sent, at the start and every minute, and fetches each webhook that is not here. So what a relay
 * lost or spoilt, and what came while the controller was down, is kept all the same, and read as if it had come by itself.
 * `soon`: for those who know that something is missing.
 * NB: GitHub notes a success as soon as a relay has taken a webhook, so the status of an entry says nothing.
 */
export function watchDeliveries(parts: DeliveryLogParts, signal: AbortSignal): Rounds {
  const failing: Failing = new Map();
  const timing = { everyMs: EVERY_MS, restMs: REST_MS, failure: "the delivery log could not be read" };
  const round = (whileOpen: AbortSignal) => readLog(parts, failing, whileOpen);
  return startRounds({ ...parts, ...timing, round }, signal);
}

/** By GUID: webhooks that could not be fetched. A minute counts once, however many rounds it has: a relay may ring every few seconds. */
type Failing = Map<string, { tries: number; countedAt: number }>;
const LET_GO = { tries: MOST_TRIES, countedAt: 0 };

/** The position moves only after all that was missing is kept: a kill before that costs a few calls, and nothing else. */
async function readLog(parts: DeliveryLogParts, failing: Failing, signal: AbortSignal): Promise<void> {
  const { github, store, clock } = parts;
  const position = await store.logPosition();
  const since = position === undefined ? clock.now() - FIRST_LOOK_MS : position - OVERLAP_MS;
  const list = (limited: AbortSignal) => github.deliveries(since, limited);
  const { at, entries } = await withLimit(clock, LIST_LIMIT_MS, list, signal);
  const listed = new Set(entries.map(({ guid }) => guid));
  for (const guid of failing.keys()) if (!listed.has(guid)) failing.delete(guid);
  await fetchAll(inTurn(await missingOf(entries, at, store), failing), parts, failing, signal);
  const newest = entries.reduce((latest, entry) => Math.max(latest, entry.at), at - QUIET_MS);
  if (newest > (position ?? 0)) await store.moveLogPosition(newest);
}

/** Oldest first; of a webhook that was sent several times, one. NB: many have the same second, and the log has the newest first. */
async function missingOf(
  entries: readonly DeliveryEntry[],
  now: number,
  { known }: DeliveryLogParts["store"],
): Promise<DeliveryEntry[]> {
  const wanted = entries
    .filter((entry) => isRead(entry) && (entry.event !== "check_run" || entry.at > now - CLICK_MS))
    .reverse()
    .sort((a, b) => a.at - b.at);
  const byGuid = new Map(wanted.map((entry) => [entry.guid, entry]));
  const there = await known([...byGuid.keys()]);
  return [...byGuid.values()].filter(({ guid }) => !there.has(guid));
}

function isRead({ event, action }: DeliveryEntry): boolean {
  const actions = READ[event];
  return actions === "all" || (action !== undefined && actions?.includes(action) === true);
}

/** Those that failed before come last, so that they do not keep the others from being fetched. */
function inTurn(entries: readonly DeliveryEntry[], failing: Failing): DeliveryEntry[] {
  const triesOf = ({ guid }: DeliveryEntry): number => failing.get(guid)?.tries ?? 0;
  return entries.filter((entry) => triesOf(entry) < MOST_TRIES).sort((a, b) => triesOf(a) - triesOf(b));
}

/** Throws the last failure, if there was one that is worth another round; what could be fetched is kept by then. */
async function fetchAll(
  entries: readonly DeliveryEntry[],
  parts: DeliveryLogParts,
  failing: Failing,
  signal: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  for (let first = 0; first < entries.length && failures.length < MOST_FAILURES; first += AT_ONCE) {
    const some = entries.slice(first, first + AT_ONCE);
    const answers = await Promise.allSettled(some.map((entry) => fetchOne(entry, parts, signal)));
    for (const [index, answer] of answers.entries()) {
      const guid = some[index]?.guid ?? "";
      if (answer.status === "fulfilled" && answer.value !== "gone") await keep(answer.value, parts);
      else if (answer.status === "fulfilled") failing.set(guid, LET_GO);
      else if (isWorthAnother(guid, answer.reason)) failures.push(answer.reason);
      else parts.log.warn({ delivery: guid, err: answer.reason }, "webhook let go, GitHub does not give it");
    }
  }
  if (failures.length > 0) throw failures.at(-1);

  /** NB: one that always fails must not keep the position where it is: the list of days would be read every minute. */
  function isWorthAnother(guid: string, reason: unknown): boolean {
    if (signal.aborted || (reason instanceof GitHubUnavailable && reason.retryAt !== undefined)) return true;
    const { tries, countedAt } = failing.get(guid) ?? { tries: 0, countedAt: Number.NEGATIVE_INFINITY };
    const now = parts.clock.now();
    if (now - countedAt < EVERY_MS) return true;
    failing.set(guid, { tries: tries + 1, countedAt: now });
    return tries + 1 < MOST_TRIES;
  }
}

async function keep(
  webhook: Omit<Delivery, "receivedAt">,
  { store, wake, onFetched, clock }: DeliveryLogParts,
): Promise<void> {
  const kept = await store.keep({ ...webhook, receivedAt: clock.now() });
  if (kept === "known") return;
  onFetched?.();
  wake();
}

async function fetchOne(
  { id, guid, event }: DeliveryEntry,
  { github, clock, log }: DeliveryLogParts,
  signal: AbortSignal,
): Promise<Omit<Delivery, "receivedAt"> | "gone"> {
  const found = await withLimit(clock, LIMIT_MS, (limited) => github.delivery(id, limited), signal);
  if (found === "gone")
    log.warn({ delivery: guid, event }, "a webhook that never came is gone at GitHub, too");
  else log.info({ delivery: guid, event }, "fetched a webhook that never came");
  return found;
}
