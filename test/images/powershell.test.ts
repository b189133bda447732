import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { powershellParser } from "./powershell.ts";
import { readSource, sourcesOf } from "./sources.ts";

let scripts: { file: string; text: string }[];
let faultsOf: (text: string) => string[];

beforeAll(async () => {
  faultsOf = await powershellParser();
  const files = await sourcesOf(".ps1");
  scripts = await Promise.all(files.map(async (file) => ({ file, text: await readSource(file) })));
});

describe("the grammar of PowerShell", () => {
  test.each([
    ["a bracket that is not closed", "if ($true) { 'yes'"],
    ["a text that is not ended", 'Write-Output "no end'],
    ["a loop without a list", "foreach ($one in ) { }"],
    ["a function without a name", "function { 1 }}"],
  ])("finds %s", (_, text) => {
    expect(faultsOf(text)).not.toEqual([]);
  });
});

describe("every PowerShell script", () => {
  test("is PowerShell", () => {
    const faults = scripts.flatMap(({ file, text }) => faultsOf(text).map((fault) => `${file}: ${fault}`));

    expect(scripts.length).toBeGreaterThan(10);
    expect(faults).toEqual([]);
  });

  // PowerShell 5.1 takes a file without a mark for one in the machine's own code page.
  test("is plain ASCII", () => {
    expect(scripts.filter(({ text }) => /[^\t\r\n -~]/.test(text)).map(({ file }) => file)).toEqual([]);
  });

  test("needs nothing newer than PowerShell 5.1", () => {
    const newer = scripts.filter(({ text }) =>
      /\s(&&|\|\||\?\?=?)\s|\$\w+\?\.|-Parallel\b/.test(withoutComments(text)),
    );

    expect(newer.map(({ file }) => file)).toEqual([]);
  });

  test("says in its first line what it is for", () => {
    expect(scripts.filter(({ text }) => !/^# (Purpose|What)/.test(text)).map(({ file }) => file)).toEqual([]);
  });
});

describe("PowerShell in files of other kinds", () => {
  test("is PowerShell: what workflows run on Windows, and what answer files call", async () => {
    const pieces = [...(await inWorkflows()), ...(await inAnswerFiles())];
    const faults = pieces.flatMap(({ file, text }) => faultsOf(text).map((fault) => `${file}: ${fault}`));

    expect(pieces.map(({ file }) => file)).toEqual(
      expect.arrayContaining([
        ".github/workflows/windows.yml",
        "packer_windows/answer_files/server/autounattend.xml.pkrtpl.hcl",
        "packer_windows/answer_files/client/autounattend.xml.pkrtpl.hcl",
      ]),
    );
    expect(faults).toEqual([]);
  });

  test("is in no file that these checks do not know", async () => {
    expect([...(await sourcesOf(".psm1")), ...(await sourcesOf(".psd1"))]).toEqual([]);
  });

  type Workflow = { jobs: Record<string, { steps?: { shell?: string; run?: string }[] }> };
  type Piece = { file: string; text: string };

  // NB: a shell that comes of a matrix is one of the two PowerShells.
  const inWorkflows = async (): Promise<Piece[]> => {
    const files = (await sourcesOf(".yml")).filter((file) => file.startsWith(".github/workflows/"));
    const read = await Promise.all(
      files.map(async (file) => {
        const { jobs }: Workflow = parse(await readSource(file));
        const steps = Object.values(jobs).flatMap((job) => job.steps ?? []);
        return steps
          .filter(({ shell = "" }) => /powershell|pwsh|matrix\.shell/.test(shell))
          .flatMap(({ run }) => (run === undefined ? [] : [{ file, text: run }]));
      }),
    );
    return read.flat();
  };

  const inAnswerFiles = async (): Promise<Piece[]> => {
    const files = (await sourcesOf("")).filter((file) => file.startsWith("packer_windows/answer_files/"));
    const read = await Promise.all(
      files.map(async (file) =>
        Array.from((await readSource(file)).matchAll(/powershell .*-Command "(.*)"</g), ([, text = ""]) => ({
          file,
          text: text.replaceAll("&amp;", "&"),
        })),
      ),
    );
    return read.flat();
  };
});

describe("the scripts of Windows' images", () => {
  // Packer ends a script with the exit code of the last program that it ran, whatever came after.
  test("that Packer runs end with exit code 0, or do not get so far", () => {
    const open = ofImages().filter(
      ({ file, text }) => /\/[3-9]\d-/.test(file) && !text.endsWith("\nexit 0\n"),
    );

    expect(open.map(({ file }) => file)).toEqual([]);
  });

  test("stop at the first thing that fails", () => {
    const lax = ofImages().filter(
      ({ text }) => !/\$ErrorActionPreference = 'Stop'|^\. C:\\mayfly-build\\lib\.ps1$/m.test(text),
    );

    expect(lax.map(({ file }) => file)).toEqual([]);
  });

  test("download nothing but mpm, whose digest they tell or compare", () => {
    const loading = ofImages().filter(({ text }) =>
      /Invoke-(WebRequest|RestMethod)|DownloadFile|DownloadString|curl|Start-BitsTransfer/.test(
        withoutComments(text),
      ),
    );

    expect(loading.map(({ file }) => file)).toEqual(["packer_windows/scripts/50-matlab.ps1"]);
    expect(loading[0]?.text).toContain("Get-FileHash -Algorithm SHA256");
  });

  test("take MATLAB for installed when its program is there, and not for an exit code", async () => {
    const text = await readSource("packer_windows/scripts/50-matlab.ps1");

    expect(text).toContain("if (-not (Test-Path $matlab)) { throw");
  });

  test("have one password in them, which is for boxes only and only when asked for", () => {
    const passwords = ofImages().filter(({ text }) => /-AsPlainText/.test(text));

    expect(passwords.map(({ file }) => file)).toEqual(["packer_windows/scripts/75-vagrant-user.ps1"]);
    expect(passwords[0]?.text).toMatch(
      /if \(\(Get-Setting 'MAYFLY_VAGRANT_USER'\) -ne 'true'\)[\s\S]*exit 0[\s\S]*-ne 'box'\) \{ throw/,
    );
  });

  test("seal with sysprep as their last deed, within a time, and look at what it left", async () => {
    const text = await readSource("packer_windows/scripts/90-seal.ps1");
    const deeds = /function Main \{([\s\S]*?)\n\}/
      .exec(text)?.[1]
      ?.trim()
      .split("\n")
      .map((line) => line.trim());

    expect(deeds?.at(-1)).toBe("Invoke-Sysprep");
    expect(text).toContain("'/generalize', '/oobe', '/quit'");
    expect(text).toContain("$process.WaitForExit($sysprepMinutes * 60000)");
    expect(text).toContain("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE");
  });

  // Windows restarts in the middle of a clone's first boot
  test("let the guest program start at the end of a clone's first boot only", async () => {
    const seal = await readSource("packer_windows/scripts/90-seal.ps1");
    const atTheEnd = await readSource("packer_windows/answer_files/clone/SetupComplete.cmd");

    expect(seal).toContain("Disable-ScheduledTask -TaskName 'Mayfly guest'");
    expect(seal).toContain('"$scripts\\SetupComplete.cmd"');
    expect(atTheEnd).toContain('/change /tn "Mayfly guest" /enable');
    expect(atTheEnd).toContain('/run /tn "Mayfly guest"');
    expect(atTheEnd.indexOf("start sshd")).toBeGreaterThan(atTheEnd.indexOf('/run /tn "Mayfly guest"'));
  });
});

describe("what a clone does to the account that built it", () => {
  test("closes it and the Administrator's first, and removes it and then its folder, and itself last", async () => {
    const text = withoutComments(await readSource("packer_windows/scripts/forget-builder.ps1"));
    const deeds = text.match(/\b(?:Disable-LocalUser|Remove-\w+|exit)\b/g);

    expect(deeds).toEqual([
      ...["Disable-LocalUser", "Remove-LocalUser", "Remove-CimInstance", "Remove-Item", "exit"],
    ]);
    expect(text).toMatch(
      /\$_\.Name -eq \$builder -or \$_\.SID\.Value -like 'S-1-5-21-\*-500' \} \| Disable-LocalUser/,
    );
  });
});

describe("a Windows of an image", () => {
  test("has a driver if it is in the driver store, whether a device has asked for it or not", async () => {
    const text = withoutComments(await readSource("packer_windows/scripts/85-verify.ps1"));

    expect(text).toContain("Get-WindowsDriver -Online");
    expect(text).toMatch(/'vioscsi', 'viostor', 'netkvm'[\s\S]*-notcontains "\$driver\.inf"/);
    expect(text).not.toMatch(/System32\\drivers|Get-Service '?\$?(?:driver|viostor)/);
  });

  test("takes a disk that it has not seen before, such as a seed's", async () => {
    expect(await readSource("packer_windows/scripts/30-settings.ps1")).toContain(
      "\nSet-StorageSetting -NewDiskPolicy OnlineAll\n",
    );
  });
});

const ofImages = () => scripts.filter(({ file }) => file.startsWith("packer_windows/"));

const withoutComments = (text: string): string => text.replaceAll(/^\s*#.*$/gm, "");
