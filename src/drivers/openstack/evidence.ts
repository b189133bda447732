import type { Clock } from "../../ports.ts";
import { printable } from "../exec.ts";
import type { CloudServices } from "./cloud.ts";
import type { Server } from "./nova.ts";
import { within } from "./within.ts";

const CONSOLE_MOST = 64 * 1024;
/** Less than the whole evidence may take, so that the rest of it is there. */
const CONSOLE_LIMIT_MS = 5000;

/** What the servers of a machine said on their serial consoles, and what Nova says of them. */
export async function evidenceOf(
  servers: readonly Server[],
  { cloud: { nova }, clock }: { cloud: CloudServices; clock: Clock },
  outer: AbortSignal,
): Promise<Record<string, string>> {
  const said = await within({ clock, limitMs: CONSOLE_LIMIT_MS, outer }, (signal) =>
    Promise.all(servers.map(({ id }) => nova.consoleOf(id, signal).catch(unread))),
  );
  const files = [
    ["console.log", printable(said.join("\n")).slice(-CONSOLE_MOST)],
    ["nova.log", printable(servers.map(linesOf).join("\n"))],
  ] as const;
  return Object.fromEntries(files.filter(([, text]) => text.trim() !== ""));
}

/** NB: what Nova says of the server is worth having without it. */
const unread = (error: unknown): string =>
  `The console could not be read: ${error instanceof Error ? error.message : error}`;

const linesOf = ({ id, status, task, fault }: Server): string =>
  [
    `server ${id}`,
    `status ${status}`,
    ...(task === undefined ? [] : [`task ${task}`]),
    ...(fault === undefined ? [] : [`fault ${fault}`]),
    "",
  ].join("\n");
