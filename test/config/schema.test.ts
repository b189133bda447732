import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { schemaText } from "../../src/config/schema.ts";
import { readSettings } from "../../src/config.ts";
import { changed, GOOD } from "./file.ts";

const project = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

describe("docs/mayfly.schema.json", () => {
  const written = readFileSync(project("docs/mayfly.schema.json"), "utf8");
  const accepts = new Ajv2020().compile(JSON.parse(written));

  test("is the one of the code; npm run schema writes it", () => {
    expect(written).toBe(schemaText());
  });

  test("accepts a good catalogue", () => {
    expect(accepts(parse(GOOD))).toBe(true);
  });

  test.each([
    ["an unknown key", "machines: 4", "machnes: 4"],
    ["a size without a unit", "16 GiB", "16"],
    ["a label with a comma", "spinw-linux]", '"a,b"]'],
    ["a missing list", "repositories:", "repository:"],
  ])("finds %s", (_, from, to) => {
    expect(accepts(parse(changed(from, to)))).toBe(false);
  });
});

describe("mayfly.example.yml", () => {
  const file = project("mayfly.example.yml");

  test("is a catalogue without faults", () => {
    expect(readSettings({ file, env: {} }).catalogue.controller).toBe("lab");
  });

  test("shows every key at its top level, but those that hardly anybody needs", () => {
    const shown = Object.keys(parse(readFileSync(file, "utf8")));
    const known = Object.keys(JSON.parse(schemaText()).properties);

    expect(known.filter((key) => !shown.includes(key))).toEqual(["log", "patience"]);
  });

  test("has examples in its comments that are right, too", () => {
    const text = readFileSync(file, "utf8");
    const block = /^ {2}# (- name: linux-matlab\n(?: {2}# .*\n)+)/m.exec(text)?.[1] ?? "";
    const [image] = parse(block.replaceAll(/^ {2}# /gm, "").replace("…", "a".repeat(64)));
    const accepts = new Ajv2020().compile(JSON.parse(schemaText()));

    const catalogue = { ...parse(text), images: [image] };

    expect(image).toMatchObject({ name: "linux-matlab", prepared: true });
    expect(accepts(catalogue)).toBe(true);
  });
});
