import { blocksOf, codeIn, PAGES } from "./pages.ts";

/** A command that the docs tell people to enter. */
export type Said = { page: string; line: string };

/** Each line of the blocks of commands that have no mark. */
export const linesOf = (page: string): Said[] =>
  blocksOf(page)
    .filter(({ lang, notRun }) => (lang === "sh" || lang === "console") && notRun === undefined)
    .flatMap(({ text }) => text.split("\n"))
    .map((line) => ({ page, line: line.replace(/(?:^|\s)#.*$/, "").trim() }))
    .filter(({ line }) => line !== "");

/** Commands of Mayfly's, also those within sentences, each once. */
export function mayflyCommands(): Said[] {
  const all = PAGES.flatMap((page) => [
    ...linesOf(page),
    ...codeIn(page).map((line) => ({ page, line: line.replaceAll("&quot;", '"') })),
  ]).filter(({ line }) => /^mayfly [a-z]/.test(line));
  return [...new Map(all.map((said) => [said.line, said])).values()];
}

/** What stands in the docs for what each reader has, and what it is on the site of the test. NB: in this order. */
export type Things = { job: number; machine: string; config: string; repo: string };

export function argsOf(line: string, { job, machine, config, repo }: Things): string[] {
  const words = line.match(/"[^"]*"|\S+/g) ?? [];
  return words.slice(1).map((word) =>
    word
      .replace(/^"(.*)"$/, "$1")
      .replace(/^https:\/\/github\.com\/\S+\/job\/\d+$/, String(job))
      .replace(/^\[?JOB\]?$/, String(job))
      .replace(/^JOB\|MACHINE$|^\[?MACHINE\]?$/, machine)
      .replace(/^HOST$/, "lab1")
      .replace(/^\[?REPO\]?$|^SpinW\/spinw$/, repo)
      .replace("/etc/mayfly/mayfly.yml", config),
  );
}

/** They go on until they are told to end, so only their words are looked at. */
const ENDLESS = /^(?:start|setup|relay|demo)$|--watch|(?:^| )-f(?: |$)/;

export const isEndless = (args: readonly string[]): boolean =>
  ENDLESS.test(args[0] ?? "") || ENDLESS.test(args.join(" "));

const LAST = ["pause", "resume", "drain", "hold", "destroy"];

/** Those that leave less behind for others come last. */
export const byHarm = (a: Said, b: Said): number => harmOf(a) - harmOf(b);

const harmOf = ({ line }: Said): number => LAST.indexOf(line.split(" ")[1] ?? "");
