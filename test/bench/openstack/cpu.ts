import { readdirSync, readFileSync } from "node:fs";

/** Seconds of a processor that processes and all their threads have used. One that has ended counts with whoever waited for it. */
export function cpuSecondsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ticksOf(pid), 0) / TICKS_PER_SECOND;
}

/** All processes of these sessions. See: setsid(2). */
export const ofSessions = (leaders: ReadonlySet<number>): number[] =>
  readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => leaders.has(Number(statOf(pid)[SESSION])));

/** NB: the same on every Linux, whatever the kernel's own. See: time(7). */
const TICKS_PER_SECOND = 100;
/** Places behind the name. See: proc_pid_stat(5). */
const [SESSION, USER, SYSTEM, WAITED_USER, WAITED_SYSTEM] = [3, 11, 12, 13, 14] as const;

function ticksOf(pid: number): number {
  const stat = statOf(pid);
  return [USER, SYSTEM, WAITED_USER, WAITED_SYSTEM].reduce((sum, place) => sum + Number(stat[place] ?? 0), 0);
}

function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return []; // it has just ended
  }
}
