import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { access, constants, readdir, readFile, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseName } from "../core/name.ts";
import type { MachineName } from "../core/types.ts";
import { type Driver, SetupError, type StartOrder, type VmSeen } from "../ports.ts";
import { readKnobs } from "./fake-knobs.ts";
import { ifThere, readTail } from "./files.ts";
import type { DriverParts } from "./parts.ts";
import { parseStat, processesOf, statOf, vmStateOf } from "./processes.ts";

const CONSOLE = "console.log";
/** Ends the name of a machine's folder while the machine is destroyed. */
const LEAVING = ".leaving";
/** File in a machine's folder: how long it is to take to be destroyed. */
const LEAVE_MS = "leave-ms";
const KILL_AGAIN_MS = 50;

/**
 * A driver without a hypervisor, for trying Mayfly and for tests: each VM is the host's `command`, started in a process group of
 * its own, with MAYFLY_SEED naming the file of its seed. Linux only: it reads /proc.
 * WARN: there is no wall around such a VM. It may do all that the controller's user may.
 */
export function fakeDriver(parts: DriverParts): Driver {
  const { controller } = parts;
  const folder = join(parts.folder, "machines");
  mkdirSync(folder, { recursive: true, mode: 0o700 });

  const isOurs = (name: string) => parseName(controller, name) !== "not ours";
  const homeOf = (name: MachineName) => {
    if (!isOurs(name)) throw new Error(`${name} is none of this controller's machines`);
    return join(folder, name);
  };

  return {
    list: async () => {
      const entries = await readdir(folder);
      const homes = new Map(entries.map((entry) => [entry.replace(LEAVING, ""), join(folder, entry)]));
      const ours = Array.from(homes).filter(([name]) => isOurs(name));
      return await Promise.all(ours.map(async ([name, home]) => ({ name, ...(await look(home)) })));
    },
    start: async (order) => launch(order, homeOf(order.name), parts),
    destroy: async (name, signal) => {
      const home = homeOf(name);
      // NB: renamed first. From here on a VM in mid-start cannot write down any more that it lives, and ends. See: fake-vm.sh.
      await setAside(home);
      await leave(home, parts, signal);
      await killAll(home, parts, signal);
      await rm(home + LEAVING, { recursive: true, force: true });
      // NB: a VM that began only just makes what it needs in a folder of the old name, until it is killed.
      await rm(home, { recursive: true, force: true });
    },
    check: async () => await check(parts),
    evidence: async (name) => {
      const home = homeOf(name);
      const said = await readTail(join(home, CONSOLE));
      const text = said === "" ? await readTail(join(home + LEAVING, CONSOLE)) : said;
      return text === "" ? {} : { [CONSOLE]: text };
    },
    close: async () => {},
  };
}

/** NB: a destroy that was cut short has done it already, and a VM that lives may have made the folder anew since. */
async function setAside(home: string): Promise<void> {
  try {
    await rename(home, home + LEAVING);
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].some((code) => hasCode(error, code))) throw error;
  }
}

/** NB: synchronous, so that no destroy of the same process comes between its steps. */
function launch({ name, host, image, seed }: StartOrder, home: string, { log, ring }: DriverParts): void {
  if (!host.command?.[0]) throw new SetupError(noCommand(host.name));
  const { bootMs, hang, dieMs, leaveMs, fail } = readKnobs(image.box?.name ?? "");
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, LEAVE_MS), String(leaveMs));
  writeFileSync(seedOf(home), JSON.stringify(seed), { mode: 0o600 });
  const output = openSync(join(home, CONSOLE), "a", 0o600);
  const knobs = [bootMs / 1000, hang ? "yes" : "", dieMs === undefined ? "" : dieMs / 1000, fail ?? ""];
  const vm = spawn("bash", [WRAPPER, home, ...knobs.map(String), ...host.command], {
    cwd: home,
    // NB: nothing else of the controller's own environment, which holds its secrets.
    env: { PATH: process.env.PATH, HOME: home, MAYFLY_SEED: seedOf(home) },
    stdio: ["ignore", output, output],
    detached: true,
  });
  closeSync(output);
  vm.unref();
  vm.once("exit", ring);
  vm.once("error", (error) => {
    log.warn({ machine: name, err: error }, "the process of a fake VM could not be started");
    writeFileSync(join(home, "broken"), error.message);
    ring();
  });
}

const WRAPPER = fileURLToPath(new URL("fake-vm.sh", import.meta.url));

const seedOf = (home: string): string => join(home, "seed.json");

const noCommand = (host: string): string =>
  `The host ${host} has the driver "fake", but no command that stands in for a VM.`;

/** What the files that fake-vm.sh left say, and the kernel. */
async function look(home: string): Promise<Omit<VmSeen, "name">> {
  const cause = await readIn(home, "broken");
  if (cause !== undefined) return { state: "broken", text: cause.trim() };
  const record = await readIn(home, "process");
  if (record === undefined) return { state: "building" };
  const then = parseStat(record);
  const now = await statOf(then.pid);
  if (now?.startTicks !== then.startTicks) return { state: "off" };
  const state = vmStateOf(now.state);
  if (state !== "up") return { state };
  return { state: (await readIn(home, "up")) === undefined ? "building" : "up" };
}

async function leave(home: string, { clock }: DriverParts, signal: AbortSignal): Promise<void> {
  const leaveMs = Number((await readIn(home + LEAVING, LEAVE_MS)) ?? 0);
  if (leaveMs > 0) await clock.until(clock.now() + leaveMs, signal);
  signal.throwIfAborted();
}

/** Resolves when no process of the machine is left. */
async function killAll(home: string, { clock }: DriverParts, signal: AbortSignal): Promise<void> {
  const record = await readIn(home + LEAVING, "process");
  const leader = record === undefined ? undefined : parseStat(record);
  for (;;) {
    const pids = await processesOf(`MAYFLY_SEED=${seedOf(home)}`, leader);
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    await clock.until(clock.now() + KILL_AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

async function check({ host }: DriverParts): Promise<string[]> {
  const program = host.command?.[0];
  if (program === undefined) return [noCommand(host.name)];
  const missing: string[] = [];
  if (!(await findProgram("bash"))) missing.push(`The driver "fake" needs bash, which is not installed.`);
  if (!(await findProgram(program))) {
    missing.push(
      `The command ${program} of the host ${host.name} is not there, or cannot be run. Give a full path, or a name on the PATH.`,
    );
  }
  if ((await statOf(process.pid)) === undefined)
    missing.push(`The driver "fake" needs /proc, as Linux has it.`);
  return missing;
}

/** A full path, or a name that is looked for as a shell does. */
async function findProgram(program: string): Promise<boolean> {
  const folders = program.startsWith("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  for (const folder of folders) {
    const isThere = await access(folder === "" ? program : join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return true;
  }
  return false;
}

/** The file's text, or nothing if there is no such file. */
async function readIn(home: string, file: string): Promise<string | undefined> {
  return await ifThere(readFile(join(home, file), "utf8"));
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;
