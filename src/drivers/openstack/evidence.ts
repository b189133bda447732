import { printable } from "../exec.ts";
import type { CloudServices } from "./cloud.ts";
import type { Server } from "./nova.ts";

const CONSOLE_MOST = 64 * 1024;

/** What the servers of a machine said on their serial consoles, and what Nova says of them. */
export async function evidenceOf(
  servers: readonly Server[],
  { nova }: CloudServices,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const said = await Promise.all(servers.map(({ id }) => nova.consoleOf(id, signal)));
  const files = [
    ["console.log", printable(said.join("\n")).slice(-CONSOLE_MOST)],
    ["nova.log", printable(servers.map(linesOf).join("\n"))],
  ] as const;
  return Object.fromEntries(files.filter(([, text]) => text.trim() !== ""));
}

const linesOf = ({ id, status, task, fault }: Server): string =>
  [
    `server ${id}`,
    `status ${status}`,
    ...(task === undefined ? [] : [`task ${task}`]),
    ...(fault === undefined ? [] : [`fault ${fault}`]),
    "",
  ].join("\n");
