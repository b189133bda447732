import { readFileSync } from "node:fs";
import { basename } from "node:path";
import {
  type Document,
  type DocumentOptions,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type ParsedNode,
  type ParseOptions,
  parseDocument,
  type SchemaOptions,
  visit,
} from "yaml";
import { SetupError } from "../ports.ts";

export type Path = readonly PropertyKey[];

/** Something wrong in the set-up, as a sentence, and where it is. */
export type Fault = { where: string; line: number; column: number; text: string };

/** A YAML file that was read, and still knows where everything was written. */
export type Source = {
  value: unknown;
  /** A fault at the value of a path; if there is none, at the nearest one around it. */
  fault(path: Path, text: string): Fault;
  /** A fault at a key itself. */
  faultAtKey(path: Path, key: string, text: string): Fault;
  /** What is wrong with the YAML itself. If there is anything, `value` is of no use. */
  faults: Fault[];
};

/** Throws `SetupError` when the file cannot be read. */
export function readSource(file: string): Source {
  return parseSource(readText(file), basename(file));
}

/**
 * The same for a text that strangers wrote. It is plain YAML without aliases, with which a few lines can stand for a value that fills the
 * memory. NB: what may come inside of YAML 1.1 (`<<`) is as bad, so that a directive or a tag must not turn it on.
 */
export function parseForeign(text: string, where: string): Source {
  const options = { schema: "core", merge: false, resolveKnownTags: false, uniqueKeys: false } as const;
  try {
    return parseSource(text, where, { ...options, logLevel: "error" }, foreignFaults);
  } catch (error) {
    const text = notYaml(error instanceof Error ? error.message : String(error));
    const fault = (): Fault => ({ where, line: 1, column: 1, text });
    return { value: undefined, fault, faultAtKey: fault, faults: [fault()] };
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new SetupError(
      isMissing
        ? `There is no ${file}. Copy mayfly.example.yml to it and change what is yours, or name another file with --config or MAYFLY_CONFIG.`
        : `${file} cannot be read (${cause instanceof Error ? cause.message : String(cause)}).`,
      { cause },
    );
  }
}

type Found = { offset: number; text: string };

function parseSource(
  text: string,
  where: string,
  options: ParseOptions & DocumentOptions & SchemaOptions = {},
  more: (document: Document<ParsedNode>) => Found[] = () => [],
): Source {
  const counter = new LineCounter();
  const document = parseDocument(text, { ...options, lineCounter: counter, prettyErrors: false });

  const faultAt = (offset: number, sentence: string): Fault => {
    const { line, col } = counter.linePos(offset);
    return { where, line: Math.max(line, 1), column: Math.max(col, 1), text: sentence };
  };
  const offsetOf = (path: Path): number => {
    const node = path.length === 0 ? document.contents : document.getIn(path, true);
    if (isNode(node)) return node.range?.[0] ?? 0;
    return path.length === 0 ? 0 : offsetOf(path.slice(0, -1));
  };

  const faults = [
    ...document.errors.map(({ pos, message }) => faultAt(pos[0], notYaml(message))),
    ...more(document).map((found) => faultAt(found.offset, found.text)),
  ];
  return {
    value: faults.length > 0 ? undefined : document.toJS(),
    fault: (path, sentence) => faultAt(offsetOf(path), sentence),
    faultAtKey: (path, key, sentence) => {
      const node = path.length === 0 ? document.contents : document.getIn(path, true);
      const pair = isMap(node)
        ? node.items.find((item) => isScalar(item.key) && item.key.value === key)
        : undefined;
      const offset = isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
      return faultAt(offset ?? offsetOf(path), sentence);
    },
    faults,
  };
}

/** NB: the library goes down into what is nested, and comes to the end of the stack. */
const notYaml = (reason: string): string =>
  `this is not YAML: ${/call stack/.test(reason) ? "it is nested too deep" : reason}.`;

/** NB: the library compares each key of a mapping with each other one, which takes seconds where there are thousands. */
function foreignFaults(document: Document<ParsedNode>): Found[] {
  const found: Found[] = [];
  visit(document, {
    Alias: (_, { range, source }) =>
      void found.push({
        offset: range?.[0] ?? 0,
        text: `aliases (*${source}) are not read here; write it out.`,
      }),
    Map: (_, { items }) => {
      const keys = new Set<string>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (keys.has(name)) found.push({ offset: key.range?.[0] ?? 0, text: `${name} is there twice.` });
        keys.add(name);
      }
    },
  });
  return found;
}
