import { describe, expect, test } from "vitest";
import { readScript } from "../images/powershell.ts";
import { readSource } from "../images/sources.ts";

/**
 * The deeds of the Windows guest and its installers that nobody would miss until it is too late: what guards against a wrong file, a job
 * that looks for secrets, a machine that lives for ever. By their trees, for there is no Windows here.
 */
const scriptOf = (name: string) => readScript(`guest/windows/${name}.ps1`);

describe("the runner's archive", () => {
  test("is refused if its digest is another, before anything of it is unpacked", async () => {
    const script = await scriptOf("install-runner");
    const steps = script.deedsOf("Install-Runner").map((deed) => deed.split(" ")[0]);

    expect(script.bodyOf("Get-Archive")).toMatch(
      /if \(\(Get-FileHash -LiteralPath \$archive -Algorithm SHA256\)\.Hash -ne \$pinned\.Sha256\) \{\s+throw .*\s+\}\s+\}$/,
    );
    expect(steps.indexOf("Get-Archive")).toBeGreaterThan(-1);
    expect(steps.indexOf("Expand-Runner")).toBeGreaterThan(steps.indexOf("Get-Archive"));
  });

  test("has no digest but the lock's, which is one", async () => {
    const body = (await scriptOf("install-runner")).bodyOf("Read-Lock");

    expect(body).toMatch(/sha256 -notmatch '\^\[0-9a-f\]\{64\}\$'\) \{\s+throw /);
    expect(body).toContain("Sha256 = $entry.Value.sha256 }");
  });
});

