import { fileURLToPath } from "node:url";
import { Language, type Node, Parser } from "web-tree-sitter";

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

function faultsUnder(node: Node): string[] {
  if (node.isError || node.isMissing)
    return [
      `line ${node.startPosition.row + 1}: ${node.isMissing ? "missing" : "not understood"} ${node.text.slice(0, 60)}`,
    ];
  return node.hasError ? node.children.flatMap((child) => faultsUnder(child)) : [];
}
