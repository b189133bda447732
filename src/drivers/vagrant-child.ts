import { type ChildProcess, spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import type { Clock } from "../ports.ts";
import { cleanEnv, run } from "./exec.ts";

/** Enough to find the process again, also after the controller was restarted. `started` tells it from a later one of the same id. */
export type ChildRecord = { pid: number; started: string };

export type Ending = { isOk: boolean; text: string };

/** A `vagrant up` that waits for its order on its standard input. */
export type Child = {
  record: ChildRecord;
  /** Hands the order over. From here on it makes the VM. */
  give: (order: string) => void;
  ended: Promise<Ending>;
};

/**
 * Starts `vagrant up`, in a process group of its own, so that all of it can be ended. Its output goes straight to the file, so
 * it outlives us. It is told what to make only after its process id is on the disk: if we die before, its input ends, and so does it.
 */
export async function spawnChild(parts: {
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  log: string;
}): Promise<Child> {
  const output = await open(parts.log, "a", 0o600);
  try {
    const env = cleanEnv(parts.env);
    const child = spawn("vagrant", parts.args, {
      detached: true,
      env,
      stdio: ["pipe", output.fd, output.fd],
    });
    // NB: an early end closes the pipe under us. What matters then is how the child ended.
    child.stdin?.on("error", () => undefined);
    const ended = endOf(child);
    const record = { pid: child.pid ?? 0, started: child.pid === undefined ? "" : await startOf(child.pid) };
    return { record, ended, give: (order) => child.stdin?.end(order) };
  } finally {
    await output.close();
  }
}

const endOf = (child: ChildProcess): Promise<Ending> =>
  new Promise((resolve) => {
    child.on("error", (error) => resolve({ isOk: false, text: error.message }));
    child.on("exit", (code, signal) => resolve({ isOk: code === 0, text: signal ?? `exit code ${code}` }));
  });

/** The process of an earlier controller still runs. */
export async function isAlive({ pid, started }: ChildRecord): Promise<boolean> {
  return started !== "" && (await startOf(pid)) === started;
}

/** Sends a signal to the process and all that it started. */
export function signalGroup({ pid }: ChildRecord, signal: NodeJS.Signals): void {
  if (pid <= 0) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

const LOOK_MS = 50;
/** From the polite signal to the other one. Vagrant takes up to 12 s to remove a half-made VM. */
export const GRACE_MS = 20_000;

/** Ends a process that an earlier controller started, and waits until it is gone. */
export async function endStray(
  record: ChildRecord,
  how: NodeJS.Signals,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const graceEndsAt = clock.now() + GRACE_MS;
  if (await isAlive(record)) signalGroup(record, how);
  while (await isAlive(record)) {
    signal.throwIfAborted();
    if (clock.now() >= graceEndsAt) signalGroup(record, "SIGKILL");
    await clock.until(clock.now() + LOOK_MS, signal);
  }
}

/** When a process started, in its system's own words; empty if there is none. */
async function startOf(pid: number): Promise<string> {
  if (process.platform === "linux") return await startOnLinux(pid);
  const options = { signal: new AbortController().signal, limitMs: 5000 };
  const said = await run(["ps", "-o", "lstart=", "-p", `${pid}`], options).catch(() => ({ stdout: "" }));
  return said.stdout.trim();
}

const STATE_FIELD = 0;
const START_FIELD = 19;

/** See: proc(5), /proc/pid/stat: state and start time are the fields 3 and 22; the second one, the name, may hold anything. */
async function startOnLinux(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const isGone = ["Z", "X", ""].includes(fields[STATE_FIELD] ?? "");
  return isGone ? "" : (fields[START_FIELD] ?? "");
}
