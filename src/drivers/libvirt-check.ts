import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Host } from "../core/types.ts";
import { CommandError } from "./exec.ts";
import { LIBVIRT, virsh } from "./libvirt-virsh.ts";

/** What libvirt lacks on this host, in sentences that name the cure. */
export async function checkLibvirt(host: Host, vagrantHome: string, signal: AbortSignal): Promise<string[]> {
  const daemon = await checkDaemon(signal);
  const rest = daemon.length > 0 ? [] : [...(await checkPool(signal)), ...(await checkNetwork(signal))];
  return [...daemon, ...rest, ...(await checkKvm(host)), ...(await checkPath(vagrantHome))];
}

async function checkDaemon(signal: AbortSignal): Promise<string[]> {
  const said = await complaint(["version"], signal);
  if (said === undefined) return [];
  return [`libvirt cannot be reached at ${LIBVIRT.uri} (${said}). Run script/setup-host, or start libvirtd.`];
}

async function checkPool(signal: AbortSignal): Promise<string[]> {
  const said = await complaint(["vol-list", LIBVIRT.pool], signal);
  if (said === undefined) return [];
  return [`libvirt's storage pool ${LIBVIRT.pool} cannot be used (${said}). Run script/setup-host.`];
}

async function checkNetwork(signal: AbortSignal): Promise<string[]> {
  const { stdout } = await virsh(["net-list", "--name"], { signal });
  const isActive = stdout.split("\n").some((line) => line.trim() === LIBVIRT.network);
  return isActive ? [] : [`libvirt's network ${LIBVIRT.network} does not run. Run script/setup-host.`];
}

async function checkKvm(host: Host): Promise<string[]> {
  if (host.hypervisor !== "kvm") return [];
  const isUsable = await access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (isUsable) return [];
  return [
    "/dev/kvm cannot be used. Turn on virtualisation in the firmware and join the group kvm, or set `hypervisor: qemu` (slow).",
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
