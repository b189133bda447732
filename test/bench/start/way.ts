/** The ways to a runner that are compared. */
export const WAYS = ["bare", "cold", "original"] as const;
export type WayName = (typeof WAYS)[number];

/** One run of a way. `stagesMs`: how long each stage took, in their order; they add up to the total. */
export type Measured = { totalMs: number; stagesMs: Record<string, number> };

export type Way = {
  name: WayName;
  /** Goes the way once, notes the times, and takes away what it made. Rejects when the signal is aborted. */
  measure: (signal: AbortSignal) => Promise<Measured>;
};

/** A VM on two cores without KVM takes well under a minute; the original's way a few. */
export const LIMIT_MS = 10 * 60_000;

/** Times of what happened, in its order, as the stages between: each is named after what ended it. */
export function stagesOf(startedAt: number, ends: Readonly<Record<string, number | undefined>>): Measured {
  const stagesMs: Record<string, number> = {};
  let before = startedAt;
  for (const [name, at] of Object.entries(ends)) {
    if (at === undefined) throw new Error(`nobody has told when "${name}" was`);
    stagesMs[name] = at - before;
    before = at;
  }
  return { totalMs: before - startedAt, stagesMs };
}

/** Rejects with the signal's reason when it is aborted before the work is done. The work itself goes on. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(signal.reason);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
