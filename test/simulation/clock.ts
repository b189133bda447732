import type { Clock } from "../../src/ports.ts";

type Event = { at: number; order: number; run: () => void };

/** Time that only passes when nothing is left to do now. */
export type VirtualClock = Clock & {
  sleep: (ms: number) => Promise<void>;
  at: (time: number, run: () => void) => void;
  /** Runs event after event until `stop` says so, or nothing is left. */
  run: (stop: () => boolean) => Promise<void>;
};

const NEVER = new AbortController().signal;

export function virtualClock(): VirtualClock {
  const heap: Event[] = [];
  let now = 1_000_000_000_000;
  let order = 0;

  const at = (time: number, run: () => void) => {
    order += 1;
    push(heap, { at: Math.max(time, now), order, run });
  };
  const until = (time: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal.aborted) return resolve();
      if (signal !== NEVER) signal.addEventListener("abort", () => resolve(), { once: true });
      if (Number.isFinite(time)) at(time, resolve);
    });

  return {
    now: () => now,
    until,
    at,
    sleep: (ms) => until(now + ms, NEVER),
    run: async (stop) => {
      for (;;) {
        await settle();
        if (stop()) return;
        const next = pop(heap);
        if (!next) return;
        now = next.at;
        next.run();
      }
    },
  };
}

/** Lets all promises that can go on do so. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(heap: Event[], event: Event): void {
  let index = heap.length;
  heap.push(event);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (!above || !isBefore(event, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = event;
}

function pop(heap: Event[]): Event | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (!top || !last || heap.length === 0) return top;
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    const [a, b] = [heap[left], heap[left + 1]];
    if (!a) break;
    const child = b && isBefore(b, a) ? left + 1 : left;
    const below = heap[child];
    if (!below || !isBefore(below, last)) break;
    heap[index] = below;
    index = child;
  }
  heap[index] = last;
  return top;
}
