import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { commandsIn, type Help, namedInVain, readHelp } from "./names.ts";
import { type Block, blocksIn, blocksOf, codeIn, linksOf, PAGES, PROJECT, targetOf } from "./pages.ts";

/** What the docs name is there: commands and options, scripts, files, variables, and the pages themselves. */

/** `sh` is commands, `ini` variables of the environment. Nobody looks at what is printed, or is another program's. */
const LANGUAGES = ["sh", "yaml", "ini", "text", "caddyfile"];
const LIMIT_MS = 60_000;
const INDEX = "docs/README.md";
let help: Help;

beforeAll(async () => {
  help = await readHelp();
}, LIMIT_MS);

describe("the docs", () => {
  test.each(PAGES)("name only what is there: %s", (page) => {
    expect(namedInVain(blocksOf(page), codeIn(page), help)).toEqual([]);
  });

  test("say of each block what it is, so that none with commands is passed over", () => {
    const strange = PAGES.flatMap(blocksOf).filter(({ lang }) => !LANGUAGES.includes(lang));

    expect(strange).toEqual([]);
  });

  test("name variables of the environment that the code reads", () => {
    const sources = globSync("src/**/*.ts", { cwd: PROJECT });
    const code = sources.map((file) => readFileSync(join(PROJECT, file), "utf8")).join("\n");

    const variables = PAGES.flatMap(blocksOf)
      .filter(({ lang }) => lang === "ini")
      .flatMap(({ text }) => Array.from(text.matchAll(/^(\w+)=/gm), ([, name = ""]) => name));

    expect(variables).toContain("RELAY_TOKEN");
    expect(variables.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
  });

  test("have an index that leads to each page", () => {
    const listed = linksOf(INDEX).map((href) => targetOf(INDEX, href.replace(/#.*/, "")));

    const missing = PAGES.filter(
      (page) => page.startsWith("docs/") && page !== INDEX && !listed.includes(page),
    );

    expect(missing).toEqual([]);
  });
});

describe("the look at names", () => {
  const block = (text: string): Block => ({
    page: "",
    lang: "sh",
    text,
    notRun: "test/upgrade.test.ts does, test/none.test.ts does not",
  });

  test("knows the commands of mayfly with their options", () => {
    expect([...help.keys()]).toEqual(
      expect.arrayContaining(["start", "check", "ps", "why", "logs", "drain"]),
    );
    expect([...(help.get("ps") ?? [])]).toEqual(
      expect.arrayContaining(["-w", "--watch", "--json", "--config"]),
    );
  });

  test("finds what is not there, also in blocks that are not run", () => {
    const text =
      "sudo mayfly pss | grep x && mayfly ps --wacth # mayfly oh\nnpm run bench:all\n/opt/mayfly/script/dmeo --stay\nmayfly ps -w";
    const codes = ["mayfly why -f JOB", "src/core/heap.ts", "src/core/plan.ts", "script/demo --stay"];

    expect(namedInVain([block(text)], codes, help)).toEqual([
      ...["mayfly pss", "mayfly ps --wacth", "npm run bench:all", "script/dmeo", "mayfly why -f"],
      ...["src/core/heap.ts", "test/none.test.ts"],
    ]);
  });

  test("takes a mark for the block right behind it, and for no other", () => {
    const mark = "<!-- not run here: why -->";
    const marked = (between: string) =>
      blocksIn("", `${mark}${between}\n\`\`\`sh\ncurl\n\`\`\`\n`).map(({ notRun }) => notRun);

    expect(["", "\n", "\nWords.\n", "\n\n<br>\n"].map(marked)).toEqual([
      ["why"],
      ["why"],
      [undefined],
      [undefined],
    ]);
  });

  test("takes a line apart as a shell does", () => {
    expect(commandsIn('A=b mayfly check --runs-on "[a, b]" && true; false # c')).toEqual([
      ["mayfly", "check", "--runs-on", '"[a, b]"'],
      ["true"],
      ["false"],
    ]);
  });
});
