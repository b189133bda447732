import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { readSettings } from "../../src/config.ts";
import { versionOf } from "../../src/drivers/vagrant-box.ts";
import { catalogueFile, changed, ENV } from "../config/file.ts";

const ADD = resolve(import.meta.dirname, "../../vagrant/boxes/add.sh");
const LIBVIRT = {
  "metadata.json": '{"provider": "libvirt", "format": "qcow2", "virtual_size": 20}',
  "box.img": "disk",
};
const OURS = { "info.json": '{"mayfly_os": "debian-12", "mayfly_runner_version": "2.337.0"}' };

/** Stands in for Vagrant: keeps what it was asked, and has the box that `listed` names. */
const VAGRANT = `#!/bin/bash
here=$(dirname "$0")
case "$1 $2" in
  "box list") cat "$here/listed" ;;
  "box add") echo "$*" >>"$here/added"; cp "\${!#}" "$here/added.json" ;;
  *) exit 1 ;;
esac
`;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-add-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "bin/vagrant"), VAGRANT);
  await chmod(join(folder, "bin/vagrant"), 0o755);
  await writeFile(join(folder, "bin/listed"), "");
});

/** A box file with these files in it. */
async function box(files: Record<string, string>, ...tar: string[]) {
  const inside = join(folder, "inside");
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(inside, name)), { recursive: true });
    await writeFile(join(inside, name), content);
  }
  const file = join(folder, "a.box");
  await execa("tar", ["-C", inside, ...tar, "-cf", file, "."]);
  return {
    file,
    sha256: createHash("sha256")
      .update(await readFile(file))
      .digest("hex"),
  };
}

const add = (sha256: string, file: string, name = "mayfly/debian-12") =>
  execa(ADD, ["--name", name, "--sha256", sha256, file], {
    reject: false,
    env: { PATH: `${join(folder, "bin")}:${process.env.PATH}` },
  });

const added = () => readFile(join(folder, "bin/added"), "utf8").catch(() => "");

describe("a box that is what it should be", () => {
  test.each([[["--gzip"]], [[]], [["--xz"]]])("is added, however it is packed: %j", async (packing) => {
    const { file, sha256 } = await box(LIBVIRT, ...packing);

    const { exitCode, stderr } = await add(sha256, file);

    expect(exitCode, stderr).toBe(0);
    expect(await added()).toContain("box add --provider libvirt ");
  });

  test("has the version that Mayfly gives it, and its digest is told to Vagrant", async () => {
    const { file, sha256 } = await box(LIBVIRT);

    await add(sha256.toUpperCase(), file);

    expect(JSON.parse(await readFile(join(folder, "bin/added.json"), "utf8"))).toEqual({
      name: "mayfly/debian-12",
      versions: [
        {
          version: versionOf(sha256),
          providers: [{ name: "libvirt", url: `file://${file}`, checksum_type: "sha256", checksum: sha256 }],
        },
      ],
    });
  });

  test("is not added a second time, and its lines are printed all the same", async () => {
    const { file, sha256 } = await box(LIBVIRT);
    const lines = [
      "ui,info,x",
      "box-name,mayfly/debian-12",
      "box-provider,libvirt",
      `box-version,${versionOf(sha256)}`,
    ];
    await writeFile(join(folder, "bin/listed"), lines.map((line) => `1,,${line}\n`).join(""));

    const { exitCode, stdout } = await add(sha256, file);

    expect(exitCode).toBe(0);
    expect(await added()).toBe("");
    expect(stdout).toContain(sha256);
  });

  test("is added when Vagrant has another version of it, or another box of its version", async () => {
    const { file, sha256 } = await box(LIBVIRT);
    const others = ["mayfly/debian-12 1.1", `mayfly/other ${versionOf(sha256)}`].map((line) =>
      line.split(" "),
    );
    const listed = others.map(
      ([name, version]) => `1,,box-name,${name}\n1,,box-provider,libvirt\n1,,box-version,${version}\n`,
    );
    await writeFile(join(folder, "bin/listed"), listed.join(""));

    await add(sha256, file);

    expect(await added()).not.toBe("");
  });

  test("makes lines that mayfly.yml takes as they are: a box of ours is prepared", async () => {
    const { file, sha256 } = await box({ ...LIBVIRT, ...OURS });

    const { stdout } = await add(sha256, file);

    const text = changed("images:\n", `images:\n${stdout}\n`);
    const image = readSettings({ file: catalogueFile(text), env: ENV }).catalogue.images[0];
    expect(image).toMatchObject({
      name: "debian-12",
      os: "linux",
      prepared: true,
      labels: ["self-hosted", "linux", "x64", "debian-12"],
      box: { name: "mayfly/debian-12", file, sha256 },
    });
  });

  // NB: one of ours with Windows: ../images/windows-box.images.ts.
  test("of somebody else is not prepared", async () => {
    const { file, sha256 } = await box(LIBVIRT);

    const { stdout } = await add(sha256, file, "mayfly/Server_2025");

    expect(parse(stdout)[0].prepared).toBeUndefined();
    expect(parse(stdout)[0].name).toBe("server-2025");
  });
});

