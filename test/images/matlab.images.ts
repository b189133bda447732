import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openRoot, type Root } from "./root.ts";

const RUNNER_ENV = "home/runner/actions-runner/.env";
const FOLDER = "usr/local/MATLAB/R2025b";
const KEY = "12345-12345-12345-12345";

/** Starts if it has a licence, by server or file, and tells its release. NB: as the runner's user, it can write nowhere else than home. */
const MATLAB = `#!/bin/sh
here=$(dirname "$(dirname "$(readlink -f "$0")")")
[ -n "$MLM_LICENSE_FILE" ] || ls "$here"/licenses/*.lic >/dev/null 2>&1 || { echo "License checkout failed. $(readlink "$here"/licenses/*)"; exit 1; }
[ "$(id -un)" = runner ] || { echo "not runner"; exit 1; }
echo "MAYFLY $(cat "$here/release")"
`;

/** Fails as often as the file /failures has lines, as mpm does now and then. */
const MPM = `#!/bin/bash
echo "$*" >>/mpm-calls
for argument; do case $argument in --destination=*) to=\${argument#*=} ;; esac; done
if [[ -s /failures ]]; then
  sed -i 1d /failures
  echo "connection reset" >"$TMPDIR/mathworks_root.log"
  echo "Error: Download failed."
  exit 1
fi
mkdir -p "$to/bin"
cp /matlab "$to/bin/matlab"
cp /matlab "$to/bin/mex"
echo 2025b >"$to/release"
`;

/**
 * A site's installer. It notes the key in its log and in one of its own, copies the licence it was given, and ends with 1 when all is
 * well. /kept-… are what those files hold when they were removed, and are on the disk still.
 */
const INSTALL = `#!/bin/bash
input=\${!#}
get() { sed -n "s/^$1=//p" "$input" | tail -n 1; }
keep() {
  exec {file}<"$1"
  {
    for ((try = 0; try < 1200; try++)); do [[ -e $1 ]] || break; sleep 0.05; done
    cat <&"$file" >"$2.new"
    mv "$2.new" "$2"
  } &
}
echo "$*" >/install-arguments
cp "$input" /install-input
echo "using the key $(get fileInstallationKey)" >"$(get outputFile)"
echo "$(get fileInstallationKey)" >"$TMPDIR/mathworks_root.log"
keep "$TMPDIR/mathworks_root.log" /kept-log
[[ ! -e /broken ]] || exit 0
to=$(get destinationFolder)
mkdir -p "$to/bin" "$to/licenses"
cp /matlab "$to/bin/matlab"
cp /matlab "$to/bin/mex"
echo 2025b >"$to/release"
[[ -z $(get licensePath) ]] || { cp "$(get licensePath)" "$to/licenses/network.lic"; keep "$to/licenses/network.lic" /kept-licence; }
exit 1
`;

const INPUT = `fileInstallationKey=${KEY}\nagreeToLicense=yes\ndestinationFolder=/somewhere/else\nproduct.MATLAB\n`;

let root: Root;

beforeAll(async () => {
  root = await openRoot();
  for (const step of ["10-base.sh", "20-guest.sh", "30-runner.sh"]) {
    const { exitCode, all } = await root.step(step, { MAYFLY_UPGRADE: "no" });
    expect(exitCode, all).toBe(0);
  }
  await root.put("matlab", MATLAB, 0o755);
  await root.put("mpm", MPM, 0o755);
  await root.put("medium/install", INSTALL, 0o755);
  await root.put("input.txt", INPUT, 0o600);
  await root.put("site.lic", "INCREMENT MATLAB MLM 48 permanent SIGN=secret\n", 0o600);
});
afterAll(() => root.close());

beforeEach(async () => {
  for (const path of [FOLDER, RUNNER_ENV, "etc/mayfly/matlab", "failures", "mpm-calls", "broken"])
    await rm(join(root.folder, path), { recursive: true, force: true });
});

const matlab = (more: Record<string, string> = {}) =>
  root.step("40-matlab.sh", {
    MATLAB_RELEASE: "R2025b",
    MATLAB_PACKAGES: "unzip",
    MATLAB_PAUSE_SECONDS: "0",
    MPM_URL: "file:///mpm",
    ...more,
  });

/** All that the image holds of this text, but where the test itself has put it. */
const holds = async (text: string): Promise<string> =>
  (
    await execa("grep", ["-rlF", "--", text, "etc", "home", "root", "run", "tmp", "usr/local", "var/log"], {
      cwd: root.folder,
      reject: false,
    })
  ).stdout;

