import { setImmediate as letOthersIn } from "node:timers/promises";
import type { Logger } from "pino";
import { type Clock, type Delivery, GitHubUnavailable, type Store } from "../ports.ts";

/** Webhooks that are begun together, so that the store writes what they say in one transaction: a sync of the disk is what costs. */
const AT_ONCE = 16;
/** Webhooks that are in memory at a time. After a long stop there may be thousands, and each may have a MiB. */
const BATCH = 64;
/** Waits before each further try; after the last the webhook is set aside. Long enough to sit out a disk that is full or slow. */
const TRY_AGAIN_MS = [1_000, 10_000, 60_000, 600_000];
/** The end of a limit may be now, or past. */
const SHORTEST_MS = 1_000;
/** While webhooks pour in, answering them comes first: reading waits for a lull, but never longer than the second time. */
const LULL_MS = 3;
const LONGEST_RUSH_MS = 50;
/** A look without a bell, should one ever be lost. */
const LOOK_MS = 60_000;

export type ReaderOptions = {
  store: Pick<Store, "unread" | "markRead">;
  /** Turns one webhook into facts. May be called again for a webhook that it has seen. */
  receive: (delivery: Delivery) => Promise<void>;
  clock: Clock;
  log: Logger;
};

export type Reader = {
  /** Says that a webhook was kept. */
  wake(): void;
  /** Ids of webhooks that failed every try. They stay unread in the store, and are tried again by the next start. */
  setAside(): string[];
  /** Stops taking webhooks and waits for those in work. */
  close(): Promise<void>;
};

type Failure = { tries: number; againAt: number };

/** Works off the webhooks that were kept, oldest first, beginning with those that an earlier process left unread. */
export function startReader({ store, receive, clock, log }: ReaderOptions): Reader {
  const failures = new Map<string, Failure>();
  const working = new Map<string, Promise<void>>();
  const closing = new AbortController();
  let bell = new AbortController();
  let wokenAt = 0;
  const ended = run();

  return {
    wake() {
      wokenAt = clock.now();
      bell.abort();
    },
    setAside: () => [...failures].filter(([, { againAt }]) => againAt === Infinity).map(([id]) => id),
    async close() {
      closing.abort();
      bell.abort();
      await ended;
      await Promise.all(working.values());
    },
  };

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      bell = new AbortController();
      try {
        await readAll();
      } catch (err) {
        log.error({ err }, "kept webhooks could not be read");
      }
      if (!closing.signal.aborted) await clock.until(nextLookAt(), bell.signal);
    }
  }

  async function readAll(): Promise<void> {
    for (;;) {
      const batch = await store.unread({ except: taken(), most: BATCH });
      if (batch.length === 0) return;
      for (const delivery of batch) {
        while (working.size >= AT_ONCE) {
          await Promise.race(working.values());
          // Those begun together end together.
          await letOthersIn();
        }
        if (working.size === 0) await lull();
        if (closing.signal.aborted) return;
        begin(delivery);
      }
    }
  }

  function begin(delivery: Delivery): void {
    working.set(
      delivery.id,
      read(delivery).finally(() => working.delete(delivery.id)),
    );
  }

  /** Resolves when no webhook has come for a moment. */
  async function lull(): Promise<void> {
    const latest = clock.now() + LONGEST_RUSH_MS;
    const next = () => Math.min(wokenAt + LULL_MS, latest);
    while (clock.now() < next() && !closing.signal.aborted) await clock.until(next(), closing.signal);
  }

  async function read(delivery: Delivery): Promise<void> {
    try {
      await receive(delivery);
      await store.markRead(delivery.id);
      failures.delete(delivery.id);
    } catch (err) {
      fail(delivery, err);
    }
  }

  function fail({ id, event }: Delivery, err: unknown): void {
    const retryAt = retryAtOf(err);
    if (retryAt !== undefined) {
      const againAt = Math.max(retryAt, clock.now() + SHORTEST_MS);
      failures.set(id, { tries: failures.get(id)?.tries ?? 0, againAt });
      log.info({ delivery: id, event }, "webhook waits until GitHub may be asked again");
      return bell.abort();
    }
    const tries = (failures.get(id)?.tries ?? 0) + 1;
    const waitMs = TRY_AGAIN_MS[tries - 1];
    failures.set(id, { tries, againAt: waitMs === undefined ? Infinity : clock.now() + waitMs });
    // NB: Probot hangs the whole payload on the errors it throws, so only their text is logged.
    const reason = err instanceof Error ? err.message : String(err);
    if (waitMs === undefined) log.error({ delivery: id, event, tries, reason }, "webhook set aside");
    else log.warn({ delivery: id, event, tries, reason }, "webhook failed, will be tried again");
    bell.abort();
  }

  /** NB: one that is marked as read is taken until it is, so that no list has it again. */
  function taken(): string[] {
    const resting = [...failures].filter(([, { againAt }]) => againAt > clock.now());
    return [...working.keys(), ...resting.map(([id]) => id)];
  }

  function nextLookAt(): number {
    return Math.min(clock.now() + LOOK_MS, ...[...failures.values()].map((failure) => failure.againAt));
  }
}

/** When GitHub may be asked again, if that is what a handler waits for. NB: Probot gathers the errors of all handlers. */
function retryAtOf(err: unknown): number | undefined {
  const errors: unknown[] = err instanceof AggregateError ? err.errors : [err];
  return errors.find((error) => error instanceof GitHubUnavailable)?.retryAt;
}
