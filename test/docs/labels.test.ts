import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { readSettings } from "../../src/config.ts";
import { tryRunsOn } from "../../src/control/runs-on.ts";
import type { Catalogue } from "../../src/core/types.ts";
import { catalogueFile, faultsOf, GOOD } from "../config/file.ts";
import { blocksOf, codeIn, PAGES, PROJECT } from "./pages.ts";

/** The catalogues in the docs are whole and right, and each `runs-on` there leads to an image of one of them. */

const REPO = "SpinW/spinw";
/** GitHub's own runners. See: docs.github.com, "GitHub-hosted runners reference". */
const HOSTED = /^(?:ubuntu|windows|macos)-[\w.-]+$/;

const catalogueShape = z.looseObject({ images: z.array(z.unknown()).optional() });
const workflowShape = z.object({
  jobs: z.record(
    z.string(),
    z.looseObject({
      "runs-on": z.unknown(),
      strategy: z.object({ matrix: z.record(z.string(), z.array(z.unknown())) }).optional(),
    }),
  ),
});
type WorkflowJob = z.infer<typeof workflowShape>["jobs"][string];

/** Those that nobody marked as another program's. */
const yamlOf = (page: string): string[] =>
  blocksOf(page)
    .filter(({ lang, notRun }) => lang === "yaml" && notRun === undefined)
    .map(({ text }) => text);

/** Catalogues, of which a page may show a part: what it leaves out is as in a small one without faults. */
function cataloguesOf(page: string): string[] {
  return yamlOf(page).flatMap((text) => {
    const value = catalogueShape.safeParse(parse(text)).data;
    if (!value || "jobs" in value) return [];
    return ["controller" in value ? text : stringify({ ...parse(GOOD), ...value })];
  });
}

/** All images of all of them, for one repository. */
function catalogueOfDocs(): Catalogue {
  const example = readSettings({ file: join(PROJECT, "mayfly.example.yml"), env: {} }).catalogue;
  const shown = PAGES.flatMap(cataloguesOf).map((text) =>
    readSettings({ file: catalogueFile(text), env: {} }),
  );
  const images = [...example.images, ...shown.flatMap(({ catalogue }) => catalogue.images)];
  const repositories = example.repositories.map((one) => ({
    ...one,
    name: REPO,
    images: images.map(({ name }) => name),
  }));
  return { ...example, images, repositories };
}

/** What `runs-on` of a job comes to, as it would be pasted. Of expressions only `matrix` is known. */
function linesOf({ "runs-on": runsOn, strategy }: WorkflowJob): string[] {
  const line = JSON.stringify(runsOn);
  const key = /\$\{\{ matrix\.(\w+) \}\}/.exec(line)?.[1];
  if (key === undefined) return [line];
  return (strategy?.matrix[key] ?? []).map((value) =>
    line.replaceAll(`\${{ matrix.${key} }}`, String(value)),
  );
}

const linesIn = (text: string): string[] =>
  Object.values(workflowShape.safeParse(parse(text)).data?.jobs ?? {}).flatMap(linesOf);

/** Why a line leads to no image of Mayfly's, and not to a runner of GitHub's either. */
function faultsOfLine(line: string, catalogue: Catalogue): string[] {
  const { image, labels, sentences } = tryRunsOn(line, REPO, catalogue);
  const isHosted = labels.length === 1 && HOSTED.test(labels[0] ?? "");
  return image || isHosted ? [] : [...sentences];
}

describe("a catalogue in the docs", () => {
  test.each(PAGES.flatMap((page) => cataloguesOf(page).map((text) => [page, text] as const)))(
    "has no fault: %s",
    (_, text) => {
      expect(faultsOf(text)).toEqual([]);
    },
  );

  test("is found by this test", () => {
    expect(PAGES.filter((page) => cataloguesOf(page).length > 0)).toContain("docs/operator.md");
  });
});

describe("a runs-on in the docs", () => {
  test("leads to an image of a catalogue in the docs, or to a runner of GitHub's", () => {
    const catalogue = catalogueOfDocs();
    const sentences = PAGES.flatMap(codeIn).filter((code) => /^runs-on: [\w[]/.test(code));
    const lines = [...PAGES.flatMap(yamlOf).flatMap(linesIn), ...sentences];

    expect(lines).toContain('["self-hosted","spinw-linux"]');
    expect(lines.flatMap((line) => faultsOfLine(line, catalogue))).toEqual([]);
  });

  test.each([
    [
      "[self-hosted, spinw-linx]",
      "{ matrix: {} }",
      "No image has the label spinw-linx; the nearest is spinw-linux.",
    ],
    ["[self-hosted, linux]", "{ matrix: {} }", "It asks for general labels only (self-hosted and linux)."],
    [
      "$" + "{{ matrix.os }}",
      "{ matrix: { os: [ubuntu-24.04, spinw-vax] } }",
      "No image has the label spinw-vax.",
    ],
  ])("that leads nowhere is found: %s", (runsOn, strategy, fault) => {
    const lines = linesIn(
      `jobs: { a: { runs-on: ${JSON.stringify(parse(runsOn) ?? runsOn)}, strategy: ${strategy} } }`,
    );

    const faults = lines.flatMap((line) => faultsOfLine(line, catalogueOfDocs()));

    expect(faults).toEqual([expect.stringContaining(fault)]);
  });
});
