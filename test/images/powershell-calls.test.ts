import { basename, dirname } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Node } from "web-tree-sitter";
import { CMDLETS, IMAGE_CMDLETS, PROGRAMS, RIG_PROGRAMS, TYPES } from "../guest/powershell-known.ts";
import {
  assignedIn,
  commandsOf,
  functionsOf,
  nameOf,
  type ScriptFunction,
  typesOf,
  under,
} from "../guest/powershell-tree.ts";
import { powershellTrees } from "./powershell.ts";
import { readSource, sourcesOf } from "./sources.ts";

/**
 * What every PowerShell script of this repository calls, by its tree: there is no PowerShell here. A new script is among them by itself, and
 * what it calls has to be looked up and entered in powershell-known.ts.
 */
type Script = { file: string; text: string; tree: Node; functions: ScriptFunction[] };
let scripts: Script[];

beforeAll(async () => {
  const treeOf = await powershellTrees();
  const files = await sourcesOf(".ps1");
  scripts = await Promise.all(
    files.map(async (file) => {
      const text = await readSource(file);
      const tree = treeOf(text);
      return { file, text, tree, functions: functionsOf(tree) };
    }),
  );
});

const GUEST = "guest/windows";
const IMAGES = "packer_windows/scripts";
const RIG = "test/rig/windows";
const PARTS = ["mayfly-guest", "https", "calls", "seed", "runner", "system"];

/** The scripts that run in one PowerShell with this one. */
function together(script: Script): Script[] {
  const folder = dirname(script.file);
  const isPart = ({ file }: Script) => PARTS.includes(basename(file, ".ps1"));
  if (folder === GUEST && isPart(script)) return scripts.filter((one) => inFolder(one, GUEST) && isPart(one));
  if (folder === RIG)
    return [script, ...scripts.filter((one) => inFolder(one, GUEST) && isPart(one) && !isSystem(one))];
  if (/^\. C:\\mayfly-build\\lib\.ps1$/m.test(script.text))
    return [script, ...scripts.filter(({ file }) => file === `${IMAGES}/lib.ps1`)];
  return [script];
}

const inFolder = ({ file }: Script, folder: string): boolean => dirname(file) === folder;
const isSystem = ({ file }: Script): boolean => basename(file) === "system.ps1";
const lower = (text: string): string => text.toLowerCase();

/** What there is to call, with its parameters. Images are made by Windows PowerShell 5.1 alone. */
const cmdletsFor = (script: Script): Readonly<Record<string, readonly string[]>> =>
  inFolder(script, IMAGES) ? { ...CMDLETS, ...IMAGE_CMDLETS } : CMDLETS;

const programsFor = (script: Script): readonly string[] =>
  inFolder(script, RIG) ? [...PROGRAMS, ...RIG_PROGRAMS] : PROGRAMS;

