import { nearestWord } from "../core/labels.ts";
import { list } from "../core/markdown.ts";
import type { Path } from "./source.ts";

/** What a comparison of entries found: where, and the sentence. */
export type Finding = readonly [Path, string];

/** A reference to something that is not in the file; nothing if it is. */
export function unknownName(path: Path, name: string, known: readonly string[], what: string): Finding[] {
  if (known.includes(name)) return [];
  const nearest = nearestWord(name, known);
  const hint = nearest ? `perhaps ${nearest} was meant` : `known are ${list(known)}`;
  return [[path, `There is no ${what} named ${name}${known.length === 0 ? "" : `; ${hint}`}.`]];
}

/** The first word that is there a second time, and where. */
export function repeated(words: readonly string[]): { index: number; word: string } | undefined {
  const index = words.findIndex((word, at) => words.indexOf(word) !== at);
  const word = words[index];
  return word === undefined ? undefined : { index, word };
}
