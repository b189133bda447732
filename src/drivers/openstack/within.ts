import { TimeLimitError } from "../../clock.ts";
import type { Clock } from "../../ports.ts";

/**
 * Runs something whose signal is aborted when its time is up, or the caller's is. Other than with `withLimit` what runs has the last
 * word: it knows what it waited for, and it may have to give something back. NB: so it has to heed the signal.
 */
export async function within<T>(
  { clock, limitMs, outer }: { clock: Clock; limitMs: number; outer: AbortSignal },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const work = new AbortController();
  const timer = new AbortController();
  void clock.until(clock.now() + limitMs, timer.signal).then(() => {
    if (!timer.signal.aborted) work.abort(new TimeLimitError(`no answer within ${limitMs / 1000} s`));
  });
  try {
    return await run(AbortSignal.any([work.signal, outer]));
  } finally {
    timer.abort();
  }
}
