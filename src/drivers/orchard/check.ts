import type { Host } from "../../core/types.ts";
import { type Clock, SetupError } from "../../ports.ts";
import { addressFaults } from "../tart/check.ts";
import { type Orchard, OrchardError } from "./api.ts";
import { workersFor } from "./room.ts";

export type CheckParts = { host: Host; orchard: Orchard; clock: Clock };

/** What is missing at Orchard, and on the way there, in sentences that name the cure. */
export async function checkOrchard(
  { host, orchard, clock }: CheckParts,
  signal: AbortSignal,
): Promise<string[]> {
  try {
    await orchard.version(signal);
    await orchard.vms(signal);
    const able = workersFor(await orchard.workers(signal), clock.now());
    return [
      ...(able.length > 0
        ? []
        : ["No Mac of Orchard's can be given a VM just now. Look there: orchard list workers"]),
      ...addressFaults(host, host.orchard?.allow ?? []),
    ];
  } catch (error) {
    if (error instanceof SetupError) return [error.message];
    if (!(error instanceof OrchardError)) throw error;
    return [cureOf(error)];
  }
}

function cureOf({ message, status }: OrchardError): string {
  if (status === 401 || status === 403)
    return `${message}. Give the service account the roles compute:read, compute:write and compute:connect, or mend its name and token.`;
  if (status === undefined && /certificate|altname/i.test(message))
    return `${message}. If its certificate is its own, name its file with orchard.ca.`;
  if (status === undefined)
    return `${message}. Start it there (orchard controller run), open its port to this machine, or mend orchard.url in mayfly.yml.`;
  return message;
}
