import fc from "fast-check";
import { lexer } from "marked";
import { describe, expect, test } from "vitest";
import { block, cell, clock, code, link, list, ordinal } from "../../src/core/markdown.ts";
import { hours, minutes, seconds } from "../support/build.ts";

/** Text that is as much Markdown as can be. */
const nasty = fc
  .array(
    fc.constantFrom(
      "`",
      "```",
      "~~~",
      "\n",
      "\r",
      " ",
      "|",
      "<b>",
      "](x)",
      "@octocat",
      "# ",
      "\\",
      "&lt;",
      "a",
    ),
    { maxLength: 20 },
  )
  .map((parts) => parts.join(""));

describe("a cell of a table", () => {
  test("holds one piece of code and keeps its row whole, whatever the text is", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const [table] = lexer(`| a | b |\n| --- | --- |\n| ${cell(text)} | end |`);

        const row = table?.type === "table" ? (table.rows as { tokens: { type: string }[] }[][])[0] : [];
        const kinds = row?.map(({ tokens }) => tokens.map(({ type }) => type));
        expect(kinds).toEqual([[text.trim() === "" ? "text" : "codespan"], ["text"]]);
      }),
    );
  });
});

describe("a link", () => {
  test("leads to an address of the web", () => {
    expect(link("Log", "https://github.com/a/b")).toBe("[Log](https://github.com/a/b)");
  });

  test.each(["", "javascript:alert(1)", "https://a.test) [x](https://evil.test", "https://a.test <b>"])(
    "is text alone where the address is %j",
    (url) => {
      expect(link("Log", url)).toBe("Log");
    },
  );
});

describe("inline code", () => {
  test("is one code span, whatever is in it", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        fc.pre(text.trim() !== "");

        const [paragraph, ...others] = lexer(`before ${code(text)} after`);

        expect(others).toEqual([]);
        const spans = paragraph?.type === "paragraph" ? paragraph.tokens : [];
        expect(spans?.map(({ type }) => type)).toEqual(["text", "codespan", "text"]);
      }),
    );
  });

  test("keeps a name as it is", () => {
    expect(code("mayfly-lab-plain-aaaaaaaa")).toBe("`mayfly-lab-plain-aaaaaaaa`");
  });

  test("of nothing says so, in place of two loose backticks", () => {
    expect(code(" \n")).toBe("(empty)");
  });
});

describe("a code block", () => {
  test("is one block, whatever is in it", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const blocks = lexer(`before\n\n${block(text)}\n\nafter`).filter(({ type }) => type !== "space");

        expect(blocks.map(({ type }) => type)).toEqual(["paragraph", "code", "paragraph"]);
      }),
    );
  });

  test("keeps the text, but for the empty lines at its end", () => {
    expect(block("  one\ntwo\n\n")).toBe("```text\n  one\ntwo\n```");
  });
});

test.each([
  [0, "0:00"],
  [seconds(18), "0:18"],
  [seconds(59.6), "1:00"],
  [minutes(3) + seconds(12), "3:12"],
  [hours(1) + minutes(2) + seconds(5), "1:02:05"],
  [hours(26), "26:00:00"],
  [-seconds(5), "0:00"],
])("%d ms are shown as %s", (ms, shown) => {
  expect(clock(ms)).toBe(shown);
});

test.each([
  [1, "1st"],
  [2, "2nd"],
  [3, "3rd"],
  [4, "4th"],
  [10, "10th"],
  [11, "11th"],
  [12, "12th"],
  [13, "13th"],
  [21, "21st"],
  [111, "111th"],
  [122, "122nd"],
])("place %d is the %s", (place, word) => {
  expect(ordinal(place)).toBe(word);
});

test.each([
  [[], ""],
  [["a"], "a"],
  [["a", "b"], "a and b"],
  [["a", "b", "c"], "a, b and c"],
])("%j is told as %j", (words, told) => {
  expect(list(words)).toBe(told);
});
