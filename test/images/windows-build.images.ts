import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { beforeEach, describe, expect, test } from "vitest";
import { type Bench, EXPIRY, FACTS, openBench, sha256 } from "./windows-bench.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});

describe("build.sh", () => {
  test("makes a box that the real Vagrant takes", async () => {
    const { stdout, exitCode, stderr } = await bench.build();

    expect(exitCode, stderr).toBe(0);
    expect(stdout).toBe(join(bench.output, "windows-test-libvirt.box"));
    const home = join(bench.folder, "vagrant");
    const vagrant = { env: { VAGRANT_HOME: home, VAGRANT_CHECKPOINT_DISABLE: "1" } };
    await execa("vagrant", ["box", "add", "--name", "windows", "--provider", "libvirt", stdout], vagrant);
    const added = join(home, "boxes/windows/0/libvirt");
    expect(JSON.parse(await readFile(join(added, "expiry.json"), "utf8"))).toEqual(EXPIRY);
    expect(JSON.parse(await readFile(join(added, "metadata.json"), "utf8"))).toEqual({
      ...{ provider: "libvirt", format: "qcow2", virtual_size: 3 },
    });
    await execa("ruby", ["-c", join(added, "Vagrantfile")]);
  });

  test("puts the date first into a box, and tells the box's digest", async () => {
    const { stdout: box } = await bench.build();
    const { stdout: files } = await execa("tar", ["--list", "--file", box]);

    expect(files.split("\n")[0]).toBe("expiry.json");
    expect((await readFile(`${box}.sha256`, "utf8")).trim()).toBe(sha256(await readFile(box)));
  });

  test.each(["built", "built/", "./built", "deep/built"])("takes %s for its --output", async (output) => {
    const { stdout, exitCode, stderr } = await bench.build(["--output", output]);

    expect(exitCode, stderr).toBe(0);
    expect(stdout).toBe(join(bench.folder, output, "windows-test-libvirt.box"));
    expect((await readFile(`${stdout}.sha256`, "utf8")).trim()).toBe(sha256(await readFile(stdout)));
  });

  test("makes a box for VirtualBox, which knows its network card", async () => {
    await bench.put("bin/VBoxManage", "");
    await execa("chmod", ["+x", join(bench.folder, "bin/VBoxManage")]);

    const { stdout: box, stderr } = await bench.build(["--builder", "virtualbox"]);
    const { stdout: files } = await execa("tar", ["--list", "--file", box], { reject: false });
    const { stdout: vagrantfile } = await execa(
      "tar",
      ["--extract", "--to-stdout", "--file", box, "Vagrantfile"],
      {
        reject: false,
      },
    );

    expect(files.split("\n"), stderr).toEqual([
      "expiry.json",
      "info.json",
      "metadata.json",
      "Vagrantfile",
      "box.ovf",
      "windows-test-disk001.vmdk",
    ]);
    expect(vagrantfile).toContain('config.vm.base_mac = "080027A1B2C3"');
  });

  test("makes an image for a cloud, with the properties that it needs there", async () => {
    const { stdout } = await bench.build(["--target", "cloud"]);

    expect(stdout).toBe(join(bench.output, "windows-test.qcow2"));
    expect(JSON.parse(await readFile(`${stdout}.json`, "utf8"))).toEqual({
      ...FACTS,
      ...{ os_type: "windows", os_distro: "windows", os_secure_boot: "optional" },
      ...{
        hw_machine_type: "q35",
        hw_firmware_type: "uefi",
        hw_disk_bus: "scsi",
        hw_scsi_model: "virtio-scsi",
      },
      ...{ hw_vif_model: "virtio", hw_cpu_max_sockets: "1", hw_qemu_guest_agent: "yes" },
    });
  });

  test("asks the cloud for a TPM where Windows was built with one", async () => {
    await bench.put("bin/swtpm", "");
    await execa("chmod", ["+x", join(bench.folder, "bin/swtpm")]);

    const { stdout } = await bench.build(["--target", "cloud", "-var", "tpm=true"]);

    expect(JSON.parse(await readFile(`${stdout}.json`, "utf8"))).toMatchObject({
      ...{ hw_tpm_version: "2.0", hw_tpm_model: "tpm-crb" },
    });
  });
});

