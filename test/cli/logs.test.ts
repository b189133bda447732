import { describe, expect, test } from "vitest";
import { newsOf } from "../../src/cli/logs.ts";
import type { LogAnswer } from "../../src/control/logs.ts";

const answer = (text: string, changes: Partial<LogAnswer> = {}): LogAnswer => ({
  sentence: "Machine m on lab1: booting.",
  machine: "m",
  isOver: false,
  parts: [{ name: "console.log", text }],
  ...changes,
});
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `line number ${from + index}\n`).join("");

describe("what is new in a log that is followed", () => {
  test("is all of it at first, behind a sentence on the machine", () => {
    expect(newsOf(answer("a\n"), undefined)).toEqual([
      { machine: "m", text: "Machine m on lab1: booting.\n" },
      { machine: "m", part: "console.log", text: "a\n" },
    ]);
  });

  test("is what was added, and nothing when nothing was", () => {
    expect(newsOf(answer("a\nb\n"), answer("a\n"))).toEqual([
      { machine: "m", part: "console.log", text: "b\n" },
    ]);
    expect(newsOf(answer("a\n"), answer("a\n"))).toEqual([]);
  });

  test("is found when the beginning has moved out of sight", () => {
    expect(newsOf(answer(lines(50, 210)), answer(lines(0, 200)))).toEqual([
      { machine: "m", part: "console.log", text: lines(200, 210) },
    ]);
  });

  test("is the whole text when nothing of the old one is left", () => {
    expect(newsOf(answer(lines(900, 910)), answer(lines(0, 200)))).toEqual([
      { machine: "m", part: "console.log", text: lines(900, 910) },
    ]);
  });

  test("begins anew with another machine", () => {
    const next = answer("a\n", { machine: "n", sentence: "Machine n on lab1: booting." });

    expect(newsOf(next, answer("a\n"))).toEqual([
      { machine: "n", text: "Machine n on lab1: booting.\n" },
      { machine: "n", part: "console.log", text: "a\n" },
    ]);
  });

  test("is said once while there is no machine", () => {
    const none: LogAnswer = { sentence: "No machine has been made yet.", isOver: false, parts: [] };

    expect(newsOf(none, undefined)).toEqual([
      { machine: undefined, text: "No machine has been made yet.\n" },
    ]);
    expect(newsOf(none, none)).toEqual([]);
  });
});
