import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Host } from "../core/types.ts";
import { CommandError, run } from "./exec.ts";
import { LIBVIRT, poolOf, virsh } from "./libvirt-virsh.ts";

/** A QEMU that still runs after so long has found KVM in order. */
const KVM_TRIAL_MS = 1500;

/** What libvirt lacks on this host, in sentences that name the cure. */
export async function checkLibvirt(host: Host, vagrantHome: string, signal: AbortSignal): Promise<string[]> {
  const daemon = await checkDaemon(signal);
  const rest =
    daemon.length > 0 ? [] : [...(await checkPool(poolOf(host), signal)), ...(await checkNetwork(signal))];
  return [...daemon, ...rest, ...(await checkKvm(host, signal)), ...(await checkPath(vagrantHome))];
}

async function checkDaemon(signal: AbortSignal): Promise<string[]> {
  const said = await complaint(["version"], signal);
  if (said === undefined) return [];
  return [`libvirt cannot be reached at ${LIBVIRT.uri} (${said}). Run script/setup-host, or start libvirtd.`];
}

async function checkPool(pool: string, signal: AbortSignal): Promise<string[]> {
  const said = await complaint(["vol-list", pool], signal);
  if (said === undefined) return [];
  const cure =
    pool === LIBVIRT.pool ? "Run script/setup-host." : "Define and start it, or mend the host's `storage`.";
  return [`libvirt's storage pool ${pool} cannot be used (${said}). ${cure}`];
}

async function checkNetwork(signal: AbortSignal): Promise<string[]> {
  const { stdout } = await virsh(["net-list", "--name"], { signal });
  const isActive = stdout.split("\n").some((line) => line.trim() === LIBVIRT.network);
  return isActive ? [] : [`libvirt's network ${LIBVIRT.network} does not run. Run script/setup-host.`];
}

/**
 * Starts QEMU on KVM and leaves it be for a moment.
 * NB: /dev/kvm may be there and open to us, and yet no guest can run: so it is in a VM that is badly nested.
 */
async function checkKvm(host: Host, signal: AbortSignal): Promise<string[]> {
  if (host.hypervisor !== "kvm") return [];
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const machine = process.arch === "arm64" ? "virt" : "pc";
  const args = ["-accel", "kvm", "-cpu", "host", "-machine", machine, "-nodefaults", "-display", "none"];
  const trial = await run([`qemu-system-${arch}`, ...args], { signal, limitMs: KVM_TRIAL_MS }).catch(
    (error: unknown) => error,
  );
  if (trial instanceof CommandError && trial.isLate) return [];
  const why = trial instanceof CommandError && trial.said !== "" ? trial.said.split("\n")[0] : `${trial}`;
  return [
    `KVM cannot be used (${why}). Turn on virtualisation in the firmware, join the group kvm, or set \`hypervisor: qemu\` (slow).`,
  ];
}

/** QEMU runs as a user of its own, who must be able to read kernels that lie in a box's folder. */
async function checkPath(folder: string): Promise<string[]> {
  for (let path = folder; path !== dirname(path); path = dirname(path)) {
    const mode = await stat(path).then(
      (found) => found.mode,
      () => undefined,
    );
    if (mode !== undefined && (mode & 0o001) === 0)
      return [
        `${path} is closed to libvirt's user, who must reach the boxes under it. Put the data folder elsewhere, or run \`chmod o+x ${path}\`.`,
      ];
  }
  return [];
}

async function complaint(args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  try {
    await virsh(args, { signal });
    return undefined;
  } catch (error) {
    if (error instanceof CommandError) return error.said === "" ? error.message : error.said;
    throw error;
  }
}
