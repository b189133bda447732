import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Os, SYSTEMS, type System } from "../../src/core/systems.ts";

/**
 * Scripts in a VM cannot ask the table of systems: what it says is written out in them, and must be the same. Windows' own are in
 * windows.test.ts.
 */
const ROOT = `\${MAYFLY_ROOT:-}`;
const WRITTEN_OUT: readonly [Os, string, (system: System) => string][] = [
  ["linux", "guest/linux/install-guest.sh", ({ program }) => `readonly target=${folderOf(program)}\n`],
  ["linux", "guest/linux/mayfly-guest.service", ({ program }) => `ExecStart=${program}\n`],
  ["linux", "guest/linux/install-runner.sh", ({ runner }) => `home=${ROOT}${folderOf(runner)}\n`],
  ["linux", "guest/linux/self-test", ({ runner }) => `runner=$root${runner} `],
  ["linux", "guest/linux/system.sh", ({ runner }) => `home=$root${folderOf(runner)}\n`],
  ["linux", "guest/linux/seed.sh", ({ seedFile }) => `$root${seedFile}}`],
  ["linux", "vagrant/bootstrap_linux.sh", placesOfBootstrap],
  ["macos", "guest/macos/install-guest.sh", ({ program }) => `target=$root${folderOf(program)} `],
  ["macos", "guest/macos/dev.mayfly.guest.plist", ({ program }) => `<string>${program}</string>`],
  ["macos", "guest/macos/install-runner.sh", ({ runner }) => `home=${ROOT}${folderOf(runner)}\n`],
  ["macos", "guest/macos/system.sh", ({ runner }) => `home=$root${folderOf(runner)}\n`],
  ["macos", "guest/macos/seed.sh", ({ seedFile }) => `$root${seedFile}}`],
  ["macos", "vagrant/bootstrap_macos.sh", placesOfBootstrap],
];

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

function placesOfBootstrap({ upload, seedFile }: System): string {
  return `readonly from=${upload} seed=${seedFile}`;
}

const read = (file: string): string => readFileSync(file, "utf8");

test.each(WRITTEN_OUT)("%s: %s has the places of the table of systems", (os, file, text) => {
  expect(read(file)).toContain(text(SYSTEMS[os]));
});

test("the runner's folder has the name that the guest of Linux and macOS gives it", () => {
  for (const os of ["linux", "macos"] as const)
    expect(SYSTEMS[os].runner.slice(folderOf(SYSTEMS[os].runner).length)).toBe("/actions-runner");
  for (const file of ["guest/unix/install-runner.sh", "guest/unix/mayfly-guest"])
    expect(read(file)).toContain("$home/actions-runner");
});

const FIRST_LINE = { bash: /^#!\/usr\/bin\/env bash\n/, powershell: /^# Purpose: / };
const ENDING = { bash: ".sh", powershell: ".ps1" };

test.each(Object.entries(SYSTEMS))(
  "the scripts of %s are of the shell that the table names",
  (_os, { shell, folders, program, bootstrap }) => {
    const own = folders.at(-1);
    const name = program.replace(/^.*[/\\]/, "");
    const installers = ["install-guest", "install-runner"].map(
      (one) => `guest/${own}/${one}${ENDING[shell]}`,
    );

    for (const file of [`guest/${folders[0]}/${name}`, `vagrant/${bootstrap}`, ...installers])
      expect(read(file)).toMatch(FIRST_LINE[shell]);
  },
);
