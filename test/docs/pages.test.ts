import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { readRepositoryFile } from "../../src/config/repository-file.ts";
import { CATALOGUE_SCHEMA } from "../../src/config/schema.ts";
import { readRunsOn } from "../../src/control/runs-on.ts";
import { anchorsOf, type Block, blocksOf, linksOf, PAGES, PROJECT, targetOf } from "./pages.ts";

describe("a link in the docs", () => {
  test.each(PAGES)("leads to something that is there: %s", (page) => {
    const dead = linksOf(page).filter((href) => {
      const [path = "", anchor] = href.split("#");
      const target = targetOf(page, path);
      if (!existsSync(join(PROJECT, target))) return true;
      return anchor !== undefined && target.endsWith(".md") && !anchorsOf(target).has(anchor);
    });

    expect(dead).toEqual([]);
  });

  test("is found by this test", () => {
    expect(linksOf("README.md").length).toBeGreaterThan(10);
    expect(anchorsOf("docs/operator.md")).toContain("pull-requests-from-forks");
  });
});

const YAML = PAGES.flatMap(blocksOf).filter(({ lang, notRun }) => lang === "yaml" && notRun === undefined);

describe("a piece of YAML in the docs", () => {
  test.each(YAML.map((block) => [block.page, block.text.split("\n")[0], block] as const))(
    "is right: %s, %s",
    (_page, _line, block) => {
      expect(faultsOf(block)).toEqual([]);
    },
  );

  test("is judged by what it is", () => {
    const judged = (text: string) => faultsOf({ page: "", lang: "yaml", text, notRun: undefined });

    expect(judged("controller: lab\nwebb: {}\n")).not.toEqual([]);
    expect(judged("images:\n  linux: { labels: [a], warm: 1 }\n")).not.toEqual([]);
    expect(judged("on: push\njobs: { a: { runs-on: [[b]] } }\n")).not.toEqual([]);
    expect(judged("something: else\n")).not.toEqual([]);
  });
});

const workflow = z.object({
  on: z.unknown(),
  jobs: z.record(z.string(), z.looseObject({ "runs-on": z.unknown() })),
});
const settingsFile = z.object({ images: z.record(z.string(), z.unknown()) });

/** A workflow, a `.github/mayfly.yml`, or a `mayfly.yml`, of which a page may show a part. */
function faultsOf({ text }: Block): string[] {
  const value: unknown = parse(text);
  const asWorkflow = workflow.safeParse(value);
  if (asWorkflow.success)
    return Object.values(asWorkflow.data.jobs).flatMap((job) => runsOnFaults(job["runs-on"]));
  if (settingsFile.safeParse(value).success)
    return readRepositoryFile(text.length, Buffer.from(text)).faults.map((fault) => fault.text);
  const part = CATALOGUE_SCHEMA.partial().safeParse(value);
  return part.success ? [] : part.error.issues.map(({ message, path }) => `${path.join(".")}: ${message}`);
}

/** NB: what an expression comes to only GitHub knows. */
function runsOnFaults(runsOn: unknown): string[] {
  const read = readRunsOn(JSON.stringify(runsOn));
  return "labels" in read || read.sentence.startsWith("An expression") ? [] : [read.sentence];
}
