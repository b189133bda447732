import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { marked } from "marked";
import { describe, expect, test } from "vitest";
import { ALL } from "../../src/core/facts.ts";
import type { Blocked } from "../../src/core/pools.ts";
import { FAILURES } from "../../src/core/turn.ts";
import { blockedWords, WHY_WORDS } from "../../src/core/words.ts";
import { PROJECT, textOf } from "./pages.ts";

/** Whoever reads a reason on a check run finds it in docs/troubleshooting.md, in the same words. */

const PAGE = textOf("docs/troubleshooting.md");
const NOW = Date.parse("2026-11-27T12:00:00Z");

/** Of each kind what is said in other words. */
const REASONS: Readonly<Record<Blocked["why"], readonly Blocked[]>> = {
  "hosts-full": [
    { why: "hosts-full", hosts: ["lab1"] },
    { why: "hosts-full", hosts: ["stfc"], isByQuota: true },
  ],
  "hosts-refuse": [
    {
      ...{ why: "hosts-refuse", hosts: ["stfc"], until: NOW + 40_000 },
      text: "Quota exceeded for cores: Requested 4, but already used 20 of 20 cores",
    },
  ],
  "image-refused": [
    {
      ...{ why: "image-refused", hosts: ["stfc"], until: NOW + 40_000 },
      text: "No image of the project has the tag mayfly:spinw-linux:current",
    },
  ],
  "image-ended": [{ why: "image-ended", hosts: ["stfc"] }],
  "hosts-drained": [{ why: "hosts-drained", hosts: ["lab1"] }],
  "hosts-unreachable": [{ why: "hosts-unreachable", hosts: ["lab1"] }],
  "image-limit": [2, 1].map((limit) => ({ why: "image-limit", limit })),
  "repository-limit": [{ why: "repository-limit", limit: 2 }],
  paused: [
    { why: "paused", repo: ALL, by: "operator" },
    { why: "paused", repo: "SpinW/spinw", by: "operator" },
    { why: "paused", repo: "SpinW/spinw", by: "settings" },
  ],
  backoff: [{ why: "backoff", until: NOW + 40_000, failures: 2 }],
  probe: [{ why: "probe", failures: 3 }],
};

/** What Mayfly says, and GitHub, as far as it is emulated. */
const LINES = globSync("{src,test/rig/github}/**/*.ts", { cwd: PROJECT }).flatMap((file) =>
  readFileSync(join(PROJECT, file), "utf8").split("\n"),
);

/** What a page quotes: `*in asterisks*`, with `…` for what differs. NB: names on GitHub's own pages are `_in underscores_`. */
function quotesIn(text: string): string[] {
  const quotes: string[] = [];
  marked.walkTokens(marked.lexer(text), (token) => {
    if (token.type === "em" && token.raw.startsWith("*")) quotes.push(token.raw.slice(1, -1));
  });
  return quotes;
}

/** Quotes of what nobody says. Those that begin with the place in the queue are tested by themselves. */
const neverSaid = (quotes: readonly string[]): string[] =>
  quotes.filter((quote) => !quote.startsWith("… ") && !isSaid(quote));

/** NB: the parts of a quote stand in one line of the code. */
const isSaid = (quote: string): boolean =>
  LINES.some((line) => quote.split("…").every((part) => line.includes(part)));

/** Those that the page does not have. */
const missing = (texts: readonly string[]): string[] => texts.filter((text) => !PAGE.includes(text));

describe("docs/troubleshooting.md", () => {
  test("tells what to do about each reason for which a job waits", () => {
    const all = Object.values(REASONS).flat();
    const reasons = all.map((blocked) => `| *… ${blockedWords(blocked, NOW)}* |`);

    expect(missing(reasons)).toEqual([]);
  });

  test("tells what to do about each machine that failed", () => {
    const failures = [...FAILURES].map((why) => `| \`${why}\` | *${WHY_WORDS[why]}* |`);

    expect(missing(failures)).toEqual([]);
  });

  test("quotes only what is said", () => {
    const quotes = quotesIn(PAGE);

    expect(quotes).toContain("Not from here");
    expect(neverSaid(quotes)).toEqual([]);
  });

  test("is searched for quotes of what nobody says", () => {
    expect(neverSaid(quotesIn("*Not from there* and *Another Mayfly holds … the key*, _Settings_"))).toEqual([
      "Not from there",
      "Another Mayfly holds … the key",
    ]);
  });
});
