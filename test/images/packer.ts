import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";
import { onTestFinished } from "vitest";
import { PROJECT, sourcesOf } from "./sources.ts";

/** Runs Packer, which asks HashiCorp for newer versions of itself unless it is told not to. `all`: what it said, on either stream. */
export const packer = (words: readonly string[], cwd = process.cwd()) =>
  execa("packer", [...words], { cwd, reject: false, all: true, env: { CHECKPOINT_DISABLE: "1" } });

/** What Packer says of a folder, in one line where all is well. NB: its path is whole, for 1.6 loses its way in `..` from another. */
export async function validate(folder: string, options: readonly string[]): Promise<string> {
  const { all: said } = await packer(["validate", ...options, folder], folder);
  return said.trim();
}

const VALUES = {
  ...{
    name: "windows",
    system: "server",
    iso_url: "file:///dev/null",
    image_index: "2",
    evaluation_days: "180",
  },
  ...{ iso_checksum: `sha256:${"a".repeat(64)}`, drivers: "2k22", virtualbox_os: "Windows2022_64" },
  ...{
    target: "box",
    cd_folder: "scripts",
    build_password: "not-a-password",
    output_folder: "out",
    matlab_iso: "/srv/matlab.iso",
  },
};

export const WINDOWS_OPTIONS = Object.entries(VALUES).map(([name, value]) => `-var=${name}=${value}`);

/** Of what is made here; the other source signs in to a cloud even to be looked at. */
export const CLOUD_OPTIONS = [
  "-only=qemu.linux",
  ...["-var=family=spinw", "-var=source_url=file:///dev/null", `-var=source_checksum=${VALUES.iso_checksum}`],
];

/** With a folder such as vagrant/boxes/build.sh makes. */
export async function boxOptions(): Promise<string[]> {
  const work = await newFolder();
  await mkdir(join(work, "seed"));
  for (const name of ["seed/user-data", "seed/meta-data"]) await writeFile(join(work, name), "");
  await mkdir(join(work, "mayfly"));
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(work, "key")]);
  return [`-var=work=${work}`, "-var=output=linux.box"];
}

/** A template without the file that Debian's Packer cannot read, beside what templates take from other folders. */
export async function copyOf(folder: string): Promise<string> {
  const root = await newFolder();
  const to = join(root, folder);
  await mkdir(to, { recursive: true });
  for (const name of ["guest", "images"]) await symlink(join(PROJECT, name), join(root, name));
  for (const file of await templatesIn(folder))
    if (basename(file) !== "plugins.pkr.hcl") await cp(join(PROJECT, file), join(to, basename(file)));
  await cp(join(PROJECT, folder, "scripts"), join(to, "scripts"), { recursive: true }).catch(ifNone);
  return to;
}

const templatesIn = async (folder: string) =>
  (await sourcesOf(".pkr.hcl")).filter((file) => dirname(file) === folder);

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-packer-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

const ifNone = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "ENOENT") throw error;
};

type Change = (text: string) => string;
const asItIs: Change = (text) => text;

export async function copyOfBoxes(change = asItIs): Promise<string> {
  const folder = await copyOf("vagrant/boxes");
  await rewrite(join(folder, "linux.pkr.hcl"), change);
  return folder;
}

/** The template of clouds' images without what came after Packer 1.6.6. */
export async function reducedCloud(change = asItIs): Promise<string> {
  const folder = await copyOf("openstack");
  await rewrite(join(folder, "linux.pkr.hcl"), (text) =>
    change(text).replace(/^ {2}cd_content = \{[\s\S]*?\n {2}\}\n/m, ""),
  );
  return folder;
}

/**
 * The template of Windows without what came after Packer 1.6.6: fields, functions, and a provisioner that is a plug-in.
 * See: the field lists of packer-plugin-qemu and packer-plugin-virtualbox (config.hcl2spec.go, builder.hcl2spec.go), which have them.
 */
export async function reducedWindows(change = asItIs): Promise<string> {
  const folder = await copyOf("packer_windows");
  await rewrite(join(folder, "windows.pkr.hcl"), (text) =>
    change(text)
      .replace(/templatefile\([\s\S]*?\}\)/, '"an answer file"')
      .replace(/trimprefix\((.*?), "sha256:"\)/, "$1")
      .replace(/ {2}provisioner "windows-update" \{[\s\S]*?\n {2}\}\n/, "")
      .replaceAll(NEWER, ""),
  );
  await rewrite(join(folder, "variables.pkr.hcl"), (text) =>
    text.replace(/can\(regex\(.*, (var\.\w+)\)\)/, 'substr($1, 0, 7) == "sha256:"'),
  );
  return folder;
}

const rewrite = async (file: string, change: Change): Promise<void> =>
  await writeFile(file, change(await readFile(file, "utf8")));

/** NB: each by its whole name, so that one that is misspelt stays, and is found. */
const NEWER_FIELDS = [
  ...["efi_boot", "efi_firmware_code", "efi_firmware_vars", "efi_drop_efivars", "vtpm", "cd_content"],
  ...["sockets", "cores", "threads"],
  ...["firmware", "rtc_time_base", "nic_type", "gfx_controller", "gfx_vram_size"],
];
const NEWER = new RegExp(`^ +(${NEWER_FIELDS.join("|")}) += .*\\n`, "gm");