describe("MATLAB by mpm", () => {
  test("is what was asked for, twice without a second download, and says that it was not started", async () => {
    const products = { MATLAB_PRODUCTS: "MATLAB Simulink", MATLAB_MPM_OPTIONS: "--no-gpu" };
    const first = await matlab(products);
    const second = await matlab(products);

    expect([first.exitCode, second.exitCode], `${first.all}${second.all}`).toEqual([0, 0]);
    expect(await root.read("mpm-calls")).toBe(
      `install --release=R2025b --destination=/${FOLDER} --no-gpu --products MATLAB Simulink\n`,
    );
    expect(second.all).toContain("R2025b was not started: no licence was given");
    expect(await root.read("etc/mayfly/matlab")).toContain("proof=was not started");
  });

  test("is asked for again when other products are wanted", async () => {
    await matlab();
    await matlab({ MATLAB_PRODUCTS: "MATLAB Simulink" });

    expect((await root.read("mpm-calls")).trim().split("\n")).toHaveLength(2);
  });

  test("is tried three times, and each failure shows its log", async () => {
    await root.put("failures", "1\n2\n");

    const { exitCode, all } = await matlab();

    expect(exitCode, all).toBe(0);
    expect(all?.match(/connection reset/g)).toHaveLength(2);
  });

  test("that fails three times fails the image", async () => {
    await root.put("failures", "1\n2\n3\n");

    const { exitCode, all } = await matlab();

    expect(exitCode).toBe(1);
    expect(all).toContain("mpm did not install R2025b in three tries");
    expect(await root.isThere("etc/mayfly/matlab")).toBe(false);
  });

  test("is not used when mpm is not the one that was pinned", async () => {
    const { exitCode, all } = await matlab({ MPM_SHA256: "0".repeat(64) });

    expect(exitCode).toBe(1);
    expect(all).toContain("it was not used");
    expect(await root.isThere("mpm-calls")).toBe(false);
  });

  test("is used when mpm is the one that was pinned", async () => {
    const { exitCode, all } = await matlab({ MPM_SHA256: createHash("sha256").update(MPM).digest("hex") });

    expect(exitCode, all).toBe(0);
  });
});

describe("a licence", () => {
  test("server is told to jobs, and proves that MATLAB starts as a job starts it", async () => {
    const { exitCode, all } = await matlab({ MATLAB_LICENSE_SERVER: "27000@licence.example.org" });

    expect(exitCode, all).toBe(0);
    expect(all).toContain("R2025b was started, and told its release");
    expect(await root.read(RUNNER_ENV)).toBe("MLM_LICENSE_FILE=27000@licence.example.org\n");
  });

  test("server that is no longer given is no longer told", async () => {
    await matlab({ MATLAB_LICENSE_SERVER: "27000@licence.example.org" });
    await matlab();

    expect(await root.read(RUNNER_ENV)).toBe("");
  });

  test("file proves it, and is not in the image afterwards", async () => {
    const { exitCode, all } = await matlab({ MATLAB_LICENSE_FILE: "/site.lic" });

    expect(exitCode, all).toBe(0);
    expect(all).toContain("R2025b was started");
    expect(await holds("SIGN=secret")).toBe("");
  });

  test("file that does not stay is in memory only, also while MATLAB is started", async () => {
    await root.put(
      "matlab",
      MATLAB.replace('[ -n "$MLM_LICENSE_FILE" ]', "false ||").replace("|| ls", "! ls"),
      0o755,
    );
    const { all } = await matlab({ MATLAB_LICENSE_FILE: "/site.lic" });
    await root.put("matlab", MATLAB, 0o755);

    expect(all).toMatch(/^License checkout failed\. \/run\/mayfly-matlab\.\w+\/mayfly\.lic$/m);
    expect(await holds("SIGN=secret")).toBe("");
  });

  test("file stays if it is meant to", async () => {
    await matlab({ MATLAB_LICENSE_FILE: "/site.lic", MATLAB_KEEP_LICENSE: "yes" });

    expect(await holds("SIGN=secret")).toBe(`${FOLDER}/licenses/mayfly.lic`);
  });

  test("that does not let MATLAB start fails the image, and shows what MATLAB said", async () => {
    await root.put("matlab", MATLAB.replace('[ -n "$MLM_LICENSE_FILE" ]', "false"), 0o755);
    const { exitCode, all } = await matlab({ MATLAB_LICENSE_SERVER: "27000@licence.example.org" });
    await root.put("matlab", MATLAB, 0o755);

    expect(exitCode).toBe(1);
    expect(all).toContain("License checkout failed.");
  });

  test("server that cannot be reached from here need not be tried, and that is noted", async () => {
    const { all } = await matlab({ MATLAB_LICENSE_SERVER: "27000@licence.example.org", MATLAB_PROVE: "no" });

    expect(all).toContain("was not started: MATLAB_PROVE=no");
  });
});

