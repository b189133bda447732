import { readdir, readFile } from "node:fs/promises";
import type { VmState } from "../core/types.ts";

/** One line of /proc/<pid>/stat. A pid is used again after its process's end; with its start time it is unique until the next boot. */
export type ProcessStat = {
  pid: number;
  /** One letter. See: proc_pid_stat(5). */
  state: string;
  group: number;
  /** Clock ticks since the system's boot. */
  startTicks: number;
};

/**
 * Reads a line of /proc/<pid>/stat. Throws if it is none.
 * NB: the second field is the program's name in parentheses, and may hold spaces and parentheses itself.
 */
export function parseStat(line: string): ProcessStat {
  const pid = Number.parseInt(line, 10);
  const [state = "", , group, ...rest] = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const stat = { pid, state, group: Number(group), startTicks: Number(rest[16]) };
  if (!Number.isInteger(stat.pid + stat.group + stat.startTicks)) {
    throw new Error(`not a line of /proc/<pid>/stat: ${line.slice(0, 80)}`);
  }
  return stat;
}

/** The process, as long as the kernel knows it. */
export async function statOf(pid: number): Promise<ProcessStat | undefined> {
  const line = await readOfProcess(pid, "stat");
  return line === undefined ? undefined : parseStat(line);
}

/** The kernel's words for a process, as words for a VM. See: proc_pid_stat(5), state. */
export function vmStateOf(letter: string): Extract<VmState, "up" | "off" | "unknown"> {
  switch (letter) {
    case "R": // running
    case "S": // sleeping
    case "D": // waiting for a disk
    case "T": // stopped by a signal
    case "t": // stopped by a debugger
    case "W": // paging, or waking
    case "K": // asleep until killed
    case "P": // parked
    case "I": // idle, kernel threads only
      return "up";
    case "Z": // ended, and nobody has asked how
    case "X": // dead
    case "x":
      return "off";
    default:
      return "unknown";
  }
}

/**
 * Pids of the living processes that were born with `entry` (`NAME=value`) in their environment, or that are in the process group
 * of `leader`, if that is still the same process.
 * NB: a process may leave its group, but not what it was born with. One that left both ways is not found.
 */
export async function processesOf(entry: string, leader: ProcessStat | undefined): Promise<number[]> {
  const now = leader && (await statOf(leader.pid));
  const group = leader && now?.startTicks === leader.startTicks ? leader.pid : undefined;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const stat = await statOf(pid);
      if (!stat || vmStateOf(stat.state) === "off") return [];
      if (stat.group === group) return [pid];
      const environment = await readOfProcess(pid, "environ");
      return environment?.split("\0").includes(entry) ? [pid] : [];
    }),
  );
  return found.flat();
}

/** Nothing: the process has ended meanwhile, or is another user's and hence none of ours. */
async function readOfProcess(pid: number, file: "stat" | "environ"): Promise<string | undefined> {
  return await readFile(`/proc/${pid}/${file}`, "latin1").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && GONE.has(String(error.code))) return undefined;
    throw error;
  });
}

const GONE: ReadonlySet<string> = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM"]);
