import diagnostics from "node:diagnostics_channel";
import type { GitHub } from "../../../src/ports.ts";

/** The order in which registrations were wanted, and in which they and check runs were sent. */
export type Order = {
  /** The port, with its registrations noted. */
  watch(github: GitHub): GitHub;
  /** For each registration that was sent: check runs that were sent after it was wanted, and before it. */
  overtaken(): number[];
  close(): void;
};

/** NB: when a call leaves, not when it arrives: in one process with the emulator, these are far apart. See: undici, "Diagnostics channel support". */
export function watchOrder(apiUrl: string): Order {
  /** Check runs sent before each registration was wanted, of those that are not sent yet. */
  const wanted: number[] = [];
  const overtaken: number[] = [];
  let checkRuns = 0;
  const note = (message: unknown) => {
    const { request } = message as { request: { origin: string; path: string; method: string } };
    if (!apiUrl.startsWith(request.origin) || request.method === "GET") return;
    if (request.path.includes("/check-runs")) checkRuns += 1;
    if (request.path.endsWith("/generate-jitconfig"))
      overtaken.push(checkRuns - (wanted.shift() ?? checkRuns));
  };
  diagnostics.subscribe("undici:request:create", note);
  return {
    watch: (github) => ({
      ...github,
      register(...wish) {
        wanted.push(checkRuns);
        return github.register(...wish).catch((error: unknown) => {
          // NB: none is sent out of its turn, so the one that was refused its place is the last.
          wanted.pop();
          throw error;
        });
      },
    }),
    overtaken: () => overtaken,
    close: () => diagnostics.unsubscribe("undici:request:create", note),
  };
}
