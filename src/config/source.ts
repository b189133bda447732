import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
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

function parseSource(text: string, where: string): Source {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });

  const faultAt = (offset: number, sentence: string): Fault => {
    const { line, col } = counter.linePos(offset);
    return { where, line: Math.max(line, 1), column: Math.max(col, 1), text: sentence };
  };
  const offsetOf = (path: Path): number => {
    const node = path.length === 0 ? document.contents : document.getIn(path, true);
    if (isNode(node)) return node.range?.[0] ?? 0;
    return path.length === 0 ? 0 : offsetOf(path.slice(0, -1));
  };

  const faults = document.errors.map((error) => faultAt(error.pos[0], `this is not YAML: ${error.message}.`));
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
