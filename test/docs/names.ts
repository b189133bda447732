import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import packageJson from "../../package.json" with { type: "json" };
import { type Block, PROJECT } from "./pages.ts";

/** The options of each command, as its help says. */
export type Help = ReadonlyMap<string, ReadonlySet<string>>;

const run = promisify(execFile);
const helpOf = async (...args: string[]): Promise<string> =>
  (await run(process.execPath, [join(PROJECT, "src/cli.ts"), ...args, "--help"])).stdout;

/** NB: one after the other: a dozen processes at once take longer on two cores. */
export async function readHelp(): Promise<Help> {
  const whole = await helpOf();
  const list = whole.slice(whole.indexOf("\nCommands:\n"), whole.indexOf("\nExamples:\n"));
  const help = new Map<string, ReadonlySet<string>>();
  for (const [, name = ""] of list.matchAll(/^ {2}([a-z]+)/gm))
    help.set(name, new Set([...optionsIn(whole), ...optionsIn(await helpOf(name))]));
  return help;
}

/** `  -f, --follow <time>  …`. */
const optionsIn = (help: string): string[] =>
  Array.from(help.matchAll(/^ {2}(?:(-\w), )?(--[\w-]+)/gm)).flatMap(([, short = "", long = ""]) => [
    short,
    long,
  ]);

/** The commands in a line of a shell, as words. NB: it knows quotes and comments, and no more of the shell's language. */
export function commandsIn(line: string): string[][] {
  const commands: string[][] = [[]];
  for (const [word] of line.matchAll(/#.*$|&&|\|\|?|;|(?:"[^"]*"|'[^']*'|[^\s;|&"'])+/g)) {
    if (word.startsWith("#")) break;
    if (/^(?:&&|\|\|?|;)$/.test(word)) commands.push([]);
    else commands.at(-1)?.push(word);
  }
  return commands.map(withoutPrefix).filter((words) => words.length > 0);
}

/** `sudo A=b mayfly ps`: what counts is `mayfly ps`. */
function withoutPrefix(words: string[]): string[] {
  const start = words.findIndex((word) => word !== "sudo" && !/^[A-Z_]+=/.test(word));
  return start < 0 ? [] : words.slice(start);
}

const IS_COMMAND = /^(?:mayfly |npm run |script\/)/;
const IS_PATH = /^(?:docs|guest|images|openstack|packer_windows|script|src|test|vagrant)\/[\w./-]+$/;

/** What a page names that is not there: in its blocks of commands, also those that are not run, in their marks, and in the code within its sentences. */
export function namedInVain(blocks: readonly Block[], codes: readonly string[], help: Help): string[] {
  const lines = [
    ...blocks.filter(({ lang }) => lang === "sh").flatMap(({ text }) => text.split("\n")),
    ...codes.filter((code) => IS_COMMAND.test(code)),
  ];
  const marks = blocks.flatMap(({ notRun = "" }) => notRun.split(/[\s,;]+/));
  const paths = [...codes, ...marks].filter((path) => IS_PATH.test(path) && !existsSync(join(PROJECT, path)));
  return [...lines.flatMap(commandsIn).flatMap((words) => faultsOf(words, help)), ...paths];
}

function faultsOf([program = "", ...words]: readonly string[], help: Help): string[] {
  if (/(?:^|\/)mayfly$/.test(program)) return faultsOfMayfly(words, help);
  const [first = "", name = ""] = words;
  if (program === "npm" && first === "run") return name in packageJson.scripts ? [] : [`npm run ${name}`];
  const path = program.replace(/^\/opt\/mayfly\//, "");
  return path.startsWith("script/") && !existsSync(join(PROJECT, path)) ? [path] : [];
}

function faultsOfMayfly([name, ...words]: readonly string[], help: Help): string[] {
  if (name === undefined || name.startsWith("-")) return [];
  const options = help.get(name);
  if (!options) return [`mayfly ${name}`];
  return words
    .filter((word) => word.startsWith("-") && !options.has(word))
    .map((word) => `mayfly ${name} ${word}`);
}