describe("MATLAB from a site's medium", () => {
  const medium = { MATLAB_ISO: "/medium", MATLAB_INPUT_FILE: "/input.txt" };

  test("is there when its program is, whatever the installer's exit code", async () => {
    const { exitCode, all } = await matlab({ ...medium, MATLAB_LICENSE_FILE: "/site.lic" });

    expect(exitCode, all).toBe(0);
    expect(all).toContain("R2025b was started");
  });

  test("goes where it belongs, and leaves neither key nor licence", async () => {
    const { all } = await matlab({ ...medium, MATLAB_LICENSE_FILE: "/site.lic" });

    expect(await root.read("install-input")).toMatch(
      new RegExp(
        `^fileInstallationKey=${KEY}\nagreeToLicense=yes\nproduct.MATLAB\nlicensePath=/site.lic\ndestinationFolder=/${FOLDER}\n`,
      ),
    );
    expect(await root.read("install-arguments")).not.toContain(KEY);
    expect(all).not.toContain(KEY);
    expect(await holds(KEY)).toBe("");
    expect(await holds("SIGN=secret")).toBe("");
  });

  test("overwrites what the installer wrote down of key and licence, before it is removed", async () => {
    const kept = ["kept-log", "kept-licence"];
    for (const path of kept) await rm(join(root.folder, path), { force: true });

    await matlab({ ...medium, MATLAB_LICENSE_FILE: "/site.lic" });

    for (const path of kept) await expect.poll(() => root.isThere(path), { timeout: 10_000 }).toBe(true);
    expect(await root.read("kept-log")).not.toContain(KEY);
    expect(await root.read("kept-licence")).not.toContain("SIGN=secret");
  });

  test("that leaves no program fails the image, and shows the installer's log without the key", async () => {
    await root.put("broken", "");

    const { exitCode, all } = await matlab(medium);

    expect(exitCode).toBe(1);
    expect(all).toContain("using the key (key)");
    expect(all).not.toContain(KEY);
  });

  test("is not installed for somebody who has not agreed to the licence", async () => {
    await root.put("input.txt", INPUT.replace("agreeToLicense=yes", "agreeToLicense=no"), 0o600);
    const { exitCode, all } = await matlab(medium);
    await root.put("input.txt", INPUT, 0o600);

    expect(exitCode).toBe(1);
    expect(all).toContain("only you can agree");
  });

  test("that has another digest is not opened", async () => {
    await root.put("srv/matlab.iso", "another");

    const { exitCode, all } = await matlab({
      ...medium,
      MATLAB_ISO: "/srv/matlab.iso",
      MATLAB_ISO_SHA256: "0".repeat(64),
    });

    expect(exitCode).toBe(1);
    expect(all).toContain("it was not used");
  });

  test("can be a file, and is let go of again", async (context) => {
    const canMount = (await readFile("/proc/filesystems", "utf8")).includes("iso9660");
    const { exitCode: missing } = await execa("which", ["genisoimage"], { reject: false });
    context.skip(!canMount || missing !== 0, "this machine can make or mount no such file");
    await rm(join(root.folder, "srv/matlab.iso"), { force: true });
    await execa("genisoimage", ["-quiet", "-R", "-o", "srv/matlab.iso", "medium"], { cwd: root.folder });

    const { exitCode, all } = await matlab({ ...medium, MATLAB_ISO: "/srv/matlab.iso" });

    expect(exitCode, all).toBe(0);
    expect((await execa("losetup", ["--associated", join(root.folder, "srv/matlab.iso")])).stdout).toBe("");
  });
});

test.each([
  ["a release that is none", { MATLAB_RELEASE: "2025" }, "is written as R2025b"],
  ["a server without a port", { MATLAB_LICENSE_SERVER: "licence.example.org" }, "is written as 27000@"],
  ["a server with more in its name", { MATLAB_LICENSE_SERVER: "27000@a\nPATH=/x" }, "is written as 27000@"],
  ["a licence that is not there", { MATLAB_LICENSE_FILE: "/nowhere" }, "there is no licence"],
  ["two licences", { MATLAB_LICENSE_FILE: "/site.lic", MATLAB_LICENSE_SERVER: "1@a" }, "not both"],
])("%s is refused before anything is done", async (_what, variables, says) => {
  const { exitCode, all } = await matlab(variables);

  expect(exitCode).toBe(1);
  expect(all).toContain(says);
  expect(await root.isThere("mpm-calls")).toBe(false);
});
