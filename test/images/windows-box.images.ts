import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { PROJECT } from "./sources.ts";
import { type Bench, FACTS, openBench } from "./windows-bench.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});

describe("a box with Windows", () => {
  test("says what it is, right after its date", async () => {
    const box = await built();

    expect((await filesIn(box)).slice(0, 2)).toEqual(["expiry.json", "info.json"]);
    expect(JSON.parse(await fileIn(box, "info.json"))).toEqual(FACTS);
  });

  test("is taken for a prepared Windows by add.sh, whatever it is called", async () => {
    const box = await built();
    const digest = (await readFile(`${box}.sha256`, "utf8")).trim();

    const { stdout } = await execa(
      join(PROJECT, "vagrant/boxes/add.sh"),
      ["--name", "mayfly/licensed-2022", "--sha256", digest, box],
      { env: vagrant() },
    );

    expect(parse(stdout)).toEqual([
      {
        ...{ name: "licensed-2022", os: "windows", prepared: true },
        labels: ["self-hosted", "windows", "x64", "licensed-2022"],
        box: { name: "mayfly/licensed-2022", file: box, sha256: digest },
      },
    ]);
  });
});

describe("a VM of a box", () => {
  test("has a TPM if Windows was built with one", async () => {
    await bench.install("swtpm");
    const vagrantfile = await fileIn(await built(["-var", "tpm=true"]), "Vagrantfile");

    expect(vagrantfile.match(/libvirt\.tpm_.*/g)).toEqual([
      ...['libvirt.tpm_model = "tpm-crb"', 'libvirt.tpm_type = "emulator"', 'libvirt.tpm_version = "2.0"'],
    ]);
    expect(await validated(vagrantfile)).toContain("Vagrantfile validated successfully.");
  });

  test("has none if not", async () => {
    const vagrantfile = await fileIn(await built(), "Vagrantfile");

    expect(vagrantfile).not.toContain("tpm");
    expect(await validated(vagrantfile)).toContain("Vagrantfile validated successfully.");
  });

  test("has one on VirtualBox, too", async () => {
    await bench.install("VBoxManage");
    const vagrantfile = await fileIn(
      await built(["--builder", "virtualbox", "-var", "tpm=true"]),
      "Vagrantfile",
    );

    expect(vagrantfile).toContain('machine.customize ["modifyvm", :id, "--tpm-type", "2.0"]');
    await execa("ruby", ["-c"], { input: vagrantfile });
  });
});

test("the real Vagrant finds a setting that vagrant-libvirt does not know", async () => {
  const vagrantfile = await fileIn(await built(), "Vagrantfile");

  expect(await validated(vagrantfile.replace("disk_bus", "disk_buss"))).not.toContain("successfully");
});

/** The path of a box that build.sh has made. */
async function built(args: readonly string[] = []): Promise<string> {
  const { stdout, stderr, exitCode } = await bench.build(args);

  expect(exitCode, stderr).toBe(0);
  return stdout;
}

const filesIn = async (box: string): Promise<string[]> =>
  (await execa("tar", ["--list", "--file", box])).stdout.split("\n");

const fileIn = async (box: string, name: string): Promise<string> =>
  (await execa("tar", ["--extract", "--to-stdout", "--file", box, name])).stdout;

/** What the real Vagrant says of a box's Vagrantfile, with the plug-in for libvirt. */
async function validated(vagrantfile: string): Promise<string> {
  const folder = join(bench.folder, "machine");
  await mkdir(folder);
  await writeFile(
    join(folder, "Vagrantfile"),
    vagrantfile.replace(/\nend$/, '\n  config.vm.box = "windows"\nend'),
  );
  const { all } = await execa("vagrant", ["validate"], {
    ...{ all: true, reject: false, cwd: folder },
    env: { ...vagrant(), VAGRANT_DEFAULT_PROVIDER: "libvirt" },
  });
  return all;
}

const vagrant = () => ({
  ...{ VAGRANT_HOME: join(bench.folder, "vagrant"), VAGRANT_CHECKPOINT_DISABLE: "1" },
});
