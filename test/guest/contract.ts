import { readFileSync } from "node:fs";

export const contract = readFileSync(new URL("../../guest/contract.md", import.meta.url), "utf8");

/** An example of guest/contract.md by its name: "claim" is the block that begins with "```json claim". */
export function example(name: string): Record<string, unknown> {
  const block = new RegExp(`^\`\`\`json ${name}\n(.*?)^\`\`\``, "ms").exec(contract)?.[1];
  if (block === undefined) throw new Error(`guest/contract.md has no example named ${name}`);
  return JSON.parse(block);
}

/** The contract's user data, as Nova would give them to a VM. */
export function exampleUserData(): string {
  const block = /^```text user-data\n(.*?)^```/ms.exec(contract)?.[1];
  if (block === undefined) throw new Error("guest/contract.md has no example of user data");
  return block;
}

/** The names of all examples that begin with `prefix`. */
export const exampleNames = (prefix: string): string[] =>
  [...contract.matchAll(/^```json (\S+)$/gm)].flatMap(([, name = ""]) =>
    name.startsWith(prefix) ? [name] : [],
  );

/** The outcome table: the first exit code of each row, with its text. */
export const outcomes = (): { exitCode: number; text: string }[] =>
  [...contract.matchAll(/^\| (\d+)(?:, \d+)? +\| (?:yes|by its traces) +\| ([^|]+) \|$/gm)].map(
    ([, code, text = ""]) => ({
      exitCode: Number(code),
      text: text.trim(),
    }),
  );
