import { Writable } from "node:stream";
import { type Logger, pino } from "pino";

/** A logger whose every word is kept, at the most talkative level. */
export function keptLog(): { log: Logger; lines: Record<string, unknown>[]; text: () => string } {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  return { log: pino({ level: "trace" }, stream), lines, text: () => JSON.stringify(lines) };
}
