import { parseName } from "../core/name.ts";
import type { MachineName } from "../core/types.ts";
import { lookOf } from "./libvirt-state.ts";
import { virsh } from "./libvirt-virsh.ts";
import type { Found } from "./vagrant-hypervisor.ts";

export type Survey = {
  found: Map<MachineName, Found>;
  /** Names of the volumes of each machine. */
  volumes: Map<MachineName, string[]>;
};

/** All domains and volumes of our machines, in one call of virsh. Throws if libvirt could not be asked. */
export async function survey(controller: string, pool: string, signal: AbortSignal): Promise<Survey> {
  const commands = ["domstats --state --nowait", `vol-list ${pool}`];
  const { stdout, stderr } = await virsh([commands.join("; ")], { signal });
  // NB: half an answer would call machines gone that are there.
  if (stderr.trim() !== "") throw new Error(`virsh: ${stderr.trim()}`);
  return readSurvey(controller, stdout);
}

const DOMAIN = /^Domain: '(.+)'$/;
const STATE = /^\s+state\.(state|reason)=(\d+)$/;
/** vagrant-libvirt names a machine's overlay `<name>.img`, further ones `<name>_1.img`; the seed's disk is `<name>-vdz.raw`. */
const VOLUME = /^\s+(\S+?)((?:_\d+)?\.img|-vdz\.raw)\s+\//;

/** Reads what `domstats` and `vol-list` print, one after the other. */
export function readSurvey(controller: string, text: string): Survey {
  const isOurs = (name: string) => parseName(controller, name) !== "not ours";
  const domains = new Map<MachineName, { state: string; reason: string }>();
  const volumes = new Map<MachineName, string[]>();
  let domain = "";
  for (const line of text.split("\n")) {
    domain = DOMAIN.exec(line)?.[1] ?? domain;
    const [, key, value] = STATE.exec(line) ?? [];
    if (key !== undefined && value !== undefined && isOurs(domain))
      domains.set(domain, { state: "", reason: "", ...domains.get(domain), [key]: value });
    const [, machine, ending] = VOLUME.exec(line) ?? [];
    if (machine !== undefined && isOurs(machine))
      volumes.set(machine, [...(volumes.get(machine) ?? []), `${machine}${ending}`]);
  }
  return { found: merge(domains, volumes), volumes };
}

function merge(
  domains: Map<MachineName, { state: string; reason: string }>,
  volumes: Map<MachineName, string[]>,
): Map<MachineName, Found> {
  const found = new Map<MachineName, Found>();
  for (const name of volumes.keys())
    found.set(name, { kind: "disk", state: "off", text: "only a disk is left" });
  for (const [name, { state, reason }] of domains) found.set(name, { kind: "vm", ...lookOf(state, reason) });
  return found;
}
