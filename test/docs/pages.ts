import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { marked, type Token } from "marked";

export const PROJECT = resolve(import.meta.dirname, "../..");

/** What people read: README.md, and all pages of docs/. Paths are from the project's folder. */
export const PAGES = [
  "README.md",
  ...readdirSync(join(PROJECT, "docs"), { encoding: "utf8", recursive: true }).map((name) => `docs/${name}`),
].filter((name) => name.endsWith(".md"));

export const textOf = (page: string): string => readFileSync(join(PROJECT, page), "utf8");

/** A fenced block. `notRun`: why nobody can run it here, from the comment right before it. */
export type Block = { page: string; lang: string; text: string; notRun: string | undefined };

const MARK = /^<!-- not run here: (.+) -->\s*$/;

export const blocksOf = (page: string): Block[] => blocksIn(page, textOf(page));

export function blocksIn(page: string, text: string): Block[] {
  const blocks: Block[] = [];
  let notRun: string | undefined;
  for (const token of deep(marked.lexer(text))) {
    if (token.type === "code") blocks.push({ page, lang: token.lang ?? "", text: token.text, notRun });
    // NB: nothing but an empty line may stand between a mark and its block, or it would excuse another one.
    if (token.type !== "space") notRun = MARK.exec(token.raw)?.[1];
  }
  return blocks;
}

/** What is set as code in the running text. */
export const codeIn = (page: string): string[] =>
  deep(marked.lexer(textOf(page))).flatMap((token) =>
    token.type === "codespan" ? [String(token.text)] : [],
  );

/** Where links of a page lead to, without those to other sites. */
export const linksOf = (page: string): string[] =>
  deep(marked.lexer(textOf(page)))
    .flatMap((token) => (token.type === "link" || token.type === "image" ? [String(token.href)] : []))
    .filter((href) => !/^[a-z]+:/.test(href));

/** The names under which GitHub knows the headings of a page. */
export const anchorsOf = (page: string): Set<string> =>
  new Set(
    deep(marked.lexer(textOf(page))).flatMap((token) =>
      token.type === "heading" ? [anchorOf(String(token.text))] : [],
    ),
  );

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

/** The file that a link of a page leads to, from the project's folder. */
export const targetOf = (page: string, path: string): string =>
  path === "" ? page : relative(PROJECT, resolve(PROJECT, page, "..", path));

/** All tokens, those within others too, in the order of the text. */
function deep(tokens: readonly Token[]): Token[] {
  const all: Token[] = [];
  marked.walkTokens([...tokens], (token) => void all.push(token));
  return all;
}
