/** Columns of text, as wide as they need to be. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}

/** `512 MiB`, `4 GiB`. */
export const size = (mib: number): string => (mib % 1024 === 0 ? `${mib / 1024} GiB` : `${mib} MiB`);

/** Lines moved to the right. */
export const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, "  ");

/** NB: names and labels come from outside; a terminal must not obey them. */
export const safe = (text: string): string => text.replaceAll(/[^\P{Cc}\n\t]/gu, "?");

/** `Host lab1: all is well`, or what is wrong with it, one line each. */
export function findings(name: string, faults: readonly string[]): string {
  if (faults.length === 0) return `${name}: all is well`;
  return `${name}:\n${indent(faults.map((fault) => `- ${fault}`).join("\n"))}`;
}
