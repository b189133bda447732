import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { onTestFinished } from "vitest";
import { PROJECT } from "./sources.ts";

const BUILD = join(PROJECT, "packer_windows/build.sh");

/**
 * Stands in for Packer: notes how it was called and what lies on the second CD, and leaves what Packer would. `broken` in its folder: it
 * fails half-way. `version` in its folder: what it says of itself.
 */
const PACKER = `#!/bin/bash
set -euo pipefail
state=$(dirname "$0")/../state
case $1 in
  version) cat "$state/version"; exit ;;
  init) exit ;;
esac
printf '%s\\n' "$@" >"$state/arguments"
printf '%s' "\${PKR_VAR_build_password:-}" >"$state/password"
for argument; do
  case $argument in
    cd_folder=*) cd=\${argument#*=} ;;
    output_folder=*) out=\${argument#*=} ;;
    -only=*) only=\${argument#*=} ;;
  esac
done
(cd "$cd" && find . -type f | sort) >"$state/cd"
echo "$cd" >"$state/cd-folder"
[[ ! -e $state/broken ]] || { echo "Build 'qemu.windows' errored"; exit 1; }
mkdir "$out" "$out-facts"
cp "$state"/facts/*.json "$out-facts/"
if [[ $only == qemu.windows ]]; then qemu-img create -q -f qcow2 "$out/windows-test.qcow2" 3G; exit; fi
echo '<Adapter slot="0" enabled="true" MACAddress="080027A1B2C3" type="82540EM">' >"$out/windows-test.ovf"
echo disk >"$out/windows-test-disk001.vmdk"
`;

export const FACTS = {
  mayfly_runner_version: "2.337.0",
  mayfly_runner_released_at: "2026-08-26",
  mayfly_built_at: "2026-11-27T04:00:00Z",
  mayfly_os: "windows-server-2022-standard-evaluation",
  mayfly_expires_at: "2027-05-26T04:00:00Z",
};
export const EXPIRY = {
  edition: "ServerStandardEval",
  builtAt: "2026-11-27T04:00:00Z",
  evaluationDays: 180,
  rearmsLeft: 5,
  expiresAt: "2027-05-26T04:00:00Z",
};

export type Bench = Awaited<ReturnType<typeof openBench>>;

/** build.sh with a stand-in for Packer, and small files in place of all media. */
export async function openBench() {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-windows-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const state = join(folder, "state");
  const at = (name: string) => join(folder, name);
  for (const part of ["bin", "state/facts", "tmp", "from"]) await mkdir(at(part), { recursive: true });
  await writeFile(at("bin/packer"), PACKER);
  await chmod(at("bin/packer"), 0o755);
  await writeFile(at("state/version"), "Packer v1.15.0\n");
  await writeFile(at("state/facts/image.json"), JSON.stringify(FACTS));
  await writeFile(at("state/facts/expiry.json"), JSON.stringify(EXPIRY));
  const locks = await layOutMedia(at("from"));
  const iso = at("windows.iso");
  await writeFile(iso, "Windows' medium");
  await writeFile(at("windows.pkrvars.hcl"), variables(iso, sha256("Windows' medium")));
  const env = {
    ...{ PATH: `${at("bin")}:${process.env.PATH}`, TMPDIR: at("tmp"), MAYFLY_MEDIA: at("media") },
    ...{
      MAYFLY_MEDIA_LOCK: locks.media,
      MAYFLY_RUNNER_LOCK: locks.runner,
      MAYFLY_RUNNER_MIRROR: `file://${at("from")}`,
    },
  };

  const run = (args: readonly string[], more: Record<string, string> = {}) =>
    execa(BUILD, args, { reject: false, cwd: folder, env: { ...env, ...more } });

  return {
    folder,
    iso,
    output: at("out"),
    /** Runs build.sh in our folder; an exit code other than 0 is an answer. */
    run,
    /** The same with our small variables file. */
    build: (args: readonly string[] = [], more?: Record<string, string>) =>
      run(["-var-file", at("windows.pkrvars.hcl"), "--output", at("out"), ...args], more),
    tell: (name: "broken" | "version", text: string) => writeFile(join(state, name), text),
    /** What the stand-in has noted. */
    noted: (name: "arguments" | "cd" | "cd-folder" | "password") =>
      readFile(join(state, name), "utf8").catch(() => ""),
    put: async (name: string, text: string) => {
      await writeFile(at(name), text);
      return at(name);
    },
    /** A program on the PATH that only has to be there, or does what is given. */
    install: (name: string, deed = "") =>
      writeFile(at(`bin/${name}`), `#!/bin/bash\n${deed}\n`, { mode: 0o755 }),
    /** What is left in the folder for what lives as long as a build. */
    leftovers: () => readdir(at("tmp")),
    fetched: async () =>
      (await readdir(at("media"), { recursive: true })).filter((name) => name.includes("/")),
  };
}

export const sha256 = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");

const variables = (iso: string, digest: string): string => `# a test's
name            = "windows-test"
system          = "server"
iso_url         = "${iso}"
iso_checksum    = "sha256:${digest}"
image_index     = 2
evaluation_days = 180
drivers         = "2k22"
virtualbox_os   = "Windows2022_64"
accelerator     = "tcg"
`;

/** A medium of drivers that holds what we take of the real one, and small files in place of installers; with lock files for them. */
async function layOutMedia(folder: string): Promise<{ media: string; runner: string }> {
  const tree = join(folder, "tree");
  for (const driver of ["vioscsi", "viostor", "NetKVM"])
    for (const system of ["2k22", "w11"]) {
      await mkdir(join(tree, driver, system, "amd64"), { recursive: true });
      await writeFile(join(tree, driver, system, "amd64", `${driver}.inf`), `${driver} for ${system}`);
    }
  await writeFile(join(tree, "virtio-win-guest-tools.exe"), "tools");
  await execa("xorriso", [
    "-as",
    "mkisofs",
    "-quiet",
    "-J",
    "-R",
    "-o",
    join(folder, "virtio-win.iso"),
    tree,
  ]);
  const media: Record<string, { version: string; url: string; sha256: string }> = {};
  for (const name of ["virtio-win", "openssh", "git", "powershell", "cloudbase-init"]) {
    const file = join(folder, name === "virtio-win" ? "virtio-win.iso" : `${name}.bin`);
    if (name !== "virtio-win") await writeFile(file, name);
    media[name] = { version: "1", url: `file://${file}`, sha256: sha256(await readFile(file)) };
  }
  await writeFile(join(folder, "actions-runner-win-x64.zip"), "a runner");
  const archives = { "win-x64": { file: "actions-runner-win-x64.zip", sha256: sha256("a runner") } };
  await writeFile(join(folder, "media.lock.json"), JSON.stringify(media));
  await writeFile(join(folder, "runner.lock.json"), JSON.stringify({ version: "2.337.0", archives }));
  return { media: join(folder, "media.lock.json"), runner: join(folder, "runner.lock.json") };
}
