import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { type Bench, openBench } from "./windows-bench.ts";

/** What `build.sh --check` looks at, besides what windows-build.images.ts has. */
let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});

const check = (...args: string[]) => bench.build(["--check", ...args]);

const expectFault = async (sentence: string, ...args: string[]): Promise<void> => {
  const { exitCode, stderr } = await check(...args);

  expect([exitCode, stderr]).toEqual([1, expect.stringContaining(sentence)]);
  expect(stderr).not.toContain("all is there");
};

const set = (...values: string[]): string[] => values.flatMap((one) => ["-var", one]);

describe("a value that Packer would not take is found at once:", () => {
  test.each([
    ["disk_gib=60G", "disk_gib is a whole number, without a unit, not '60G'"],
    ["cpus=four", "cpus is a whole number, without a unit, not 'four'"],
    ["cpus=0", "cpus is 0: a VM needs more"],
    ["memory_mib=", "memory_mib is a whole number, without a unit, not ''"],
    ["updates=no", "updates is true or false, not 'no'"],
    ["tpm=True", "tpm is true or false, not 'True'"],
    ["end_of_life=soon", "end_of_life is a day, as 2025-10-14, not 'soon'"],
    ["end_of_life=2025-13-14", "end_of_life is a day, as 2025-10-14, not '2025-13-14'"],
  ])("%s", async (value, sentence) => {
    await expectFault(sentence, ...set(value));
  });

  test("several of them together, in a variables file, too", async () => {
    const file = await bench.put("more.pkrvars.hcl", 'cpus = "four"\nheadless = 1\n');

    const { stderr } = await check("-var-file", file, ...set("updates=no"));

    for (const name of ["cpus", "headless", "updates"]) expect(stderr).toContain(`- ${name} is `);
  });
});

describe("a KMS", () => {
  const licensed = ["evaluation_days=0", "product_key=ABCDE-12345-ABCDE-12345-ABCDE"];

  test.each(["kms.example.org", "kms.example.org:1688", "10.0.0.9", "kms"])("may be %s", async (server) => {
    const { exitCode, stderr } = await check(...set(...licensed, `kms_server=${server}`));

    expect(exitCode, stderr).toBe(0);
  });

  test.each([
    ...["a b", "https://kms.example.org", "kms.example.org:", "kms:16880000", "-kms", "kms&calc", "user@kms"],
  ])("cannot be %j", async (server) => {
    await expectFault("kms_server is written as", ...set(...licensed, `kms_server=${server}`));
  });

  test("is for licensed media", async () => {
    await expectFault("kms_server is for licensed media", ...set("kms_server=kms.example.org"));
  });
});

describe("a medium with another digest is found:", () => {
  test.each([
    ["virtio-win.iso", "box"],
    ["openssh.bin", "box"],
    ["git.bin", "box"],
    ["powershell.bin", "box"],
    ["actions-runner-win-x64.zip", "box"],
    ["cloudbase-init.bin", "cloud"],
  ])("%s, for a %s", async (name, target) => {
    await bench.put(`from/${name}`, "another");

    await expectFault("it was not used", "--target", target);
  });

  test("one that came to harm after it was fetched", async () => {
    await check();
    const [kept] = (await bench.fetched()).filter((name) => name.endsWith("git.bin"));
    await writeFile(join(bench.folder, "media", String(kept)), "rotten");

    await expectFault("it was not used");
  });
});

test("a medium of drivers without this Windows is found", async () => {
  await expectFault("has no /vioscsi/w10/amd64", ...set("drivers=w10"));
});

test("--check leaves nothing but the media", async () => {
  const { exitCode, stderr } = await check();

  expect(exitCode, stderr).toBe(0);
  expect(await bench.leftovers()).toEqual([]);
  expect(await bench.noted("arguments")).toBe("");
});

describe("variables files", () => {
  test("are asked for where none was given", async () => {
    const { exitCode, stderr } = await bench.run([]);

    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      "no variables file was given, as with -var-file packer_windows/server2022.pkrvars.hcl",
    );
  });

  test("are not asked for where one was given that lacks something", async () => {
    const { stderr } = await bench.run(["-var-file", await bench.put("less.pkrvars.hcl", 'name = "less"\n')]);

    expect(stderr).toContain("the variable system is not set");
    expect(stderr).not.toContain("no variables file was given");
  });

  test.each(["none.pkrvars.hcl", "."])("that are none are told in one sentence: %s", async (file) => {
    const { exitCode, stderr } = await bench.run(["-var-file", file]);

    expect([exitCode, stderr]).toEqual([1, `build.sh: there is no variables file ${file}`]);
  });
});

describe("the original's variables without a successor", () => {
  test.each([
    ["vmx_version", "nothing: VMware is not built for any more"],
    ["winrm_timeout", "nothing: Packer comes by SSH"],
  ])("%s", async (name, sentence) => {
    await expectFault(`-var sets ${name}. It is now ${sentence}`, ...set(`${name}=1`));
  });
});

describe("KVM", () => {
  // NB: /dev/kvm may be there, and open to all, and run no VM. See: script/lib.sh
  test("is not there for a QEMU that breaks off", async () => {
    await bench.install("qemu-system-x86_64", "exit 1");

    await expectFault("KVM cannot be used here", ...set("accelerator=kvm"));
  });

  test("is there for one that runs", async () => {
    await bench.install("qemu-system-x86_64", "exec sleep 60");

    const { exitCode, stderr } = await check(...set("accelerator=kvm"));

    expect(exitCode, stderr).toBe(0);
  });
});
