import type { Host } from "../core/types.ts";
import { type Output, run } from "./exec.ts";

/** Where vagrant-libvirt and virsh meet. The network is the one of vagrant/host/network.xml. */
export const LIBVIRT = {
  uri: "qemu:///system",
  pool: "default",
  network: "mayfly",
  networkAddress: "10.77.0.0/20",
} as const;

/** The storage pool for the disks of a host's VMs. */
export const poolOf = ({ storage = LIBVIRT.pool }: Host): string => storage;

const LIMIT_MS = 60_000;

export type VirshOptions = { signal: AbortSignal; log?: string | undefined; limitMs?: number | undefined };

/**
 * Runs virsh, which takes about 20 ms. A single argument may hold several commands, parted by semicolons.
 * NB: of several it goes on after one that fails, and then ends with the last one's exit code.
 */
export const virsh = (args: readonly string[], options: VirshOptions): Promise<Output> =>
  run(["virsh", "-c", LIBVIRT.uri, "-q", ...args], { ...options, limitMs: options.limitMs ?? LIMIT_MS });

/** A word for a command that stands with others in one argument. See: virsh(1), "Generic commands": quotes as in a shell. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
