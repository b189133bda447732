import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const SRC = fileURLToPath(new URL("../src", import.meta.url));

/** What everybody but the core may use. */
const SHARED = ["core", "ports", "clock", "log"];

/**
 * Which module of src may import which; itself always. A module is a folder, or a file outside of all folders.
 * Arrows point to the core; adapters never see each other.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | "everything">> = {
  core: [],
  ports: ["core"],
  log: [],
  token: [],
  clock: ["ports"],

  // the ring
  source: SHARED,
  asked: SHARED,
  "host-room": [...SHARED, "asked"],
  "image-warnings": SHARED,
  observe: [...SHARED, "asked", "host-room", "image-warnings", "source"],
  usual: SHARED,
  act: [...SHARED, "observe", "token", "usual"],
  ordering: SHARED,
  publishing: SHARED,
  reconcile: [...SHARED, "observe", "act", "ordering", "publishing"],

  // what is asked of a webhook, whatever way it comes
  webhook: SHARED,

  // adapters
  drivers: SHARED,
  github: SHARED,
  guest: [...SHARED, "token"],
  intake: [...SHARED, "webhook"],
  store: SHARED,
  // a page and the command line say and do the same
  web: [...SHARED, "control"],

  // a program of its own, which shares nothing with the controller but what is asked of a webhook
  relay: ["ports", "clock", "log", "webhook"],

  // what they are put together from
  evidence: SHARED,
  // a click on a check run does the same as one on a page
  app: [...SHARED, "github", "control"],
  config: [...SHARED, "webhook"],
  control: SHARED,
  main: "everything",
  cli: "everything",
};

type Source = { file: string; text: string };

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({ file, text: readFileSync(join(SRC, file), "utf8") }));

describe("the sources", () => {
  test("import only what the import rule allows", () => {
    expect(sources.flatMap(forbiddenImports)).toEqual([]);
  });

  test("of the core are pure: no promise, no clock, no chance", () => {
    expect(sources.filter(({ file }) => moduleOf(file) === "core").flatMap(impurities)).toEqual([]);
  });

  test("have at most 350 lines each", () => {
    const long = sources.filter(({ text }) => text.split("\n").length > 351);

    expect(long.map(({ file }) => file)).toEqual([]);
  });
});

describe("the import rule", () => {
  const found = (file: string, text: string) => forbiddenImports({ file, text });

  test("lets an adapter import the core, the ports and itself", () => {
    const text =
      'import type { Job } from "../core/types.ts";\nimport { x } from "../ports.ts";\nimport { y } from "./y.ts";';

    expect(found("github/jobs.ts", text)).toEqual([]);
  });

  test("finds an import however it is written", () => {
    const ways = [
      'import { x } from "../store/x.ts";',
      'import {\n  x,\n} from "../store/x.ts";',
      'import type { X } from "../store/x.ts";',
      'export { x } from "../store/x.ts";',
      'import "../store/x.ts";',
      'const x = await import("../store/x.ts");',
    ];

    for (const text of ways)
      expect(found("github/jobs.ts", text)).toEqual(["github/jobs.ts imports store/x.ts"]);
  });

  test("lets the core import nothing from outside", () => {
    expect(found("core/plan.ts", 'import { readFileSync } from "node:fs";')).toHaveLength(1);
    expect(found("core/plan.ts", 'import { z } from "zod";')).toHaveLength(1);
    expect(found("core/plan.ts", 'import { Driver } from "../ports.ts";')).toHaveLength(1);
    expect(found("core/plan.ts", 'import { turn } from "./turn.ts";')).toEqual([]);
  });

  test("knows every module, so that a new one has to be entered", () => {
    expect(found("heap/x.ts", 'import { y } from "./y.ts";')).toEqual(["heap/x.ts imports heap/y.ts"]);
  });

  test("tells a word in the core's comments from the same word in its code", () => {
    const impure = (text: string) => impurities({ file: "core/x.ts", text });

    expect(impure("/** Never async. */\n// no await\nconst a = 1;")).toEqual([]);
    expect(impure("const now = Date.now();")).toEqual(["core/x.ts:1 Date.now"]);
    expect(impure("const now = new Date();")).toEqual(["core/x.ts:1 new Date()"]);
    expect(impure("\nexport async function f() {}")).toEqual(["core/x.ts:2 async"]);
  });
});

function forbiddenImports({ file, text }: Source): string[] {
  const from = moduleOf(file);
  const allowed = MAY_IMPORT[from];
  return importsOf(text).flatMap((name) => {
    if (!name.startsWith(".")) return from === "core" ? [`${file} imports ${name}`] : [];
    const target = relative(SRC, join(SRC, dirname(file), name));
    const to = moduleOf(target);
    const isAllowed = allowed === "everything" || (allowed && (to === from || allowed.includes(to)));
    return isAllowed ? [] : [`${file} imports ${target}`];
  });
}

const moduleOf = (file: string): string => file.split("/")[0]?.replace(/\.ts$/, "") ?? file;

const importsOf = (text: string): string[] =>
  WAYS.flatMap((way) => Array.from(text.matchAll(way), ([, name = ""]) => name));

const WAYS: readonly RegExp[] = [
  /^import\b[^;"]*"([^"]+)"/gm,
  /^export\b[^;"=(]*\bfrom\s*"([^"]+)"/gm,
  /\bimport\(\s*"([^"]+)"/g,
];

function impurities({ file, text }: Source): string[] {
  const found: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const isComment = /^\s*(?:\*|\/\*|\/\/)/.test(line);
    const word =
      /\b(?:async|await|Promise|Date\.now|Math\.random|crypto|process|setTimeout)\b|\bnew Date\(\)/.exec(
        line,
      );
    if (!isComment && word) found.push(`${file}:${index + 1} ${word[0]}`);
  }
  return found;
}
