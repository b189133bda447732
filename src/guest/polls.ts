import type { MachineName } from "../core/types.ts";
import type { Clock, Registration } from "../ports.ts";

/** How an open claim ended: with a registration, or without one, because … */
export type PollEnd = Registration | "timeout" | "replaced" | "closing" | "gone";

/** The claims that are open right now: at most one for each machine. */
export type Polls = {
  /** A live view: each pass asks about every machine. */
  names(): ReadonlySet<MachineName>;
  /** Opens a claim, and resolves when it ends. `gone`: aborted when the guest has hung up. */
  open(name: MachineName, gone: AbortSignal): Promise<PollEnd>;
  /** Ends a machine's claim with a registration. False: none was open. */
  answer(name: MachineName, registration: Registration): boolean;
  /** Ends all claims, those that are yet to be opened as well. */
  close(): void;
};

/** Each claim ends by itself after `limitMs`. */
export function openPolls(clock: Clock, limitMs: number): Polls {
  const polls = new Map<MachineName, (end: PollEnd) => void>();
  const names = new Set<MachineName>();
  let closed = false;

  const close = (name: MachineName): void => {
    polls.delete(name);
    names.delete(name);
  };

  const open = (name: MachineName, gone: AbortSignal): Promise<PollEnd> =>
    new Promise((resolve) => {
      const timer = new AbortController();
      const end = (how: PollEnd): void => {
        if (polls.get(name) === end) close(name);
        timer.abort();
        resolve(how);
      };
      if (closed) return end("closing");
      if (gone.aborted) return end("gone");
      polls.get(name)?.("replaced");
      polls.set(name, end);
      names.add(name);
      gone.addEventListener("abort", () => end("gone"), { once: true });
      void clock.until(clock.now() + limitMs, timer.signal).then(() => end("timeout"));
    });

  return {
    names: () => names,
    open,
    answer: (name, registration) => {
      const end = polls.get(name);
      end?.(registration);
      return end !== undefined;
    },
    close: () => {
      closed = true;
      for (const end of [...polls.values()]) end("closing");
    },
  };
}
