import { stat } from "node:fs/promises";
import { isIPv4 } from "node:net";
import type { MacPlace } from "../../core/macs.ts";
import type { Host, Image } from "../../core/types.ts";
import { ifThere } from "../files.ts";
import { checkText } from "./order.ts";
import { linesOf } from "./said.ts";
import { type Mac, MacError } from "./ssh.ts";

const LIMIT_MS = 40_000;

export type CheckParts = { host: Host; images: readonly Image[]; mac: Mac };

/** What is missing on a Mac, and on the way there, in sentences that name the cure. */
export async function checkMac({ host, images, mac }: CheckParts, signal: AbortSignal): Promise<string[]> {
  const files = host.tart ? await fileFaults(host.tart) : [];
  if (files.length > 0) return files;
  const input = checkText(host, images);
  try {
    const said = await mac.ask({ verb: "check", input, limitMs: LIMIT_MS }, signal);
    return [...linesOf(said), ...addressFaults(host, host.tart?.allow ?? [])];
  } catch (error) {
    if (!(error instanceof MacError)) throw error;
    return [error.message];
  }
}

async function fileFaults({ key, knownHosts, host, port }: MacPlace): Promise<string[]> {
  const faults: string[] = [];
  const keyFile = await ifThere(stat(key));
  if (!keyFile) faults.push(`The key for the Mac ${host} is not there: ${key}. See docs/macos.md.`);
  else if ((keyFile.mode & 0o077) !== 0)
    faults.push(`Others can read the key for the Mac ${host}. Run: chmod 600 ${key}`);
  if (!(await ifThere(stat(knownHosts)))) {
    const scan = `ssh-keyscan ${port === undefined ? "" : `-p ${port} `}${host} > ${knownHosts}`;
    faults.push(
      `The Mac ${host} cannot be known: there is no ${knownHosts}. Run \`${scan}\`, and compare what it wrote with the Mac's own.`,
    );
  }
  return faults;
}

/** NB: softnet lets VMs through to addresses, not to names. */
export function addressFaults({ guestUrl, name }: Host, allow: readonly string[]): string[] {
  const { hostname } = new URL(guestUrl);
  if (isIPv4(hostname) || allow.length > 0) return [];
  return [
    `VMs on ${name} look for the guest listener by the name ${hostname}. Private addresses are closed to them, but for those under "allow": add its address there, or give an address in guestUrl.`,
  ];
}
