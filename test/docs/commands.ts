import { blocksOf, codeIn, PAGES } from "./pages.ts";

/**
 * The rules for commands in the docs: what stands in for what each reader has, what cannot be waited for, what may be refused.
 * A block that cannot be run here has a mark before it: `<!-- not run here: why -->`.
 */

/** A command that the docs tell people to enter. */
export type Said = { page: string; line: string };

/** Each line of the blocks of commands that have no mark. */
export const linesOf = (page: string): Said[] =>
  blocksOf(page)
    .filter(({ lang, notRun }) => lang === "sh" && notRun === undefined)
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

/**
 * Not entered here: what goes on until it is told to end, and what is only spoken of. NB: names.test.ts looks at their words, and
 * the tests of the commands (`test/cli*.test.ts`) begin and end them.
 */
export const isEntered = ({ line }: Said): boolean => !ENDLESS.test(line) && !SPOKEN_OF.test(line);

const ENDLESS = /^mayfly (?:start|setup|relay|demo)\b| --watch\b| -f\b/;
const SPOKEN_OF = /^mayfly (?:why|logs|destroy|drain|hold|retry|approve)$/;

/** Refused in a sentence on this site: no job was given up there or is a fork's. */
const REFUSED = ["retry", "approve"];

/** The exit codes that are right. NB: doctor finds what is wrong with whatever machine this is. */
export function codesFor([verb = ""]: readonly string[]): number[] {
  if (verb === "doctor") return [0, 1];
  return REFUSED.includes(verb) ? [1] : [0];
}

const LAST = ["pause", "resume", "drain", "hold", "destroy"];

/** Those that leave less behind for others come last. */
export const byHarm = (a: Said, b: Said): number => harmOf(a) - harmOf(b);

const harmOf = ({ line }: Said): number => LAST.indexOf(line.split(" ")[1] ?? "");
