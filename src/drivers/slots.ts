/** A number of places that are taken and left, first come first served. One place makes a lock. */
export type Slots = {
  /** Waits for a place and answers how to leave it (leaving twice is harmless). Throws the signal's reason when it is aborted first. */
  take: (signal: AbortSignal) => Promise<() => void>;
};

export function slots(count: number): Slots {
  let free = count;
  const queue: (() => void)[] = [];

  const leave = () => {
    const next = queue.shift();
    if (next) next();
    else free += 1;
  };

  return {
    take: async (signal) => {
      signal.throwIfAborted();
      if (free > 0) free -= 1;
      else await enter(queue, signal);
      return once(leave);
    },
  };
}

function enter(queue: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      queue.splice(queue.indexOf(go), 1);
      reject(signal.reason);
    };
    const go = () => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    };
    signal.addEventListener("abort", giveUp, { once: true });
    queue.push(go);
  });
}

function once(run: () => void): () => void {
  let ran = false;
  return () => {
    if (!ran) run();
    ran = true;
  };
}
