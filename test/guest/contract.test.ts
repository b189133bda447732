import { expect, test } from "vitest";
import { type Os, SYSTEMS } from "../../src/core/systems.ts";
import { claimCall, reportCall } from "../../src/guest/calls.ts";
import type { Seed } from "../../src/ports.ts";
import { contract, example, exampleNames, exampleUserData, outcomes } from "./contract.ts";

/** What the controller puts into a seed: the compiler demands that this names every field. */
const SEED: Record<keyof Seed, "string" | "number"> = {
  machine: "string",
  url: "string",
  ca: "string",
  token: "string",
  lifeSeconds: "number",
};

test("the contract's seed has exactly the fields that the controller writes", () => {
  const seed = example("seed");

  expect(Object.fromEntries(Object.entries(seed).map(([field, value]) => [field, typeof value]))).toEqual(
    SEED,
  );
});

test("the contract's claim is one that the controller understands, field for field", () => {
  expect(claimCall.parse(example("claim"))).toEqual(example("claim"));
});

test("the contract has an example of each report but the optional one, and the controller understands them", () => {
  const reports = exampleNames("report-").map((name) => reportCall.parse(example(name)));

  expect(reports.map(({ stage }) => stage).sort()).toEqual(["ended", "failed", "runner-started", "working"]);
});

test("the contract's seed and answers are plain JSON, as it promises", () => {
  for (const name of ["seed", "answer-jit", "answer-token"]) {
    expect(JSON.stringify(example(name)).replaceAll("\\n", "")).not.toContain("\\");
  }
});

test("the contract's user data are a mark of eleven letters and a seed, each on its line", () => {
  const [mark, seed = "", ...rest] = exampleUserData().split("\n");

  expect(mark).toBe("MAYFLYSEED1");
  expect(Object.keys(JSON.parse(seed))).toEqual(Object.keys(SEED));
  expect(rest).toEqual([""]);
});

test.each(Object.entries(SYSTEMS))(
  "the contract names the places of %s, as the table of systems has them",
  (os, system) => {
    const folder = system.program.replace(/mayfly-guest.*$/, "");

    for (const place of [folder, system.runner, system.seedFile]) expect(contract).toContain(`\`${place}\``);
    expect(contract).toMatch(new RegExp(`^\\| ${SYSTEMS[os as Os].title} +\\|`, "m"));
  },
);

test("the contract tells what each result of a job means", () => {
  expect(outcomes().map(({ exitCode }) => exitCode)).toEqual([
    100, 101, 102, 103, 104, 105, 0, 1, 2, 3, 5, 7,
  ]);
});
