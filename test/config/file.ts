import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { readSettings } from "../../src/config.ts";
import { SetupError } from "../../src/ports.ts";

/** A small catalogue without faults. Tests change a line of it. */
export const GOOD = `controller: lab
guests: { url: https://192.168.121.1:8443 }
hosts:
  - name: lab1
    machines: 4
    cpus: 8
    memory: 16 GiB
images:
  - name: linux
    os: linux
    labels: [self-hosted, linux, x64, spinw-linux]
    box: { name: debian/bookworm64 }
  - name: matlab
    os: linux
    labels: [self-hosted, linux, x64, spinw-matlab]
    box: { name: mayfly/matlab }
repositories:
  - name: SpinW/spinw
    images: [linux, matlab]
`;

export const PEM = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({
  type: "pkcs1",
  format: "pem",
});

/** An environment without faults. */
export const ENV = { APP_ID: "42", PRIVATE_KEY: String(PEM), WEBHOOK_SECRET: "0123456789abcdef" };

/** Writes a catalogue into a folder of its own, and answers its path. */
export function catalogueFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "mayfly.yml");
  writeFileSync(file, text);
  return file;
}

/** `GOOD` with one text in place of another, which must be there. */
export function changed(from: string, to: string): string {
  if (!GOOD.includes(from)) throw new Error(`the good catalogue has no ${from}`);
  return GOOD.replace(from, to);
}

/** What is written in place of what, and the sentences for it. FOLDER stands for the folder of mayfly.yml. */
export type FaultRow = [claim: string, from: string, to: string, ...sentences: string[]];

/** The sentences about a catalogue. */
export function faultsOf(text: string): string[] {
  const file = catalogueFile(text);
  try {
    readSettings({ file, env: {} });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return error.message.replaceAll(dirname(file), "FOLDER").split("\n");
  }
  return [];
}
