import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
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
  const build = execa({ stderr: "pipe", lines: true })(join(import.meta.dirname, "build-box.sh"), [flavour]);
  for await (const line of build.iterable({ from: "stderr" })) tell?.(line);
  const { stdout } = await build;
  const file = stdout.at(-1) ?? "";
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  const sha256 = hash.digest("hex");
  return { name: `mayfly/${flavour}`, version: versionOf(sha256), file, sha256 };
}
