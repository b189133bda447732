/** Work on what comes in faster than it can be done. */
export type Inflow<T> = {
  /** Has it done as soon as fewer are at work. */
  add(item: T): void;
  /** Resolves when more can be taken without a heap of them growing. */
  untilRoom(): Promise<void>;
  /** Resolves when all that was added is done. */
  untilDone(): Promise<void>;
};

/** Works on so many items at once. `work` must not reject. */
export function inflow<T>(atOnce: number, work: (item: T) => Promise<void>): Inflow<T> {
  const waiting: T[] = [];
  const working = new Set<Promise<void>>();
  return {
    add(item) {
      waiting.push(item);
      begin();
    },
    async untilRoom() {
      while (working.size >= atOnce) await Promise.race(working);
    },
    async untilDone() {
      while (working.size > 0) await Promise.all(working);
    },
  };

  function begin(): void {
    while (working.size < atOnce) {
      const item = waiting.shift();
      if (item === undefined) return;
      const done = work(item).finally(() => {
        working.delete(done);
        begin();
      });
      working.add(done);
    }
  }
}
