import { link, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { beforeEach, expect, onTestFinished, test } from "vitest";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-shred-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, "image"));
});

const at = (name: string) => join(folder, name);

/** As the last step of an image does it. */
const shredFiles = (...paths: string[]) =>
  execa("bash", ["--norc", "-euo", "pipefail", "-c", 'source "$LIB"; shred_files "$@"', "bash", ...paths], {
    reject: false,
    env: { LIB: resolve("images/linux/lib.sh") },
  });

test("a file that was handed in by a link is removed, and keeps its content where it is somebody's", async () => {
  await writeFile(at("mine.lic"), "a licence");
  await link(at("mine.lic"), at("image/site.lic"));

  const { exitCode, stderr } = await shredFiles(at("image/site.lic"));

  expect(exitCode, stderr).toBe(0);
  expect(stderr).toContain("has another name, too");
  expect(await readFile(at("mine.lic"), "utf8")).toBe("a licence");
  expect(await readdir(at("image"))).toEqual([]);
});

test("a file with two names is overwritten when both of them go", async () => {
  await writeFile(at("image/one"), "a secret");
  await link(at("image/one"), at("image/two words"));
  const file = await open(at("image/one"));
  onTestFinished(() => file.close());

  await shredFiles(at("image"));

  expect(await readdir(at("image"))).toEqual([]);
  expect(await file.readFile("utf8")).not.toContain("secret");
});

test("what is not there is no failure, and what cannot be overwritten is one", async () => {
  await writeFile(at("image/one"), "a secret");
  await writeFile(at("shred"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const { exitCode: gone } = await shredFiles(at("nowhere"));

  const { exitCode } = await execa(
    "bash",
    ["--norc", "-euo", "pipefail", "-c", 'source "$LIB"; shred_files "$1"; echo on', "bash", at("image")],
    {
      reject: false,
      env: { LIB: resolve("images/linux/lib.sh"), PATH: `${folder}:${process.env.PATH}` },
    },
  );

  expect(gone).toBe(0);
  expect(exitCode).toBe(1);
});
