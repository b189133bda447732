import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { readSource } from "./sources.ts";

const SERVER = "packer_windows/answer_files/server/autounattend.xml.pkrtpl.hcl";
const CLIENT = "packer_windows/answer_files/client/autounattend.xml.pkrtpl.hcl";
const CLONE = "packer_windows/answer_files/clone/unattend.xml";

/** What Packer would fill in. See: windows.pkr.hcl, `answer_file`. */
const FILLED: Readonly<Record<string, string>> = {
  build_user: "mayfly-build",
  build_password: "Mf7-0123456789abcdef",
  image_index: "2",
  product_key: "",
  bypass_tpm: "1",
};

describe.each([
  ["a server", SERVER],
  ["a client", CLIENT],
])("the answer file of %s", (_, file) => {
  test("is filled in with what the template gives, and nothing else", async () => {
    const text = await readSource(file);
    const names = new Set([...text.matchAll(/\$\{(.*?)\}/g)].map(([, name]) => String(name)));
    const [, filling] =
      /templatefile\((.*?\{[\s\S]*?)\}\)/.exec(await readSource("packer_windows/windows.pkr.hcl")) ?? [];
    const given = [...String(filling).matchAll(/^ +(\w+) += /gm)].map(([, name]) => String(name));

    expect(given.toSorted()).toEqual(Object.keys(FILLED).toSorted());
    expect([...names].filter((name) => !given.includes(name))).toEqual([]);
    // NB: that would be one of Packer's own orders
    expect(text).not.toContain("%{");
  });

  test.each([
    ["makes partitions for UEFI", "//u:CreatePartition/u:Type", ["EFI", "MSR", "Primary"]],
    ["lets the last one grow, which is Windows' own", "//u:CreatePartition[u:Order=3]/u:Extend", ["true"]],
    ["installs to it", "//u:InstallTo/u:PartitionID", ["3"]],
    ["wipes the disk", "//u:Disk/u:WillWipeDisk", ["true"]],
    ["takes the edition that was asked for", "//u:MetaData[u:Key='/IMAGE/INDEX']/u:Value", ["2"]],
    ["agrees to the licence", "//u:AcceptEula", ["true"]],
    ["gives no fixed name", "//u:ComputerName", ["*"]],
    ["sets the clock to UTC", "//u:TimeZone", ["UTC"]],
    ["makes the account that builds", "//u:LocalAccount/u:Name", ["mayfly-build"]],
    ["signs in once", "//u:AutoLogon/u:LogonCount", ["1"]],
    ["says that its passwords are as they are", "//u:PlainText", ["true", "true", "true"]],
    ["hides every page that waits for a person", "//u:OOBE/u:HideOnlineAccountScreens", ["true"]],
    ["names no drive but the one it makes", "//u:Letter", ["C"]],
  ])("%s", async (_claim, path, values) => {
    expect(await ask(await filled(file), path)).toEqual(values);
  });

  test("looks for its script on every drive", async () => {
    const [command] = await ask(await filled(file), "//u:FirstLogonCommands//u:CommandLine");

    expect(command).toContain("Get-PSDrive -PSProvider FileSystem");
    expect(command).toContain("mayfly\\00-first-logon.ps1");
    expect(command).not.toMatch(/[A-Z]:\\/);
  });

  test("names no driver's place: Setup looks on every CD by itself", async () => {
    expect(await ask(await filled(file), "//u:DriverPaths")).toEqual([]);
  });

  test("has its passes in their order, for this processor", async () => {
    const xml = await filled(file);

    expect(await ask(xml, "//u:settings/@pass")).toEqual(["windowsPE", "specialize", "oobeSystem"]);
    expect(new Set(await ask(xml, "//u:component/@processorArchitecture"))).toEqual(new Set(["amd64"]));
  });
});

// See: learn.microsoft.com, "Path" of RunSynchronousCommand and "CommandLine" of FirstLogonCommands. Windows refuses the whole file else.
describe.each([
  ["a server", SERVER],
  ["a client", CLIENT],
  ["a clone", CLONE],
])("no command of %s", (_, file) => {
  test.each([
    ["while Windows is set up", "//u:RunSynchronousCommand/u:Path", 259],
    ["of the first logon", "//u:SynchronousCommand/u:CommandLine", 1024],
  ])("%s is longer than Windows takes", async (_claim, path, most) => {
    const commands = await ask(await filled(file), path);

    expect(commands.filter(({ length }) => length > most)).toEqual([]);
  });
});

