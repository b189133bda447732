import { z } from "zod";
import type { FileFault, Settings } from "../core/settings.ts";
import { label, list, map, oneOf, whole, yesNo } from "./schema-parts.ts";
import { schemaFaults } from "./sentences.ts";
import { type Fault, type Path, parseForeign } from "./source.ts";

/** Of one fault: a key may fill the whole file. */
const LONGEST_TEXT = 300;
/** As many as GitHub takes with a check run. */
const MOST_FAULTS = 50;
const MOST_BYTES = 64 * 1024;
const TOP = { line: 1, column: 1 };

const SCHEMA = z.strictObject(
  {
    images: z
      .record(
        z.string(),
        z.strictObject(
          {
            labels: list(label, "must be a list of labels")
              .max(100, { error: "must have at most 100 labels" })
              .optional(),
            hot: whole(0, 1000).optional(),
          },
          { error: map },
        ),
        { error: "must be a mapping of image names to what you want of them" },
      )
      .optional(),
    machines: whole(1, 1000).optional(),
    forks: oneOf(["refuse", "approve", "allow"]).optional(),
    paused: yesNo.optional(),
  },
  { error: map },
);

/**
 * What a settings file says. `faults`: in the order of the file; with any, `file` is of no use. `faultAt`: a fault that others find, at the
 * line of a value.
 */
export type RepositoryFile = {
  file: Settings;
  faults: FileFault[];
  faultAt: (path: Path, text: string) => FileFault;
};

/** NB: whoever may write to the repository may have meant harm. */
export function readRepositoryFile(size: number, bytes: Uint8Array): RepositoryFile {
  const text = textOf(bytes);
  if (size > MOST_BYTES) return unreadable(`the file has ${size} bytes; ${MOST_BYTES} are the most.`);
  if (text === undefined) return unreadable("the file is not text in UTF-8.");
  const source = parseForeign(text, "");
  const faultAt = (path: Path, sentence: string) => shortened(source.fault(path, sentence));
  if (source.faults.length > 0) return { file: {}, faults: inOrder(source.faults), faultAt };
  // NB: an empty file is a mapping without keys to everybody but YAML.
  const filled = { ...source, value: source.value ?? {} };
  const faults = inOrder(schemaFaults(filled, SCHEMA));
  const parsed = SCHEMA.safeParse(filled.value);
  return { file: parsed.data ?? {}, faults, faultAt };
}

function unreadable(sentence: string): RepositoryFile {
  const fault = { ...TOP, where: "", text: sentence };
  return { file: {}, faults: [shortened(fault)], faultAt: () => shortened(fault) };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** NB: what is said of one value twice is one fault, and thousands are of no more use than the first ones. */
function inOrder(faults: readonly Fault[]): FileFault[] {
  const all = faults.toSorted((a, b) => a.line - b.line || a.column - b.column).map(shortened);
  const each = new Map(all.map((fault) => [`${fault.line} ${fault.text}`, fault]));
  return [...each.values()].slice(0, MOST_FAULTS);
}

/** NB: GitHub refuses some control characters. */
function shortened({ line, text }: Fault): FileFault {
  const shown = text.replaceAll(/\p{Cc}+/gu, " ");
  const isLong = shown.length > LONGEST_TEXT;
  return { line, text: isLong ? `${shown.slice(0, LONGEST_TEXT).toWellFormed()}…` : shown };
}