describe("the second CD", () => {
  test("has drivers of this Windows, scripts, the guest program, the runner and installers", async () => {
    await bench.build(["--target", "cloud"]);
    const files = (await bench.noted("cd")).split("\n");

    expect(files).toEqual(
      expect.arrayContaining([
        ...["./$WinPEDriver$/vioscsi/vioscsi.inf", "./$WinPEDriver$/NetKVM/NetKVM.inf"],
        ...["./mayfly/00-first-logon.ps1", "./mayfly/lib.ps1", "./mayfly/90-seal.ps1"],
        ...["./mayfly/answer_files/clone/unattend.xml", "./mayfly/cloudbase-init/cloudbase-init.conf"],
        ...["./mayfly/guest/runner.lock.json", "./mayfly/files/actions-runner-win-x64.zip"],
        ...["./mayfly/files/openssh.msi", "./mayfly/files/git.exe", "./mayfly/files/powershell.msi"],
        ...["./mayfly/files/cloudbase-init.msi", "./mayfly/files/virtio-win-guest-tools.exe"],
      ]),
    );
  });

  test("of a box has no Cloudbase-Init, and of VirtualBox no drivers", async () => {
    await bench.put("bin/VBoxManage", "");
    await execa("chmod", ["+x", join(bench.folder, "bin/VBoxManage")]);

    await bench.build(["--builder", "virtualbox"]);

    expect(await bench.noted("cd")).not.toMatch(/cloudbase-init\.msi|WinPEDriver|virtio/);
  });

  test("is gone when the build has ended, however it did", async () => {
    await bench.tell("broken", "");

    const { exitCode, stderr } = await bench.build();

    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("Build 'qemu.windows' errored");
    expect(await bench.leftovers()).toEqual([]);
    expect(await readFile(dirname((await bench.noted("cd-folder")).trim())).catch(() => "gone")).toBe("gone");
  });
});

describe("secrets", () => {
  test("the password of the account that builds is new each time, and in no command line", async () => {
    await bench.build();
    const first = await bench.noted("password");
    await execa("rm", ["-r", bench.output]);
    await bench.build();

    expect(first).toMatch(/^Mf7-[0-9a-f]{32}$/);
    expect(await bench.noted("password")).not.toBe(first);
    expect(await bench.noted("arguments")).not.toContain(await bench.noted("password"));
  });

  test("a licence and the installer's input reach the CD, and not the command line", async () => {
    const input = await bench.put("input.txt", "fileInstallationKey=12345-12345\nagreeToLicense=yes\n");
    const iso = await bench.put("matlab.iso", "MATLAB");
    const license = await bench.put("network.lic", "SERVER licence.example.org ANY 27000\nUSE_SERVER\n");

    const { exitCode, stderr } = await bench.build([
      ...["-var", "matlab_release=R2025b", "-var", `matlab_iso=${iso}`],
      ...[
        "-var",
        `matlab_iso_checksum=sha256:${sha256("MATLAB")}`,
        "-var",
        `matlab_installer_input=${input}`,
      ],
      ...["-var", `matlab_license_file=${license}`],
    ]);

    expect(exitCode, stderr).toBe(0);
    expect(await bench.noted("cd")).toContain(
      "./mayfly/files/installer_input.txt\n./mayfly/files/license.lic\n",
    );
    expect(await bench.noted("arguments")).not.toContain("12345");
  });
});

describe("digests", () => {
  test("a medium of Windows with another one is not used", async () => {
    await writeFile(bench.iso, "another medium");

    const { exitCode, stderr } = await bench.build();

    expect(exitCode).toBe(1);
    expect(stderr).toContain(`not ${sha256("Windows' medium")}: it was not used`);
    expect(await bench.noted("arguments")).toBe("");
  });

  test("what comes with another one from the network is not kept", async () => {
    await bench.put("from/git.bin", "another Git");

    const { exitCode, stderr } = await bench.build();

    expect(exitCode).toBe(1);
    expect(stderr).toContain("it was not used");
    expect((await bench.fetched()).filter((name) => name.includes("git.bin"))).toEqual([]);
  });

  test("what was fetched once is not fetched again", async () => {
    await bench.build();
    await execa("rm", ["-r", bench.output, join(bench.folder, "from/git.bin")]);

    const { exitCode, stderr } = await bench.build();

    expect(exitCode, stderr).toBe(0);
  });

  test("--check compares the medium, and builds nothing", async () => {
    const { exitCode, stderr } = await bench.build(["--check"]);

    expect(exitCode).toBe(0);
    expect(stderr).toContain("windows-test can be built");
    expect(await bench.noted("arguments")).toBe("");
  });
});

test("a Windows without support is built with a warning", async () => {
  const { exitCode, stderr } = await bench.build(["-var", "end_of_life=2025-10-14"]);

  expect(exitCode).toBe(0);
  expect(stderr).toContain("WARNING: support for windows-test has ended on 2025-10-14");
});
