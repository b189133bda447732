import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { type Os, SYSTEMS } from "../../src/core/systems.ts";

const GUEST = fileURLToPath(new URL("../../guest", import.meta.url));

/** How a system's guest program is made to run as an ordinary process here, in a folder that stands for its disks. */
export type SystemRig = {
  os: Os;
  /** Paths below the folder. `runner`: the runner's folder. `run`: what the guest keeps while it runs. */
  program: string;
  runner: string;
  run: string;
  seedFile: string;
  versionFile: string;
  /** The runner's own program. */
  listener: string;
  /** Part of a line that the program's commands must show, or they were not watched. */
  proof: string;
  /** What starts the program. */
  command: (root: string) => readonly [string, ...string[]];
  /** Its PATH. */
  path: (root: string) => string;
  /** What else its environment holds. */
  environment?: Readonly<Record<string, string>>;
  /** Puts commands into `<root>/watch` that write down their arguments, and stand in for what this computer has not or must not do. */
  standIns: (root: string) => Promise<void>;
};

const unix = (os: "linux" | "macos", run: string) => ({
  os,
  program: SYSTEMS[os].program.slice(1),
  runner: SYSTEMS[os].runner.slice(1),
  run,
  seedFile: SYSTEMS[os].seedFile.slice(1),
  versionFile: "etc/mayfly/runner-version",
  listener: "bin/Runner.Listener",
  proof: "curl --config - ",
  command: (root: string) => [join(root, SYSTEMS[os].program)] as const,
});

export const LINUX: SystemRig = {
  ...unix("linux", "run/mayfly"),
  path: (root) => `${root}/watch:${process.env.PATH}`,
  standIns: async (root) => {
    for (const command of ["curl", "jq", "setpriv"]) await watched(root, command);
    const show = `device=\${@: -2:1}; cp -r "${root}/media/\${device##*/}/." "\${@: -1}"`;
    // Mounting a device shows what lies in `media/<its name>`, and fails without. See: config-drive.ts.
    await standIn(root, "mount", show);
    await standIn(root, "umount", 'rm -r "$1/"*');
    await standIn(root, "ip", "");
  },
};

/** What macOS has too; that options are BSD's as well is for bash32.test.ts to say. */
const MAC_TOOLS =
  `bash cat chmod cp date dd env grep id ln mkdir mkfifo mktemp mv ps rm sleep tail tar tr uname`.split(" ");

export const MACOS: SystemRig = {
  ...unix("macos", "var/run/mayfly"),
  // NB: not this computer's: a command that macOS has not must not be found.
  path: (root) => `${root}/watch:${root}/tools`,
  environment: { MAYFLY_SEED_SECONDS: "2" },
  standIns: async (root) => {
    await mkdir(join(root, "tools"));
    for (const tool of MAC_TOOLS) await symlink(await whereIs(tool), join(root, "tools", tool));
    await watched(root, "curl");
    await standIn(root, "route", "");
    // NB: the runner's stand-in asks it, too.
    const consoleUser = `[[ $1 == -f ]] || exec ${await whereIs("stat")} "$@"\ncat "${root}/console-user" 2>/dev/null || echo root`;
    await standIn(root, "stat", consoleUser);
    await standIn(root, "launchctl", 'shift 2; exec "$@"');
    await standIn(root, "shutdown", `echo off >>"${root}/offs"`);
    await standIn(root, "umount", 'rm -r "$1"');
    await standIn(root, "mount_virtiofs", `cp -r "${root}/shared/." "\${@: -1}"`);
    await standIn(root, "sudo", SUDO);
    // The runner is started with a PATH of its own, which has this folder.
    await mkdir(join(root, "usr/local/bin"));
    for (const command of ["sudo", "stat", "launchctl"])
      await symlink(join(root, "watch", command), join(root, "usr/local/bin", command));
  },
};

/**
 * In PowerShell 7, which Debian has not: MAYFLY_PWSH names one. What only Windows can do is done by test/rig/windows/system.ps1.
 * NB: no process of this program's makes calls to the controller, so there is nothing to watch but what runs the runner.
 */
export const PWSH = process.env.MAYFLY_PWSH ?? "";

export const WINDOWS: SystemRig = {
  os: "windows",
  program: "Program Files/Mayfly/mayfly-guest.ps1",
  runner: "actions-runner",
  run: "ProgramData/Mayfly/run",
  seedFile: "ProgramData/Mayfly/seed.json",
  versionFile: "ProgramData/Mayfly/runner-version",
  listener: "bin/Runner.Listener",
  proof: "Start-AsRunner ",
  command: (root) => [PWSH, "-NoProfile", "-NonInteractive", "-File", join(root, WINDOWS.program)],
  path: (root) => `${root}/watch:${process.env.PATH}`,
  environment: {
    HOME: "/tmp",
    POWERSHELL_TELEMETRY_OPTOUT: "1",
    MAYFLY_SEED_SECONDS: "2",
    MAYFLY_SYSTEM: fileURLToPath(new URL("../rig/windows", import.meta.url)),
  },
  standIns: async (root) => {
    await mkdir(join(root, "hook"));
    await cp(join(GUEST, "unix/job-started.sh"), join(root, "hook/job-started.sh"));
  },
};

/** sudo -n -E -u USER -- COMMAND … */
export const SUDO = `while [[ $1 != -- ]]; do [[ $1 != -u ]] || user=$2; shift; done; shift
exec /usr/bin/setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@"`;

/** As it lies when it was installed: all in one folder. */
export async function copyGuest(os: Os, to: string): Promise<void> {
  for (const folder of SYSTEMS[os].folders) await cp(join(GUEST, folder), to, { recursive: true });
}

export const script = (path: string, content: string): Promise<void> =>
  writeFile(path, `#!/bin/bash\n${content}\n`, { mode: 0o755 });

const logLine = (root: string, command: string): string => `echo "${command} $*" >>"${root}/watch/log"`;

export const standIn = (root: string, command: string, does: string): Promise<void> =>
  script(join(root, "watch", command), `${logLine(root, command)}\n${does}`);

/** Becomes the real one. */
const watched = async (root: string, command: string): Promise<void> =>
  standIn(root, command, `exec ${await whereIs(command)} "$@"`);

const whereIs = async (command: string): Promise<string> =>
  (await execa("sh", ["-c", `command -v ${command}`])).stdout;
