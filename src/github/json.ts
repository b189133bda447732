/**
 * As JSON.stringify, for what an answer of GitHub brought. NB: Octokit makes a BigInt of each number beyond 2^53, and JSON.stringify
 * throws at one. Rounded it is what JSON.parse would have read.
 */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? Number(part) : part));
}
