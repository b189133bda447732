import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import { execa } from "execa";
import { versionOf } from "../../../src/drivers/vagrant-box.ts";

/** A box as mayfly.yml names it. */
export type BuiltBox = { name: string; version: string; file: string; sha256: string };

/**
 * Builds one of the rig's boxes, or finds it built: a minute the first time, then seconds. `tell` hears what is being done.
 * See: build-box.sh for the flavours and for what it needs.
 */
export async function buildBox(
  flavour: "tiny" | "ssh" | "systemd",
  tell?: (text: string) => void,
): Promise<BuiltBox> {
  const file = await build(flavour, tell);
  const sha256 = await digestOf(file);
  return { name: `mayfly/${flavour}`, version: versionOf(sha256), file, sha256 };
}

/** Builds the rig's image for OpenStack, or finds it built: the path of a raw file, good for Nova's libvirt driver. */
export const buildCloudImage = (tell?: (text: string) => void): Promise<string> => build("cloud", tell);

async function build(flavour: string, tell: ((text: string) => void) | undefined): Promise<string> {
  const builder = execa({ stderr: "pipe", lines: true })(join(import.meta.dirname, "build-box.sh"), [
    flavour,
  ]);
  for await (const line of builder.iterable({ from: "stderr" })) tell?.(line);
  const { stdout } = await builder;
  return stdout.at(-1) ?? "";
}

/** A copy of a box whose kernel panics: the initial system that would mount its disk is empty. Made anew in `folder`. */
export async function breakBox({ file, name }: BuiltBox, folder: string): Promise<BuiltBox> {
  const inside = join(folder, "box");
  const broken = join(folder, "broken.box");
  await mkdir(inside, { recursive: true });
  await execa("tar", ["-xzf", file, "-C", inside]);
  await writeFile(join(inside, "initrd.gz"), gzipSync(""));
  await execa("tar", ["-C", inside, "-I", "gzip -1", "-cf", broken, "."]);
  const sha256 = await digestOf(broken);
  return { name: `${name}-broken`, version: versionOf(sha256), file: broken, sha256 };
}

/** The same of an image: the initial system is not there. It boots as far as the kernel's last words. */
export async function breakImage(file: string, folder: string): Promise<string> {
  const broken = join(folder, "broken.raw");
  await execa("cp", ["--sparse=always", file, broken]);
  await execa("debugfs", ["-w", "-R", "rm /boot/mayfly/initrd.gz", `${broken}?offset=${IMAGE_START}`]);
  await copyFile(`${file}.json`, `${broken}.json`);
  return broken;
}

/** Where the partition begins. See: build-box.sh. */
const IMAGE_START = 1024 * 1024;

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
