import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { SetupError } from "../../src/ports.ts";
import { openKey } from "../../src/web/key.ts";

function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-key-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "web.key");
}

test("the key of cookies is made once, and only our own user can read it", async () => {
  const file = newFile();

  const first = await openKey(file);
  const second = await openKey(file);

  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(second).toBe(first);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("no two sites have the same key", async () => {
  expect(await openKey(newFile())).not.toBe(await openKey(newFile()));
});

test("a file that holds no key is told, with what to do", async () => {
  const file = newFile();
  writeFileSync(file, "");

  await expect(openKey(file)).rejects.toThrow(SetupError);
  await expect(openKey(file)).rejects.toThrow("Delete it");
});
