import { describe, expect, test } from "vitest";
import { readScript } from "./powershell.ts";
import { readSource } from "./sources.ts";

/** The deeds of the steps of Windows' images that nobody would miss until it is too late. As ../guest/windows-deeds.test.ts. */
const scriptOf = (name: string) => readScript(`packer_windows/scripts/${name}.ps1`);
const clone = (name: string) => readSource(`packer_windows/answer_files/clone/${name}`);

test("mpm is not used if its digest is another than the one that was asked for", async () => {
  const { bodyOf, deedsOf } = await scriptOf("50-matlab");

  expect(bodyOf("Get-Mpm")).toMatch(
    /\$found = \(Get-FileHash -Algorithm SHA256 \$File\)\.Hash[\s\S]*\} elseif \(\$found -ne \$wanted\) \{\s+throw .*\s+\}\s+\}$/,
  );
  expect(deedsOf("Install-ByMpm")[0]).toBe("Get-Mpm $mpm");
});

describe("the last step", () => {
  test("closes the doors, removes what the build left, and then seals", async () => {
    const { deedsOf, text } = await scriptOf("90-seal");

    expect(deedsOf("Main")).toEqual([
      ...["Close-Doors", "Remove-AppsOfOneUser", "Remove-Traces", "Set-FirstBoot"],
      ...["Remove-Item $build -Recurse -Force", "Invoke-Sysprep"],
    ]);
    expect(text.trim()).toMatch(/\nMain\nexit 0$/);
  });

  test("closes automatic logon, WinRM and SSH", async () => {
    const { bodyOf, deedsOf } = await scriptOf("90-seal");

    expect(bodyOf("Close-Doors")).toContain(
      "in 'AutoAdminLogon', 'DefaultUserName', 'DefaultPassword', 'AutoLogonCount') {",
    );
    expect(deedsOf("Close-Doors")).toEqual([
      "Remove-ItemProperty -Path $winlogon -Name $name -ErrorAction SilentlyContinue",
      "Get-Service WinRM",
      "Set-Service -StartupType Disabled",
      "Set-Service sshd -StartupType Disabled",
      "Get-Setting 'MAYFLY_VAGRANT_USER'",
      "Remove-NetFirewallRule -Name 'mayfly-build-ssh'",
    ]);
  });

  test("removes keys, logs, and the answer file with the builder's password", async () => {
    const body = (await scriptOf("90-seal")).bodyOf("Remove-Traces");

    expect(body).toContain('Remove-Item "$env:ProgramData\\ssh\\ssh_host_*"');
    expect(body).toContain(
      'Remove-Item "$env:SystemRoot\\Panther\\unattend.xml", "$env:SystemRoot\\Panther\\autounattend.xml"',
    );
  });
});

describe("the end of a trial", () => {
  test("comes as many days after the build as the licence gives", async () => {
    const { text } = await scriptOf("85-verify");

    expect(text.match(/\$evaluationDays\s*=.*/g)).toEqual([
      "$evaluationDays = [int](Get-Setting 'MAYFLY_EVALUATION_DAYS')",
    ]);
    expect(text.match(/^.*AddDays.*$/gm)?.map((line) => line.trim())).toEqual([
      "if ($evaluationDays) { $facts.mayfly_expires_at = Get-Stamp (Get-Date).AddDays($evaluationDays) }",
      "if ($evaluationDays) { $expiry.expiresAt = Get-Stamp (Get-Date).AddDays($evaluationDays) }",
    ]);
    expect(await readSource("packer_windows/windows.pkr.hcl")).toMatch(
      /"MAYFLY_EVALUATION_DAYS=\$\{var\.evaluation_days\}"/,
    );
  });

  test("cannot be left out of a trial", async () => {
    expect((await scriptOf("85-verify")).bodyOf("Write-Expiry")).toMatch(
      /if \(\$isTrial -and -not \$evaluationDays\) \{ throw /,
    );
  });
});

describe("what an image says of itself", () => {
  test("has the same names on Windows and Linux", async () => {
    const linux = await readSource("images/linux/60-facts.sh");
    const windows = (await scriptOf("85-verify")).bodyOf("Write-Facts");

    const names = (text: string, pattern: RegExp) =>
      [...text.matchAll(pattern)].map(([, name]) => name).toSorted();
    expect(names(windows, /^ +(?:if \(.*\{ \$facts\.)?(mayfly_\w+) += /gm)).toEqual(
      names(linux, /--arg (mayfly_\w+) /g),
    );
  });

  test("has the runner's day from the lock, and a system that add.sh takes for Windows", async () => {
    const { bodyOf } = await scriptOf("85-verify");

    expect(bodyOf("Write-Facts")).toMatch(/mayfly_runner_released_at = \$lock\.released\n/);
    expect(bodyOf("Write-Facts")).toMatch(/mayfly_os += Get-System\n/);
    expect(bodyOf("Get-System")).toMatch(/\n +'windows' \+ \(\$edition/);
  });
});

describe("a KMS", () => {
  test("is written down by the last step, for boxes and clouds alike", async () => {
    const body = (await scriptOf("90-seal")).bodyOf("Set-FirstBoot");

    expect(body).toMatch(
      /\$server = Get-Setting 'MAYFLY_KMS_SERVER'\n +if \(\$server\) \{ Write-Text "\$mayfly\\kms-server" "\$server`r`n" \}/,
    );
    expect(body).not.toContain("MAYFLY_TARGET");
    expect((await scriptOf("lib")).text).toContain("$mayfly = 'C:\\ProgramData\\Mayfly'\n");
    expect(await readSource("packer_windows/windows.pkr.hcl")).toMatch(
      /"MAYFLY_KMS_SERVER=\$\{var\.kms_server\}"/,
    );
  });

  test("activates a clone at the end of its first boot, when all that somebody waits for has begun", async () => {
    const lines = (await clone("SetupComplete.cmd")).trim().split("\n");

    expect(lines.slice(-3)).toEqual([
      'set "slmgr=cscript.exe //nologo //b %SystemRoot%\\System32\\slmgr.vbs"',
      'set "kms=C:\\ProgramData\\Mayfly\\kms-server"',
      "if exist %kms% for /f %%s in (%kms%) do %slmgr% /skms %%s && %slmgr% /ato",
    ]);
  });

  test("is nothing that Cloudbase-Init has a second opinion on", async () => {
    expect(await readSource("packer_windows/cloudbase-init/cloudbase-init.conf")).not.toMatch(
      /licensing|kms/i,
    );
    expect((await scriptOf("70-cloudbase-init")).text).not.toMatch(/kms/i);
  });
});