test("XML that is not well formed is found", async () => {
  await expect(ask("<unattend><settings></unattend>", "//u:settings")).rejects.toThrow("mismatch");
});

describe("the answer file of a client", () => {
  test.each([
    ["1", "without a TPM asks for none"],
    ["0", "with a TPM asks for it"],
  ])("%s: %s", async (bypass) => {
    const commands = await ask(
      await filled(CLIENT, { bypass_tpm: bypass }),
      "//u:RunSynchronousCommand/u:Path",
    );

    expect(commands.filter((command) => command.includes("BypassTPMCheck"))).toEqual([
      `reg add HKLM\\SYSTEM\\Setup\\LabConfig /v BypassTPMCheck /t REG_DWORD /d ${bypass} /f`,
    ]);
  });
});

describe("the answer file of a clone", () => {
  test.each([
    ["lets the clock of a trial begin anew", "//u:SkipRearm", ["0"]],
    ["keeps the devices that were found", "//u:PersistAllDeviceInstalls", ["true"]],
    ["gives no fixed name", "//u:ComputerName", ["*"]],
    ["asks nobody anything", "//u:SkipMachineOOBE", ["true"]],
    ["has no password", "//u:Password | //u:AdministratorPassword", []],
    ["makes no account, and signs nobody in", "//u:LocalAccount | //u:AutoLogon", []],
    ["has its passes", "//u:settings/@pass", ["generalize", "specialize", "oobeSystem"]],
  ])("%s", async (_claim, path, values) => {
    expect(await ask(await readSource(CLONE), path)).toEqual(values);
  });

  test("removes the account that built, before anything else", async () => {
    const [first] = await ask(await readSource(CLONE), "//u:RunSynchronousCommand[u:Order=1]/u:Path");

    expect(first).toContain("forget-builder.ps1");
    expect(await readSource("packer_windows/scripts/forget-builder.ps1")).toContain(
      "$builder = 'mayfly-build'",
    );
    expect(await readSource("packer_windows/windows.pkr.hcl")).toContain('build_user = "mayfly-build"');
  });

  test("calls what the last step puts into the image, and nothing else of ours", async () => {
    const commands = await ask(await readSource(CLONE), "//u:RunSynchronousCommand/u:Path");
    const seal = await readSource("packer_windows/scripts/90-seal.ps1");
    expect(commands.map((command) => /C:\\ProgramData\\Mayfly\\([\w.-]+)$/.exec(command)?.[1])).toEqual([
      "forget-builder.ps1",
      "cloud-name.cmd",
    ]);
    expect(seal).toContain(
      'Copy-Item "$build\\forget-builder.ps1", "$build\\answer_files\\clone\\cloud-name.cmd" $mayfly -Force',
    );
  });

  test("takes the cloud's name by Cloudbase-Init's configuration for a first boot, where there is one", async () => {
    const text = await readSource("packer_windows/answer_files/clone/cloud-name.cmd");

    expect(text).toMatch(/\nif not exist "%cloudbase%\\Python\\Scripts\\cloudbase-init.exe" exit \/b 0\n/);
    expect(text).toContain('--config-file "%cloudbase%\\conf\\cloudbase-init-unattend.conf"');
  });
});

const filled = async (file: string, other: Readonly<Record<string, string>> = {}): Promise<string> =>
  (await readSource(file)).replaceAll(
    /\$\{(\w+)\}/g,
    (_, name: string) => ({ ...FILLED, ...other })[name] ?? "?",
  );

/** The texts that an XPath finds. Throws if the XML is not well formed. */
async function ask(xml: string, path: string): Promise<string[]> {
  const words = path.replaceAll(/u:(\w+)/g, "*[local-name()='$1']");
  const { stdout, stderr, exitCode } = await execa("xmllint", ["--nonet", "--xpath", words, "-"], {
    ...{ input: xml, reject: false },
  });
  if (!FINE.has(exitCode ?? -1)) throw new Error(stderr);
  return stdout.split("\n").filter(Boolean).map(textOf);
}

/** See: xmllint(1), "ERROR RETURN CODES". 10 or 11, by its version: the XPath finds nothing. */
const FINE: ReadonlySet<number> = new Set([0, 10, 11]);

/** NB: xmllint writes nodes, not their texts. */
const textOf = (node: string): string =>
  node
    .replace(/^\s*\w+="(.*)"$/, "$1")
    .replace(/^<[^>]*>|<\/[^>]*>$/g, "")
    .replaceAll("&amp;", "&")
    .replaceAll("&gt;", ">")
    .trim();
