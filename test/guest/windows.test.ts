import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Node } from "web-tree-sitter";
import { SYSTEMS } from "../../src/core/systems.ts";
import { powershellTrees } from "../images/powershell.ts";
import { outcomes } from "./contract.ts";
import { PROGRAMS } from "./powershell-known.ts";
import { commandsOf, functionsOf, type ScriptFunction, under } from "./powershell-tree.ts";

/**
 * What can be said of the Windows guest where there is no PowerShell: by the trees of its scripts. It runs nothing. With MAYFLY_PWSH the
 * suite of all guests runs it: windows-job.test.ts, windows-idle.test.ts. What it calls: ../images/powershell-calls.test.ts.
 */
const FOLDER = "guest/windows";
const GUEST = ["mayfly-guest", "https", "calls", "seed", "runner", "system"];

type Script = { name: string; text: string; tree: Node; functions: ScriptFunction[] };
let scripts: Script[];
let guest: Script[];
let standIn: Script;

beforeAll(async () => {
  const treeOf = await powershellTrees();
  const read = (path: string): Script => {
    const text = readFileSync(path, "utf8");
    const tree = treeOf(text);
    return {
      name: path.replace(/^.*\//, "").replace(/\.ps1$/, ""),
      text,
      tree,
      functions: functionsOf(tree),
    };
  };
  scripts = [
    ...readdirSync(FOLDER)
      .filter((name) => name.endsWith(".ps1"))
      .map((name) => read(join(FOLDER, name))),
    read("vagrant/bootstrap_windows.ps1"),
  ];
  guest = scripts.filter(({ name }) => GUEST.includes(name));
  standIn = read("test/rig/windows/system.ps1");
});

function bodyOf(name: string): Node {
  const found = guest.flatMap(({ functions }) => functions).find((one) => one.name === name);
  if (!found) throw new Error(`the guest has no function ${name}`);
  return found.node;
}

/** The names of what a function calls, in order: commands, and methods of objects and types. */
const callsIn = (name: string): string[] =>
  under(bodyOf(name), "command_name", "member_name").map(({ text }) => text);

describe("the functions", () => {
  test("that tests put in place of Windows have the same names and parameters", () => {
    const own = guest.find(({ name }) => name === "system");
    const signature = ({ name, parameters }: ScriptFunction) => `${name} ${parameters.length}`;
    const inRig = standIn.functions.map(signature);

    expect(own?.functions.map(signature).filter((one) => !inRig.includes(one))).toEqual([]);
  });
});

describe("the guest", () => {
  test("puts the seed away, then sets the life limit, then looks for the runner and asks for work", () => {
    const calls = callsIn("Invoke-Guest");

    const steps = [
      "Find-Seed",
      "Read-Seed",
      "Start-LifeLimit",
      "Request-Work",
      "Invoke-Runner",
      "Send-Failure",
      "Stop-Machine",
    ];
    expect(calls.filter((call) => steps.includes(call))).toEqual(steps);
    expect(callsIn("Read-Seed")[0]).toBe("Hide-Seed");
  });

  test("powers off whatever happens, but not without a seed", () => {
    const body = bodyOf("Invoke-Guest");
    const [tried] = under(body, "try_statement");
    const last = under(body, "finally_clause").at(-1);

    expect(tried && commandsOf(tried)).toHaveLength(commandsOf(body).length);
    expect(last?.text).toMatch(/^finally \{\s+if \(\$isOurs\) \{/);
    expect(last && commandsOf(last).map(({ name }) => name)).toEqual(["Write-Said", "Stop-Machine"]);
    expect(body.text).toMatch(/if \(-not \$isOurs\) \{\s+Write-Said '.* left alone'\s+return/);
    expect(body.text.match(/\$isOurs = .*/g)).toEqual(["$isOurs = $true", "$isOurs = $null -ne $seed"]);
  });

  test("finds out whose VM it is whatever becomes of the folder for its log", () => {
    const [, made] = under(bodyOf("Invoke-Guest"), "try_statement");

    expect(made?.text).toMatch(
      /^try \{\s+Initialize-Run\s+\} finally \{\s+\$seed = Find-Seed\s+\$isOurs = \$null -ne \$seed\s+\}$/,
    );
  });

  test("stays for no log that cannot be written", () => {
    const [tried] = under(bodyOf("Write-Said"), "try_statement");

    expect(tried?.text).toContain("AppendAllText");
  });

  test("looks again where it could not look for the seed, and fails only if it never could", () => {
    const body = bodyOf("Find-Seed");
    const [tried] = under(body, "try_statement");

    expect(tried && commandsOf(tried).map(({ name }) => name)).toEqual(["Find-SeedOnce"]);
    expect(tried?.text).toMatch(/^try \{\s+\$seed = Find-SeedOnce\s+\$hasLooked = \$true\s+\} catch /);
    expect(body.text).toMatch(/\} while \(.*\)\n +if \(-not \$hasLooked\) \{ throw /);
    expect(body.text.match(/\$hasLooked = .*/g)).toEqual(["$hasLooked = $false", "$hasLooked = $true"]);
    expect(body.text.indexOf("$hasLooked = $false")).toBeLessThan(body.text.indexOf("do {"));
  });

  test("looks at the controller's certificate before it sends anything", () => {
    expect(
      callsIn("Invoke-Call").filter((call) => /^(Open-Tls|Send-Request|Read-Answer)$/.test(call)),
    ).toEqual(["Open-Tls", "Send-Request", "Read-Answer"]);
    const order = callsIn("Open-Tls").filter((call) =>
      /^(AuthenticateAsClient|Test-Signed|Get-CertificateName)$/.test(call),
    );
    expect(order).toEqual(["AuthenticateAsClient", "Test-Signed", "Get-CertificateName"]);
    expect(under(bodyOf("Open-Tls"), "flow_control_statement").map(({ text }) => text.split(" ")[0])).toEqual(
      ["throw", "throw", "return"],
    );
    expect(callsIn("Test-Signed")).toEqual(expect.arrayContaining(["Build", "ChainElements", "Authority"]));
  });

  test("gives a claim 40 s, and everything else 10 s", () => {
    const limits = guest.flatMap(({ tree }) =>
      commandsOf(tree)
        .filter(({ name }) => name === "Invoke-Call")
        .map(({ text }) => text.match(/^Invoke-Call (\S+) .* (\d+)$/)?.slice(1)),
    );

    expect(limits).toEqual(
      expect.arrayContaining([
        ["'claim'", "40"],
        ["$path", "10"],
      ]),
    );
    expect(limits).toHaveLength(2);
  });

  test("says how the runner ended in the contract's words", () => {
    const clauses = under(bodyOf("Get-Outcome"), "switch_clause").flatMap((clause) => {
      const [condition, body] = clause.namedChildren;
      const codes = condition?.text.match(/\d+/g) ?? [];
      const text = under(body as Node, "string_literal")[0]?.text.slice(1, -1);
      return codes.map((code) => [Number(code), text] as const);
    });

    const said = new Map(clauses);
    for (const { exitCode, text } of outcomes())
      expect([exitCode, said.get(exitCode)]).toEqual([exitCode, text]);
    expect(said.get(4)).toBe(said.get(3));
    expect(bodyOf("Get-Outcome").text).toContain('"the runner was killed by signal $($code - 128)"');
  });
});

describe("secrets", () => {
  const SECRET =
    /\$(?:guest\.Token|guest\.Secrets|runnerPassword|registration\.(?:jit|token)|\w*[Pp]assword|\w*[Tt]oken)\b/;

  test("are in no argument of a program", () => {
    const programs = scripts.flatMap(({ tree }) =>
      commandsOf(tree).filter(({ node, name }) => node.text.startsWith("&") || PROGRAMS.includes(name)),
    );

    expect(programs.length).toBeGreaterThan(8);
    expect(programs.map(({ text }) => text).filter((text) => SECRET.test(text))).toEqual([]);
  });

  test("reach the runner by its environment", () => {
    const started = guest.flatMap(({ tree }) =>
      commandsOf(tree).filter(({ name }) => name === "Start-AsRunner"),
    );

    expect(started).toHaveLength(3);
    for (const { text } of started) expect(text.replace(/@\{.*\}/s, "")).not.toMatch(SECRET);
    const named = bodyOf("Register-Runner").text.match(/\$named = (.*)/)?.[1];
    expect(named).not.toMatch(SECRET);
  });

  test("are taken out of what is sent as a log, and of failures", () => {
    expect(callsIn("Send-Log")).toContain("Protect-Text");
    expect(bodyOf("Send-Failure").text).toContain("text = (Protect-Text $text)");
    expect(bodyOf("Invoke-Call").text).toContain("Protect-Text");
  });

  test("are written to no file", () => {
    const written = guest.flatMap(({ tree }) =>
      under(tree, "invokation_expression").filter(({ text }) =>
        /\b(?:AppendAllText|WriteAllText)\b/.test(text),
      ),
    );

    expect(written.length).toBeGreaterThan(3);
    expect(written.map(({ text }) => text).filter((text) => SECRET.test(text))).toEqual([]);
  });
});

describe("the tasks", () => {
  const text = () => scripts.find(({ name }) => name === "install-guest")?.text ?? "";

  test("run as SYSTEM, without the end after three days and the low priority that tasks have", () => {
    expect(text()).toContain("$system = 'S-1-5-18'");
    expect(text()).toContain("-UserId $system -LogonType ServiceAccount -RunLevel Highest");
    expect(text()).toContain("-ExecutionTimeLimit ([TimeSpan]::Zero) -Priority 4");
  });

  test("are the guest at each start of the system, and the life limit when the guest asks for it", () => {
    expect(text()).toMatch(
      /Install-Task 'Mayfly guest' 'mayfly-guest.ps1' \(New-ScheduledTaskTrigger -AtStartup\)/,
    );
    expect(text()).toContain("Install-Task 'Mayfly life limit' 'life-limit.ps1' $null");
    expect(bodyOf("Start-LifeLimit").text).toContain("schtasks.exe /run /tn 'Mayfly life limit'");
  });

  test("have all of their files installed", () => {
    const installed = text().match(/^\$programs = (.*)$/m)?.[1] ?? "";
    const files = readdirSync(FOLDER).filter((name) => !/^install-|^README/.test(name));

    expect(files.filter((name) => !installed.includes(`'${name}'`))).toEqual([]);
  });
});

describe("the bootstrap of a box", () => {
  const functionOf = (name: string): Node => {
    const bootstrap = scripts.find((script) => script.name === "bootstrap_windows");
    const found = bootstrap?.functions.find((one) => one.name === name);
    if (!found) throw new Error(`the bootstrap has no function ${name}`);
    return found.node;
  };

  // NB: Windows lets nobody replace a run-as.dll that a program has loaded
  test("waits until the box's own guest program has ended, for a while, before it installs ours", () => {
    const steps = under(functionOf("Start-Bootstrap"), "command_name", "command_name_expr").map(
      ({ text }) => text,
    );
    const [waiting] = under(functionOf("Stop-Guest"), "while_statement");

    expect(steps.slice(0, 2)).toEqual(["Stop-Guest", '"$from\\windows\\install-guest.ps1"']);
    expect(functionOf("Stop-Guest").text).toMatch(/Stop-ScheduledTask -TaskName \$task\n/);
    expect(waiting?.text).toMatch(/^while \(\(Get-ScheduledTask -TaskName \$task\)\.State -eq 'Running'\)/);
    expect(waiting?.text).toMatch(/-ge \$stopSeconds\) \{ throw /);
  });
});

describe("the places", () => {
  const WINDOWS = SYSTEMS.windows;
  const expanded = (path: string): string =>
    path.replace("C:\\ProgramData", "$env:ProgramData").replace("C:\\Program Files", "$env:ProgramFiles");

  test("are those of the table of systems", () => {
    const system = guest.find(({ name }) => name === "system")?.text ?? "";
    const install = scripts.find(({ name }) => name === "install-guest")?.text ?? "";
    const bootstrap = scripts.find(({ name }) => name === "bootstrap_windows")?.text ?? "";

    expect(system).toContain(`Runner      = '${WINDOWS.runner}'`);
    expect(system).toMatch(/\$data = Join-Path \$env:ProgramData 'Mayfly'\n/);
    expect(system).toContain("SeedFile    = Join-Path $data 'seed.json'");
    expect(expanded(WINDOWS.seedFile)).toBe("$env:ProgramData\\Mayfly\\seed.json");
    expect(install).toContain("$target = Join-Path $env:ProgramFiles 'Mayfly'");
    expect(expanded(WINDOWS.program)).toBe("$env:ProgramFiles\\Mayfly\\mayfly-guest.ps1");
    expect(bootstrap).toContain(`$from = '${WINDOWS.upload.replaceAll("/", "\\")}'`);
    expect(bootstrap).toContain("Write-Output 'mayfly: the guest program was started'");
  });
});
