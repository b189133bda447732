import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { factsOf } from "../../src/drivers/box-facts.ts";

const BOXES = resolve(import.meta.dirname, "../../vagrant/boxes");

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-make-"));
  onTestFinished(() => rm(folder, { recursive: true }));
});

/** In an environment that has no VirtualBox. */
async function make(script: string, args: readonly string[]) {
  const answer = await execa(join(BOXES, script), args, {
    reject: false,
    extendEnv: false,
    env: { PATH: "/usr/bin:/bin", TMPDIR: folder },
  });
  const isMade = await stat(join(folder, "a.box")).catch(() => undefined);
  return { ...answer, isMade: isMade !== undefined };
}

test.each(["add.sh", "debian.sh", "build.sh"])("%s --help says how it is used", async (script) => {
  const { exitCode, stdout, stderr } = await make(script, ["--help"]);

  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(new RegExp(`^Purpose: [\\s\\S]*\\nInput: ${script} --[\\s\\S]*\\nResult: .*\\n?`));
});

test("a box has its disk last, so that what it says of itself is found without reading it", async () => {
  const [released, inside] = ["2026-08-26", join(folder, "inside")];
  await mkdir(inside);
  await writeFile(join(inside, "info.json"), JSON.stringify({ mayfly_runner_released_at: released }));
  await writeFile(join(inside, "box.img"), randomBytes(2 ** 20));
  const box = join(folder, "a.box");

  await execa("bash", ["-ec", 'source "$1/lib.sh"; pack_box "$2" 20 "$3"', "bash", BOXES, inside, box]);

  const { stdout } = await execa("tar", ["--list", "--file", box]);
  expect(stdout.split("\n")).toEqual(["info.json", "metadata.json", "box.img"]);
  expect(await factsOf(box)).toEqual({ runnerReleasedAt: Date.parse(released) });
});

describe("refused, before anything is done, is", () => {
  test.each([
    ["debian.sh", [], "--output is missing"],
    ["debian.sh", ["--output"], "--output needs a value"],
    ["debian.sh", ["--output", "a.box", "--size", "20G"], "--size is a number of GiB, not '20G'"],
    ["debian.sh", ["--output", "a.box", "--size", "0"], "--size is a number of GiB"],
    ["debian.sh", ["--output", "a.box", "--siez", "4"], "knows no --siez"],
    ["build.sh", ["--output", "a.box"], "--for is libvirt or virtualbox"],
    ["build.sh", ["--for", "hyperv", "--output", "a.box"], "--for is libvirt or virtualbox"],
    ["build.sh", ["--for", "libvirt"], "--output is missing"],
    [
      "build.sh",
      ["--for", "libvirt", "--output", "a.box", "--base", "fedora"],
      "--base is debian-12 or ubuntu-24.04",
    ],
    ["build.sh", ["--for", "libvirt", "--output", "a.box", "--base", "debian-99"], "has no debian-99"],
    ["build.sh", ["--for", "virtualbox", "--output", "a.box"], "is missing. Install it first"],
  ])("%s %j", async (script, args, says) => {
    const { exitCode, stderr, isMade } = await make(
      script,
      args.map((arg) => arg.replace("a.box", join(folder, "a.box"))),
    );

    expect(stderr).toContain(says);
    expect([exitCode, isMade]).toEqual([1, false]);
  });
});

/** In place of the steps: overwrites what it was handed, as 90-clean.sh does, and notes how many names the medium has. */
const OVERWRITES = `#!/bin/bash
for name in MATLAB_INPUT_FILE MATLAB_LICENSE_FILE MAYFLY_RUNNER_LOCK; do
  printf 0000 >"$6/tmp/mayfly-build/files/$name"
done
stat --format=%h "$6/tmp/mayfly-build/files/MATLAB_ISO" >"$TMPDIR/names"
exit 1
`;
/** A Debian that is empty. */
const UNPACKS = `#!/bin/bash
mkdir -p "$TMPDIR/debian"/{etc,tmp}
tar --create --file "\${!#}" --directory "$TMPDIR/debian" .
`;

test.runIf(process.getuid?.() === 0)(
  "what a caller hands in to debian.sh is the caller's still, whatever the steps do to it",
  async () => {
    const bin = join(folder, "bin");
    await mkdir(bin);
    const tools = { unshare: OVERWRITES, mmdebstrap: UNPACKS };
    for (const tool of ["mkfs.ext4", "sfdisk", "grub-mkimage", "qemu-img", "jq"])
      Object.assign(tools, { [tool]: "#!/bin/sh\n" });
    for (const [name, text] of Object.entries(tools)) await writeFile(join(bin, name), text);
    for (const name of Object.keys(tools)) await chmod(join(bin, name), 0o755);
    const given = ["MATLAB_INPUT_FILE", "MATLAB_LICENSE_FILE", "MAYFLY_RUNNER_LOCK", "MATLAB_ISO"];
    for (const name of given) await writeFile(join(folder, name), `my ${name}`);

    const { exitCode, stderr } = await execa(join(BOXES, "debian.sh"), ["--output", join(folder, "a.box")], {
      reject: false,
      extendEnv: false,
      env: {
        PATH: `${bin}:/usr/bin:/bin`,
        TMPDIR: folder,
        ...Object.fromEntries(given.map((name) => [name, join(folder, name)])),
      },
    });

    expect(exitCode, stderr).toBe(1);
    for (const name of given) expect(await readFile(join(folder, name), "utf8")).toBe(`my ${name}`);
    expect(await readFile(join(folder, "names"), "utf8")).toBe("2\n");
  },
);
