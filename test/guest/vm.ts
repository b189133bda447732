import { type ChildProcess, spawn } from "node:child_process";
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { type Os, SYSTEMS } from "../../src/core/systems.ts";

const GUEST = fileURLToPath(new URL("../../guest", import.meta.url));
const LAYOUT = fileURLToPath(new URL("../rig/runner/layout", import.meta.url));

/** Tests that run as root run the runner as somebody else, as in a VM. */
export const isRoot = process.getuid?.() === 0;
const RUNNER_USER = isRoot ? "nobody" : process.env.USER;

export type Vm = {
  root: string;
  /** The runner's folder. */
  runner: string;
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
export async function newVm(): Promise<Vm> {
  const root = await mkdtemp(join(tmpdir(), "mayfly-vm-"));
  await chmod(root, 0o755);
  const runner = join(root, "home/runner/actions-runner");
  await mkdir(join(root, "home/runner"), { recursive: true });
  await mkdir(join(root, "var/lib/mayfly"), { recursive: true });
  const program = join(root, "usr/local/lib/mayfly");
  await mkdir(join(root, "etc/mayfly"), { recursive: true });
  await mkdir(join(root, "watch"));
  await cp(LAYOUT, runner, { recursive: true });
  if (isRoot) await execa("chown", ["-R", `${RUNNER_USER}:`, runner]);
  await copyGuest("linux", program);
  await copyFile(join(LAYOUT, "bin/version.txt"), join(root, "etc/mayfly/runner-version"));
  await script(join(root, "power-off"), `echo off >>"${root}/offs"`);
  for (const command of ["curl", "jq", "setpriv"]) await watched(root, command);
  await standInDisks(root);

  let guest: ChildProcess | undefined;
  let said = "";
  const ended = Promise.withResolvers<number | null>();

  return {
    root,
    runner,
    boot(environment = {}) {
      guest = spawn(join(program, "mayfly-guest"), {
        env: {
          PATH: `${root}/watch:${process.env.PATH}`,
          MAYFLY_ROOT: root,
          MAYFLY_POWEROFF: join(root, "power-off"),
          ...(RUNNER_USER ? { MAYFLY_USER: RUNNER_USER } : {}),
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

/** As it lies when it was installed: all in one folder. */
export async function copyGuest(os: Os, to: string): Promise<void> {
  for (const folder of SYSTEMS[os].folders) await cp(join(GUEST, folder), to, { recursive: true });
}

const script = (path: string, content: string): Promise<void> =>
  writeFile(path, `#!/bin/bash\n${content}\n`, { mode: 0o755 });

/** Puts a command of the same name first in the PATH, that writes down its arguments and becomes the real one. */
async function watched(root: string, command: string): Promise<void> {
  const { stdout: real } = await execa("sh", ["-c", `command -v ${command}`]);
  await script(join(root, "watch", command), `echo "${command} $*" >>"${root}/watch/log"\nexec ${real} "$@"`);
}

/**
 * What would change this computer is only written down. Mounting a device shows what lies in `media/<its name>`, and fails without.
 * See: config-drive.ts.
 */
async function standInDisks(root: string): Promise<void> {
  const log = (command: string) => `echo "${command} $*" >>"${root}/watch/log"`;
  const show = `device=\${@: -2:1}; cp -r "${root}/media/\${device##*/}/." "\${@: -1}"`;
  await script(join(root, "watch/mount"), `${log("mount")}\n${show}`);
  await script(join(root, "watch/umount"), `${log("umount")}\nrm -r "$1/"*`);
  await script(join(root, "watch/ip"), log("ip"));
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
