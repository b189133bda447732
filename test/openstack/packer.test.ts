import { access, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { packer } from "../images/packer.ts";

const FOLDER = resolve("openstack");

let files: Record<string, string>;

beforeAll(async () => {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith(".pkr.hcl"));
  files = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(FOLDER, name), "utf8")] as const)),
  );
});

const file = (name: string): string => files[name] ?? "";

/** The text of a block, from its first line to the brace that closes it. */
const blocks = (text: string, kind: RegExp): string[] =>
  text.split(/^(?=\S)/m).filter((block) => kind.test(block));

describe("the template", () => {
  test("pins each plugin that a source needs to one version", () => {
    const pinned = [
      ...file("plugins.pkr.hcl").matchAll(
        /^ {4}(\w+) = \{\n\s+source\s+= "[^"]+"\n\s+version = "= \d+\.\d+\.\d+"\n/gm,
      ),
    ];
    const needed = [...file("linux.pkr.hcl").matchAll(/^source "(\w+)"/gm)];

    expect(pinned.map(([, name]) => name).sort()).toEqual(needed.map(([, name]) => name).sort());
    expect(needed).toHaveLength(2);
  });

  test("has no variable for a secret, and no password that is written down", () => {
    const names = [...file("variables.pkr.hcl").matchAll(/^variable "(\w+)"/gm)].map(
      ([, name]) => name ?? "",
    );

    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => /pass|secret|token|key|credential/.test(name))).toEqual([]);
    expect(file("linux.pkr.hcl")).toContain("password = uuidv4()");
    for (const [, value] of file("linux.pkr.hcl").matchAll(/(?<!lock_)passw\w*\s*=\s*(.+)/g))
      expect(value).toMatch(/^(uuidv4\(\)|local\.password)$/);
  });

  test("says what each variable is that has to be given", () => {
    const silent = blocks(file("variables.pkr.hcl"), /^variable/).filter(
      (block) => !block.includes("default") && !block.includes("description"),
    );

    expect(silent).toEqual([]);
  });

  test("uses no variable that is not there", () => {
    const used = new Set([...file("linux.pkr.hcl").matchAll(/var\.(\w+)/g)].map(([, name]) => name));
    const known = [...file("variables.pkr.hcl").matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name);

    expect([...used].sort()).toEqual(known.sort());
  });

  test("runs scripts that are there, hardens and cleans last, and nothing is tidied up by an account that is gone", async () => {
    const steps = [
      ...file("linux.pkr.hcl").matchAll(/\$\{local\.folder\}\/(images\/linux\/[\w.-]+\.sh)/g),
    ].map(([, path]) => path ?? "");
    const scripts = [...file("linux.pkr.hcl").matchAll(/\$\{path\.root\}\/([\w-]+\.sh)/g)].map(
      ([, name]) => `openstack/${name}`,
    );

    for (const path of [...steps, ...scripts]) await access(path);
    expect(steps).toEqual(["images/linux/all.sh", "images/linux/80-harden.sh", "images/linux/90-clean.sh"]);
    const [, last] = file("linux.pkr.hcl").split("80-harden.sh 90-clean.sh");
    expect(last).toContain("skip_clean        = true");
  });
});

describe("Packer itself", () => {
  /** NB: Debian's is 1.6, which knows neither required_plugins nor cd_content. */
  async function understood(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "mayfly-packer-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    for (const name of Object.keys(files))
      if (name !== "plugins.pkr.hcl") await symlink(join(FOLDER, name), join(folder, name));
    return folder;
  }

  const hasPacker = async () => (await execa("which", ["packer"], { reject: false })).exitCode === 0;

  test("understands the template's syntax", async (context) => {
    context.skip(!(await hasPacker()), "packer is not installed");

    const { exitCode, all } = await packer([
      ...["validate", "-syntax-only", "-var", "family=spinw", await understood()],
    ]);

    expect(exitCode, all).toBe(0);
  });

  test("finds the files written as it would write them", async (context) => {
    context.skip(!(await hasPacker()), "packer is not installed");

    for (const name of Object.keys(files)) {
      const { exitCode, stdout } = await packer(["fmt", "-check", "-diff", join(FOLDER, name)]);
      expect(exitCode, stdout).toBe(0);
    }
  });
});
