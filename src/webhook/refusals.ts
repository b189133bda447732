import type { Logger } from "pino";
import type { Clock } from "../ports.ts";
import type { Refusal } from "./accept.ts";

const QUIET_MS = 60_000;

/** Tells of refusals once a minute, with their number: an outsider must not be able to fill the disk. */
export function refusalLog(clock: Clock, log: Logger, message: string): (refusal: Refusal) => void {
  let quietUntil = 0;
  let refused = 0;
  return ({ status, text }) => {
    refused += 1;
    if (clock.now() < quietUntil) return;
    log.warn({ status, why: text, refused }, message);
    quietUntil = clock.now() + QUIET_MS;
    refused = 0;
  };
}
