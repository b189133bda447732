import { fileURLToPath } from "node:url";
import { Language, type Node, Parser } from "web-tree-sitter";
import { commandsOf, functionsOf, under } from "../guest/powershell-tree.ts";
import { readSource } from "./sources.ts";

const GRAMMAR = fileURLToPath(import.meta.resolve("tree-sitter-powershell/tree-sitter-powershell.wasm"));

/**
 * Finds what is no PowerShell in a script. NB: by a grammar, for there is no PowerShell here: it knows the syntax, and not which commands,
 * parameters and types there are.
 */
export async function powershellParser(): Promise<(text: string) => string[]> {
  const treeOf = await powershellTrees();
  return (text) => faultsUnder(treeOf(text));
}

/** What a script is made of, as a tree. */
export async function powershellTrees(): Promise<(text: string) => Node> {
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(GRAMMAR));
  return (text) => {
    const tree = parser.parse(text);
    if (!tree) throw new Error("the parser gave no tree");
    return tree.rootNode;
  };
}

/** Questions to one script. What is in its comments is not in any answer. */
export async function readScript(file: string) {
  const tree = (await powershellTrees())(await readSource(file));
  const bodyOf = (name: string): Node => {
    const found = functionsOf(tree).find((one) => one.name === name);
    if (!found) throw new Error(`${file} has no function ${name}`);
    return found.node;
  };
  return {
    text: codeOf(tree),
    commands: textsOf(tree),
    /** A function's text. */
    bodyOf: (name: string) => codeOf(bodyOf(name)),
    /** What it calls as commands, in order, with the arguments. */
    deedsOf: (name: string) => textsOf(bodyOf(name)),
    /** The clauses of its only switch, by their conditions. */
    clausesOf: (name: string) =>
      new Map(
        under(bodyOf(name), "switch_clause").map((clause) => {
          const [condition, body] = clause.namedChildren;
          return [condition?.text ?? "", body ? textsOf(body) : []];
        }),
      ),
  };
}

const textsOf = (node: Node): string[] => commandsOf(node).map(({ text }) => text.trim());

/** The text of a node, without its comments. */
function codeOf(node: Node): string {
  return under(node, "comment")
    .toReversed()
    .reduce(
      (text, { startIndex, endIndex }) =>
        text.slice(0, startIndex - node.startIndex) + text.slice(endIndex - node.startIndex),
      node.text,
    );
}

function faultsUnder(node: Node): string[] {
  if (node.isError || node.isMissing)
    return [
      `line ${node.startPosition.row + 1}: ${node.isMissing ? "missing" : "not understood"} ${node.text.slice(0, 60)}`,
    ];
  return node.hasError ? node.children.flatMap((child) => faultsUnder(child)) : [];
}
