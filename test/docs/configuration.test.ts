import { marked, type Tokens } from "marked";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { toPatience } from "../../src/config/catalogue.ts";
import { jsonSchema } from "../../src/config/schema.ts";
import { toMs } from "../../src/config/units.ts";
import { textOf } from "./pages.ts";

/** docs/configuration.md has the keys of mayfly.yml, and the defaults that Mayfly goes by. */

const node = z.looseObject({
  default: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
});
type Keys = Record<string, unknown>;

/** Each key with its default, by section. The entries of a list, and `patience`, have a section of their own. */
function keysOfSchema(): Record<string, Keys> {
  const root = node.parse(jsonSchema());
  const { patience, ...top } = root.properties ?? {};
  const sections = Object.entries(top).flatMap(([key, value]) => {
    const items = node.optional().parse(node.parse(value).items);
    return items?.properties ? [[key, flat(items.properties)] as const] : [];
  });
  return { "At the top": flat(top), ...Object.fromEntries(sections), patience: patienceKeys(patience) };
}

/** `limits: { boot }` is `limits.boot`. */
function flat(properties: Record<string, unknown>, prefix = ""): Keys {
  return Object.fromEntries(
    Object.entries(properties).flatMap(([key, value]): [string, unknown][] => {
      const { properties: inner, default: fallback } = node.parse(value);
      const name = prefix + key;
      return inner ? Object.entries(flat(inner, `${name}.`)) : [[name, fallback]];
    }),
  );
}

/** NB: its defaults are the core's, in milliseconds. */
function patienceKeys(patience: unknown): Keys {
  const defaults: Record<string, number> = toPatience({});
  return Object.fromEntries(
    Object.keys(node.parse(patience).properties ?? {}).map((key) => [
      key,
      defaults[`${key}Ms`] ?? defaults[key],
    ]),
  );
}

/** What the page says: the first two columns of the tables below each heading. */
function keysOfPage(): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {};
  let heading = "";
  for (const token of marked.lexer(textOf("docs/configuration.md"))) {
    if (token.type === "heading") heading = String(token.text);
    if (token.type === "table") {
      const rows = (token as Tokens.Table).rows.map(([key, fallback]) => [bare(key), bare(fallback)]);
      sections[heading] = { ...sections[heading], ...Object.fromEntries(rows) };
    }
  }
  return sections;
}

const bare = (cell: Tokens.TableCell | undefined): string => (cell?.text ?? "").replaceAll("`", "");

const IN_SCHEMA = keysOfSchema();
const ON_PAGE = keysOfPage();
const SECTIONS = ["At the top", "hosts", "images", "repositories", "patience"];

describe("docs/configuration.md", () => {
  test("has a table for each part of mayfly.yml", () => {
    expect(Object.keys(ON_PAGE).toSorted()).toEqual(SECTIONS.toSorted());
    expect(Object.keys(IN_SCHEMA).toSorted()).toEqual(SECTIONS.toSorted());
  });

  test.each(SECTIONS)("has every key that there is, and no other: %s", (section) => {
    expect(Object.keys(ON_PAGE[section] ?? {}).toSorted()).toEqual(
      Object.keys(IN_SCHEMA[section] ?? {}).toSorted(),
    );
  });

  test.each(SECTIONS)("says the defaults that are in force: %s", (section) => {
    const wrong = Object.entries(IN_SCHEMA[section] ?? {}).filter(([key, fallback]) => {
      const said = ON_PAGE[section]?.[key] ?? "";
      if (typeof fallback === "number" && /[a-z]$/.test(said)) return toMs(said) !== fallback;
      return isPlain(fallback) && said !== String(fallback);
    });

    expect(wrong).toEqual([]);
  });
});

/** Others are empty lists and mappings, which the page puts into words. */
const isPlain = (value: unknown): boolean => ["string", "number", "boolean"].includes(typeof value);
