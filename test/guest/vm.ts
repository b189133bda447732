import { type ChildProcess, spawn } from "node:child_process";
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { copyGuest, LINUX, type SystemRig, script } from "./systems.ts";

const LAYOUT = fileURLToPath(new URL("../rig/runner/layout", import.meta.url));

/** Tests that run as root run the runner as somebody else, as in a VM. */
export const isRoot = process.getuid?.() === 0;
const RUNNER_USER = isRoot ? "nobody" : process.env.USER;

export type Vm = {
  root: string;
  system: SystemRig;
  /** The runner's folder, and its program. */
  runner: string;
  listener: string;
  /** What the guest keeps while it runs. */
  run: string;
  seedFile: string;
  /** Starts the guest program, with `environment` on top. */
  boot(environment?: Record<string, string>): void;
  /** Resolves when the guest program has ended, with its exit code. */
  ended(): Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** How often it was powered off. */
  powerOffs(): Promise<number>;
  /** Resolves when it was powered off. */
  off(): Promise<void>;
  /** What the program has said. */
  console(): string;
  /** The arguments of all commands that the program has run. */
  commandLines(): Promise<string>;
  /** All that any file below `root` holds, by path. */
  files(): Promise<Map<string, string>>;
  remove(): Promise<void>;
};

/** A VM that is an ordinary process: the real guest program, the stand-in runner, and a folder in place of the disks. */
export async function newVm(system: SystemRig = LINUX): Promise<Vm> {
  const root = await mkdtemp(join(tmpdir(), "mayfly-vm-"));
  await chmod(root, 0o755);
  const runner = join(root, system.runner);
  const [seedFile, versionFile] = [join(root, system.seedFile), join(root, system.versionFile)];
  for (const folder of [dirname(runner), dirname(seedFile), dirname(versionFile), join(root, "watch")])
    await mkdir(folder, { recursive: true });
  await cp(LAYOUT, runner, { recursive: true });
  if (isRoot) await execa("chown", ["-R", `${RUNNER_USER}:`, runner]);
  await copyGuest(system.os, join(root, dirname(system.program)));
  await copyFile(join(LAYOUT, "bin/version.txt"), versionFile);
  await script(join(root, "power-off"), `echo off >>"${root}/offs"`);
  await system.standIns(root);

  let guest: ChildProcess | undefined;
  let said = "";
  const ended = Promise.withResolvers<number | null>();

  return {
    root,
    system,
    runner,
    listener: join(runner, system.listener),
    run: join(root, system.run),
    seedFile,
    boot(environment = {}) {
      const [file, ...parameters] = system.command(root);
      guest = spawn(file, parameters, {
        env: {
          PATH: system.path(root),
          MAYFLY_ROOT: root,
          MAYFLY_POWEROFF: join(root, "power-off"),
          ...(RUNNER_USER ? { MAYFLY_USER: RUNNER_USER } : {}),
          ...system.environment,
          ...environment,
        },
        stdio: ["ignore", "ignore", "pipe"],
        detached: true,
      });
      guest.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
        said += chunk;
      });
      guest.once("exit", (code) => ended.resolve(code));
    },
    ended: () => ended.promise,
    kill: (signal) => {
      guest?.kill(signal);
    },
    powerOffs: async () => (await read(join(root, "offs"))).split("\n").length - 1,
    off: async () => {
      await execa("timeout", ["30", "sh", "-c", 'until [ -s "$0/offs" ]; do sleep 0.1; done', root]);
    },
    console: () => said,
    commandLines: () => read(join(root, "watch/log")),
    files: () => filesOf(root),
    remove: async () => {
      await killAll(root, guest?.pid);
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** The program's process group, and what has left it: each knows the folder by its environment. */
async function killAll(root: string, leader: number | undefined): Promise<void> {
  const ours: number[] = leader === undefined ? [] : [-leader];
  for (const pid of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry))) {
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => ""); // it has just ended
    if (environment.includes(root)) ours.push(Number(pid));
  }
  for (const pid of ours) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (err) {
      if (!(err instanceof Error && "code" in err && err.code === "ESRCH")) throw err;
    }
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (err) {
    if (err instanceof Error && "code" in err && err.code === "ENOENT") return "";
    throw err;
  }
}

async function filesOf(root: string): Promise<Map<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [path, await read(path)] as const)));
}
