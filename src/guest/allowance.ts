import type { Machine, MachineName } from "../core/types.ts";
import type { Clock } from "../ports.ts";

/** What one machine may ask of us. A hostile job can become root in its VM and call in the guest's place. */
export type Allowance = {
  /** May it call now? Counts the call. */
  call(name: MachineName): boolean;
  /** May it write a further stage or log into the history? Counts it. */
  write(name: MachineName): boolean;
  /** Forgets machines that are no more. */
  keep(machines: ReadonlyMap<MachineName, Machine>): void;
};

/** A guest that goes well makes six calls, and one each 25 s while it waits for work. */
const CALLS_AT_ONCE = 30;
const MS_PER_CALL = 2000;
/** Of at most 16 KiB each. See: guest/contract.md, report. */
const WRITES = 20;

/** NB: counted in memory only; a restart of the controller forgives. */
export function openAllowance(clock: Clock): Allowance {
  const used = new Map<MachineName, { calls: number; at: number; writes: number }>();
  const of = (name: MachineName) => {
    const known = used.get(name) ?? { calls: 0, at: clock.now(), writes: 0 };
    used.set(name, known);
    return known;
  };
  return {
    call: (name) => {
      const known = of(name);
      const now = clock.now();
      known.calls = Math.max(0, known.calls - (now - known.at) / MS_PER_CALL);
      known.at = now;
      if (known.calls >= CALLS_AT_ONCE) return false;
      known.calls += 1;
      return true;
    },
    write: (name) => {
      const known = of(name);
      known.writes += 1;
      return known.writes <= WRITES;
    },
    keep: (machines) => {
      for (const name of used.keys()) if (!machines.has(name)) used.delete(name);
    },
  };
}
