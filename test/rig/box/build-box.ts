import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";

/** A box as mayfly.yml names it. */
export type BuiltBox = { name: string; file: string; sha256: string };

/** Builds the box of a flavour, or finds it built already. See: build-box.sh. Rejects if it cannot be built. */
export async function buildBox(flavour: "tiny" | "systemd", tell: (text: string) => void): Promise<BuiltBox> {
  const child = spawn(join(import.meta.dirname, "build-box.sh"), [flavour], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let file = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    file = line;
  });
  createInterface({ input: child.stderr }).on("line", tell);
  const code = await new Promise((done, fail) => {
    child.once("close", done);
    child.once("error", fail);
  });
  if (code !== 0) throw new Error(`the box ${flavour} could not be built, see above`);
  return { name: `mayfly-rig/${flavour}`, file, sha256: await digestOf(file) };
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
