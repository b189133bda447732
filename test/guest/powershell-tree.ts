import type { Node } from "web-tree-sitter";

/** Questions to the tree of a PowerShell script. NB: in PowerShell names are the same in any case. */

/** All nodes of a type below one, itself as well; in the order of the script. */
export const under = (node: Node, ...types: string[]): Node[] => [
  ...(types.includes(node.type) ? [node] : []),
  ...node.namedChildren.flatMap((child) => under(child, ...types)),
];

export type ScriptFunction = { name: string; node: Node; parameters: string[] };

export const functionsOf = (tree: Node): ScriptFunction[] =>
  under(tree, "function_statement").map((node) => ({
    name: under(node, "function_name")[0]?.text ?? "",
    node,
    parameters: under(node, "function_parameter_declaration").flatMap((list) =>
      under(list, "variable").map((variable) => nameOf(variable)),
    ),
  }));

export type Command = { name: string; parameters: string[]; text: string; node: Node };

/** What is called as a command: functions, cmdlets and programs. */
export const commandsOf = (tree: Node): Command[] =>
  under(tree, "command").flatMap((node) => {
    const name = node.namedChildren.find(
      ({ type }) => type === "command_name" || type === "command_name_expr",
    );
    const elements = node.namedChildren.find(({ type }) => type === "command_elements");
    if (!name) return [];
    const parameters = (elements?.namedChildren ?? [])
      .filter(({ type }) => type === "command_parameter")
      .map(({ text }) => text.replace(/:$/, ""));
    return [{ name: name.text, parameters, text: node.text, node }];
  });

/** The name of a variable: `guest` for `$guest`, `${guest}` and `$script:guest`; environment variables keep their `env:`. */
export const nameOf = (variable: Node): string =>
  variable.text.replace(/^[$@]\{?(?:script:|global:)?/i, "").replace(/\}$/, "");

/** The variables that are given a value in a piece of a script: by assignment, by a loop, as a parameter. */
export function assignedIn(tree: Node): Set<string> {
  const left = under(tree, "left_assignment_expression").flatMap((node) =>
    under(node, "variable").slice(0, 1),
  );
  const loops = under(tree, "foreach_statement").flatMap((node) =>
    node.namedChildren.filter(({ type }) => type === "variable"),
  );
  const parameters = under(tree, "script_parameter").flatMap((node) => under(node, "variable").slice(0, 1));
  return new Set([...left, ...loops, ...parameters].map((node) => nameOf(node).toLowerCase()));
}

/** All types that are named, without brackets: `Net.Sockets.TcpClient`. */
export const typesOf = (tree: Node): string[] => [
  ...new Set(under(tree, "type_literal").map(({ text }) => text.slice(1, -1).trim())),
];