/** A script or a program by its path. */
const PATH =
  /^(\$\w+$|\$env:MAYFLY_POWEROFF$|\(Join-Path |"\$(folder|from|runner|build|env:ProgramFiles)\\|'?C:\\mayfly-build\\[\w.-]+\.ps1)/;

describe("what the scripts call", () => {
  test("is asked of those of guest, boxes, images and the rig", () => {
    expect([...new Set(scripts.map(({ file }) => dirname(file)))].sort()).toEqual(
      [GUEST, IMAGES, RIG, "vagrant"].sort(),
    );
  });

  test("is a function of theirs, or a command that the PowerShell that runs them has", () => {
    const unknown = scripts.flatMap((script) => {
      const own = together(script).flatMap(({ functions }) => functions.map(({ name }) => lower(name)));
      return commandsOf(script.tree)
        .map(({ name }) => name)
        .filter((name) => !own.includes(lower(name)) && !(name in cmdletsFor(script)))
        .filter((name) => !programsFor(script).includes(name) && !PATH.test(name))
        .map((name) => `${script.file}: ${name}`);
    });

    expect(unknown).toEqual([]);
  });

  test("takes the parameters that it is given", () => {
    const wrong = scripts.flatMap((script) => {
      const cmdlets = cmdletsFor(script);
      return commandsOf(script.tree).flatMap(({ name, parameters }) =>
        parameters
          .filter((parameter) => name in cmdlets && !cmdlets[name]?.includes(parameter.slice(1)))
          .map((parameter) => `${script.file}: ${name} ${parameter}`),
      );
    });

    expect(wrong).toEqual([]);
  });

  test("are types that .NET Framework 4.7 and .NET 8 both have", () => {
    const unknown = scripts.flatMap(({ file, tree }) =>
      typesOf(tree)
        .filter((type) => !TYPES.includes(type))
        .map((type) => `${file}: ${type}`),
    );

    expect(unknown).toEqual([]);
  });

  test("is never called by another name for it", () => {
    const aliases = scripts.flatMap(({ tree }) => commandsOf(tree).map(({ name }) => name));

    expect(
      aliases.filter((name) =>
        /^(%|\?|cd|cat|cp|curl|dir|echo|iex|irm|iwr|ls|mv|rm|sleep|type|wget)$/i.test(name),
      ),
    ).toEqual([]);
  });
});

describe("the variables", () => {
  const AUTOMATIC = [
    ...["_", "null", "true", "false", "args", "matches", "lastexitcode", "psscriptroot", "pscommandpath"],
    ...["erroractionpreference", "progresspreference"],
  ];

  // NB: in strict mode a variable that was given no value ends the program.
  test("of a function are its own, its file's, or PowerShell's: none is misspelt", () => {
    const unknown = scripts.flatMap((script) => {
      const shared = together(script).flatMap(({ tree }) => [...topLevel(tree)]);
      return script.functions.flatMap(({ name, node }) =>
        misspelt(under(node, "variable"), [...shared, ...assignedIn(node)]).map(
          (variable) => `${script.file}: ${name} $${variable}`,
        ),
      );
    });

    expect(unknown).toEqual([]);
  });

  test("of a file are its own, or those of what it reads in", () => {
    const unknown = scripts.flatMap((script) => {
      const shared = together(script).flatMap(({ tree }) => [...assignedIn(tree), ...topLevel(tree)]);
      const inFunctions = idsIn(script.functions, "variable");
      const outside = under(script.tree, "variable").filter(({ id }) => !inFunctions.has(id));
      return misspelt(outside, shared).map((variable) => `${script.file}: $${variable}`);
    });

    expect(unknown).toEqual([]);
  });

  const misspelt = (variables: readonly Node[], known: readonly string[]): string[] => {
    const all = new Set([...AUTOMATIC, ...known]);
    return variables.map(nameOf).filter((name) => !all.has(lower(name)) && !/^env:/i.test(name));
  };

  const topLevel = (tree: Node): Set<string> => {
    const inFunctions = idsIn(functionsOf(tree), "left_assignment_expression");
    const own = under(tree, "left_assignment_expression").filter(({ id }) => !inFunctions.has(id));
    const parameters = under(tree, "param_block").flatMap((node) => under(node, "variable"));
    return new Set(
      [...own.flatMap((node) => under(node, "variable").slice(0, 1)), ...parameters].map((node) =>
        lower(nameOf(node)),
      ),
    );
  };

  const idsIn = (functions: readonly ScriptFunction[], type: string): Set<number> =>
    new Set(functions.flatMap(({ node }) => under(node, type).map(({ id }) => id)));
});

test("the functions have at most 60 lines, and the scripts at most 350", () => {
  const long = scripts.flatMap(({ functions }) =>
    functions
      .filter(({ node }) => node.endPosition.row - node.startPosition.row > 60)
      .map(({ name }) => name),
  );

  expect(long).toEqual([]);
  expect(scripts.filter(({ text }) => text.split("\n").length > 350).map(({ file }) => file)).toEqual([]);
});
