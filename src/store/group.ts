import { setImmediate as turnOver } from "node:timers/promises";

/** Bounds the time that one transaction holds up everything else. */
const LARGEST_GROUP = 1000;

/** Calls that share a transaction. */
export type Grouped<T, R> = {
  /** Resolves once the item is committed. Items are committed in the order in which they were added. */
  add(item: T): Promise<R>;
  /** Resolves when nothing is waiting. */
  idle(): Promise<void>;
};

type Waiting<T, R> = { item: T; resolve: (result: R) => void; reject: (error: unknown) => void };

/**
 * Commits what arrives together in one go: a sync of the disk costs the same for one row as for a thousand.
 * `commit` answers one result for each item. If it throws, each item is tried alone, so that a bad one fails alone.
 */
export function grouped<T, R>(commit: (items: readonly T[]) => Promise<readonly R[]>): Grouped<T, R> {
  const waiting: Waiting<T, R>[] = [];
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      // NB: SQLite's calls block, so nothing arrives while a commit runs. What arrives in one turn of the event loop is a group.
      await turnOver();
      await settle(waiting.splice(0, LARGEST_GROUP));
    }
    running = undefined;
  }

  async function settle(group: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await commit(group.map(({ item }) => item));
      for (const [index, result] of results.entries()) group[index]?.resolve(result);
    } catch (error) {
      if (group.length === 1) for (const { reject } of group) reject(error);
      else for (const one of group) await settle([one]);
    }
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        running ??= run();
      }),
    idle: async () => running,
  };
}
