import diagnostics from "node:diagnostics_channel";
import type { Clock, GitHub } from "../../../src/ports.ts";

/** What is sent, and when: in one process with the emulator, a call arrives long after it was sent. */
export type Order = {
  /** The port, with its registrations noted. */
  watch(github: GitHub): GitHub;
  /** GitHub has told us to wait until then, by our clock. */
  notePause(until: number): void;
  /** For each registration that was sent: check runs that were sent after it was wanted, and before it. */
  overtaken(): number[];
  /** Calls that were sent although GitHub had told us to wait. */
  sentInPause(): number;
  close(): void;
};

/** See: undici, "Diagnostics channel support". */
export function watchOrder(apiUrl: string, clock: Clock): Order {
  /** Check runs sent before each registration was wanted, of those that are not sent yet. */
  const wanted: number[] = [];
  const overtaken: number[] = [];
  let checkRuns = 0;
  let pausedUntil = 0;
  let sentInPause = 0;
  const note = (message: unknown) => {
    const { request } = message as { request: { origin: string; path: string; method: string } };
    if (!apiUrl.startsWith(request.origin) || !isOfInstallation(request.path)) return;
    if (clock.now() < pausedUntil) sentInPause += 1;
    if (request.method === "GET") return;
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
    notePause: (until) => {
      pausedUntil = until;
    },
    overtaken: () => overtaken,
    sentInPause: () => sentInPause,
    close: () => diagnostics.unsubscribe("undici:request:create", note),
  };
}

/** Neither the App's own, nor one of the stand-in runners'. */
const isOfInstallation = (path: string): boolean =>
  path.startsWith("/api/v3/repos/") && !path.endsWith("/installation");