describe("the seed", () => {
  test("is put away from wherever it was", async () => {
    const { clausesOf } = await scriptOf("seed");

    expect([...clausesOf("Hide-Seed")]).toEqual([
      ["'disk'", ["Clear-SeedDisk $seed.Path"]],
      ["'file'", ["Remove-SeedFile $seed.Path"]],
      ["'drive'", ["Hide-ConfigDrive $seed.Path"]],
    ]);
  });

  test("on a disk is overwritten with zeros to its end", async () => {
    const { bodyOf } = await scriptOf("system");
    const wipe = /public static void Wipe[\s\S]*?\n {8}\}/.exec(
      await readSource("guest/windows/run-as.cs"),
    )?.[0];

    expect(bodyOf("Clear-SeedDisk")).toContain("[Mayfly.SeedDisk]::Wipe($path)");
    expect(wipe).toContain("stream.Write(new byte[Bytes], 0, Bytes);");
    expect(wipe).toContain("stream.Flush(true);");
  });

  test("in a file is overwritten before the file is removed", async () => {
    expect((await scriptOf("seed")).bodyOf("Remove-SeedFile")).toMatch(
      /WriteAllBytes\(\$path, \[byte\[\]\]::new\([\s\S]*\[IO\.File\]::Delete\(\$path\)/,
    );
  });

  test("on a config drive goes with the drive's device, and the metadata service is closed", async () => {
    const deeds = (await scriptOf("system")).deedsOf("Hide-ConfigDrive");

    expect(deeds.at(-1)).toBe("Disable-PnpDevice -InstanceId $device.PNPDeviceID -Confirm:$false");
    expect(deeds[0]).toMatch(
      /^& netsh\.exe advfirewall firewall add rule .* dir=out action=block remoteip=\$address$/,
    );
    expect((await scriptOf("system")).text).toContain(
      "$metadataAddress = '169.254.169.254', 'fe80::a9fe:a9fe'\n",
    );
  });
});

describe("the machine's life", () => {
  test("ends by the power-off, after the seconds that were written down", async () => {
    const { text, commands } = await scriptOf("life-limit");

    expect(text).toMatch(/^\$left = \[int\] \[IO\.File\]::ReadAllText\(.*'Mayfly\\run\\life-seconds'\)\)$/m);
    expect(text).toMatch(/^for \(; \$left -gt 0; \$left -= 86400\) \{ Start-Sleep /m);
    expect(commands.at(-1)).toBe("& shutdown.exe /p /f");
    expect(text.trim().split("\n").at(-1)).toBe("& shutdown.exe /p /f");
  });

  test("ends by the power-off when the guest has nothing more to do", async () => {
    expect((await scriptOf("system")).deedsOf("Stop-Machine")).toEqual(["& shutdown.exe /p /f"]);
  });

  test("is as long as the guest has been told", async () => {
    expect((await scriptOf("system")).bodyOf("Start-LifeLimit")).toContain(
      "WriteAllText((Join-Path $runFolder 'life-seconds'), \"$seconds\")",
    );
  });
});

describe("the rights", () => {
  test("of seed, logs and mark are those of SYSTEM and administrators; the runner may only leave its mark", async () => {
    const { text, deedsOf } = await scriptOf("install-guest");

    expect(deedsOf("Install-Folder")).toEqual([
      `Invoke-Icacls $data '/inheritance:r' '/grant:r' "*\${system}:(OI)(CI)F" "*\${administrators}:(OI)(CI)F"`,
      `Invoke-Icacls "$data\\mark" '/grant:r' 'runner:(OI)(CI)M'`,
    ]);
    expect(text).toContain("$system = 'S-1-5-18'\n$administrators = 'S-1-5-32-544'\n");
    expect(deedsOf("Invoke-Icacls")[0]).toBe("& icacls.exe @args /q");
  });

  test("of the runner's folder are theirs and the runner's", async () => {
    expect((await scriptOf("install-runner")).deedsOf("Grant-Runner")[0]).toBe(
      "& icacls.exe $folder /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' 'runner:(OI)(CI)M' /q",
    );
  });

  test("are opened to nobody else anywhere", async () => {
    const files = ["install-guest", "install-runner", "system", "seed", "mayfly-guest", "runner"];
    const scripts = await Promise.all(files.map(scriptOf));

    expect(
      scripts.flatMap(({ commands }) => commands.filter((one) => /icacls|Set-Acl/i.test(one))),
    ).toHaveLength(4);
    for (const { text } of scripts) expect(text).not.toMatch(/Everyone|S-1-1-0|S-1-5-11\b/);
  });
});

describe("the self-test", () => {
  test("looks at the runner, its user's rights, the clock, the disk and MATLAB", async () => {
    const deeds = (await scriptOf("self-test")).deedsOf("Test-Image").map((deed) => deed.split(" ")[0]);

    expect(deeds).toEqual(
      expect.arrayContaining([
        "Get-ToldVersion",
        "Get-NotedVersion",
        "Test-Right",
        "Test-Clock",
        "Test-Disk",
        "Test-Matlab",
      ]),
    );
  });

  test("takes a clock for wrong that is behind the image's own time", async () => {
    const body = (await scriptOf("self-test")).bodyOf("Test-Clock");

    expect(body).toContain("$built = Get-Fact 'mayfly_built_at'\n");
    expect(body).toMatch(
      /if \(\$now -lt \(\[DateTime\] \$built\)\.ToUniversalTime\(\)\) \{ \$script:faults \+= /,
    );
  });

  test("starts MATLAB where there is a licence, and takes it for well if it tells its release", async () => {
    const body = (await scriptOf("self-test")).bodyOf("Test-Matlab");

    expect(body).toMatch(
      /if \(-not \(Test-Path -LiteralPath "\$folder\\bin\\matlab\.exe"\)\) \{ \$script:faults \+= /,
    );
    expect(body).toMatch(/\$hasEnded = \$matlab\.WaitForExit\(\$matlabSeconds \* 1000\)/);
    // NB: the bare release is in the paths of MATLAB's own errors
    expect(body).toContain(`"\`"disp(['MAYFLY' version('-release')])\`""`);
    expect(body).toMatch(
      /\$hasEnded -and .*\.Contains\("MAYFLY\$\(\$release\.Substring\(1\)\)"\)\) \{ return \}\s+\$script:faults \+= /,
    );
  });
});
