/** A small seeded generator: the same seed gives the same run. See: "mulberry32", public domain, by T. Ettinger. */
export type Random = {
  /** From 0 up to, not including, 1. */
  next: () => number;
  chance: (probability: number) => boolean;
  /** A whole number from `low` to `high`, both included. */
  between: (low: number, high: number) => number;
  pick: <T>(items: readonly T[]) => T | undefined;
  bytes: (length: number) => Uint8Array;
};

export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    chance: (probability) => next() < probability,
    between,
    pick: (items) => items[between(0, items.length - 1)],
    bytes: (length) => Uint8Array.from({ length }, () => between(0, 255)),
  };
}