describe("refused, and not added, is", () => {
  const expectRefusal = async (result: ReturnType<typeof add>, says: string) => {
    const { exitCode, stderr, stdout } = await result;

    expect(stderr).toContain(says);
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(await added()).toBe("");
  };

  test("a box with another digest", async () => {
    const { file, sha256 } = await box(LIBVIRT);

    await expectRefusal(add("0".repeat(64), file), `has the SHA-256 ${sha256}, not 0000`);
  });

  test.each(["", "0123", "z".repeat(64)])("a digest that is none: %j", async (digest) => {
    const { file } = await box(LIBVIRT);

    await expectRefusal(add(digest, file), "--sha256 is 64 hexadecimal digits");
  });

  test.each(["", "../x", "a/b/c", "a b", "a: b"])("a name that is none: %j", async (name) => {
    const { file, sha256 } = await box(LIBVIRT);

    await expectRefusal(add(sha256, file, name), "--name is a name as");
  });

  test("a file that is not there", async () => {
    await expectRefusal(add("0".repeat(64), join(folder, "nothing.box")), "there is no file");
  });

  test("a file that is no archive", async () => {
    const file = join(folder, "a.box");
    await writeFile(file, "<html>404</html>");
    const sha256 = createHash("sha256").update("<html>404</html>").digest("hex");

    await expectRefusal(add(sha256, file), "is no box: it is no archive");
  });

  test.each([
    ["without metadata", { "box.img": "disk" }, "has no metadata.json"],
    ["with metadata that are no JSON", { ...LIBVIRT, "metadata.json": "{" }, "is no JSON"],
    ["without a provider", { ...LIBVIRT, "metadata.json": "{}" }, "names the provider ''"],
    [
      "for a provider that nobody knows",
      { ...LIBVIRT, "metadata.json": '{"provider": "docker"}' },
      "names the provider 'docker'",
    ],
    ["without a disk", { "metadata.json": LIBVIRT["metadata.json"] }, "has no disk for libvirt"],
    [
      "with another provider's disk",
      { ...LIBVIRT, "metadata.json": '{"provider": "virtualbox"}' },
      "has no disk for virtualbox",
    ],
    [
      "that does not say how large its disk is",
      { ...LIBVIRT, "metadata.json": '{"provider": "libvirt", "format": "qcow2"}' },
      "does not say what disk",
    ],
    [
      "whose disk is raw",
      { ...LIBVIRT, "metadata.json": '{"provider": "libvirt", "format": "raw", "virtual_size": 2}' },
      "does not say what disk",
    ],
  ])("a box %s", async (_what, files, says) => {
    const { file, sha256 } = await box(files as Record<string, string>);

    await expectRefusal(add(sha256, file), says);
  });
});
