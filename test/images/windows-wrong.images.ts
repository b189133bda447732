import { execa } from "execa";
import { beforeEach, describe, expect, test } from "vitest";
import { type Bench, openBench, sha256 } from "./windows-bench.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});

describe("what is wrong is said before anything is built", () => {
  const refused = async (args: readonly string[], env?: Record<string, string>): Promise<string> => {
    const { exitCode, stderr } = await bench.build(args, env);

    expect(exitCode).toBe(1);
    expect(await bench.noted("arguments")).toBe("");
    return stderr;
  };

  test.each([
    ["matlab_install_input", "It is now matlab_installer_input"],
    ["memory", "It is now memory_mib"],
    ["disk_size", "It is now disk_gib, in GiB rather than MB"],
    ["vm_name", "It is now name"],
    ["autounattend", "It is now system, server or client: the answer file goes with it"],
    ["virtio_win_iso", "It is now nothing: media.lock.json names the drivers, with their digest"],
  ])("the original's variable %s", async (name, sentence) => {
    expect(await refused(["-var", `${name}=1`])).toContain(`-var sets ${name}. ${sentence}`);
  });

  test("several things at once", async () => {
    const said = await refused([
      "-var",
      "foo=1",
      "-var",
      "memory=4096",
      "-var",
      "iso_checksum=none",
      "--target",
      "moon",
    ]);

    expect(said).toContain("-var sets foo, and there is no such variable");
    expect(said).toContain("It is now memory_mib");
    expect(said).toContain("--target is box or cloud, not 'moon'");
    expect(said).toContain("nothing was built");
  });

  test.each([
    ["a medium without a digest", ["iso_checksum=none"], "a medium that nobody has checked is not built"],
    [
      "a release as MathWorks does not write it",
      ["matlab_release=2025b"],
      "matlab_release is written as R2025b",
    ],
    ["a licence without MATLAB", ["matlab_license_server=27000@a.example"], "matlab_release is not"],
    [
      "a licence server that is none",
      ["matlab_release=R2025b", "matlab_license_server=a.example"],
      "27000@licence.example.org",
    ],
    [
      "a medium of MATLAB that is not there",
      ["matlab_release=R2025b", "matlab_iso=/no/such.iso"],
      "there is no file /no/such.iso",
    ],
    ["a product key that is none", ["product_key=abc"], "product_key is no product key"],
    ["a password of one's own", ["build_password=secret"], "which build.sh sets itself"],
    ["a name with blanks", ["name=my windows"], "small letters, digits and hyphens"],
    ["UEFI that is not there", ["firmware_code=/no/OVMF.fd"], "there is no UEFI at /no/OVMF.fd"],
  ])("%s", async (_, set, sentence) => {
    expect(await refused(set.flatMap((one) => ["-var", one]))).toContain(sentence);
  });

  test("Vagrant's account in an image for a cloud", async () => {
    expect(await refused(["--target", "cloud", "-var", "vagrant_user=true"])).toContain("for boxes only");
  });

  test("a Packer that is too old", async () => {
    await bench.tell("version", "Packer v1.6.6\n");

    expect(await refused([])).toContain("Packer 1.6.6 is too old");
  });

  test("a folder that is there already", async () => {
    await execa("mkdir", [bench.output]);

    expect(await refused([])).toContain("is there already");
  });

  test("an installer's input in which nobody agrees to the licence", async () => {
    const input = await bench.put("input.txt", "fileInstallationKey=1\n# agreeToLicense=yes\n");
    const iso = await bench.put("matlab.iso", "MATLAB");
    const args = [
      `matlab_iso=${iso}`,
      `matlab_iso_checksum=sha256:${sha256("MATLAB")}`,
      `matlab_installer_input=${input}`,
    ];

    expect(await refused(["matlab_release=R2025b", ...args].flatMap((one) => ["-var", one]))).toContain(
      "only you can agree to MathWorks' licence",
    );
  });

  test("a secret of the environment that is none", async () => {
    expect(await refused([], { PKR_VAR_product_key: "hm" })).toContain("product_key is no product key");
  });
});

describe("a variables file", () => {
  const withFile = async (text: string) => {
    const file = await bench.put("more.pkrvars.hcl", text);
    return bench.build(["-var-file", file, "--check"]);
  };

  test("may have comments, after a value too", async () => {
    const { exitCode, stderr } = await withFile(
      [
        ...["# of ours", "", "  // and theirs", 'name = "windows-7" # a number', "evaluation_days=90//days"],
        ...["vagrant_user = false #", 'drivers\t=\t"w11"\t// a folder'],
      ].join("\n"),
    );

    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain("windows-7 can be built");
  });

  test("may have in a text what begins a comment elsewhere", async () => {
    const { stderr } = await withFile('name = "windows # 7 // 8" # a name');

    expect(stderr).toContain("not 'windows # 7 // 8'");
  });

  test.each(['product_key = "open', "product_key open", 'product_key = "open" ends'])(
    "with the line %j is refused by its number, for it could hold a key",
    async (line) => {
      const { exitCode, stderr } = await withFile(`# first\n${line}`);

      expect(exitCode).toBe(1);
      expect(stderr).toContain("more.pkrvars.hcl: line 2 is not NAME = VALUE");
      expect(stderr).not.toContain("open");
    },
  );
});
