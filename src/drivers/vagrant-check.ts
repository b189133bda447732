import type { Host, Provider } from "../core/types.ts";
import { CommandError, run } from "./exec.ts";

const LIMIT_MS = 60_000;

/** Providers that Vagrant itself does not bring. */
const PLUGINS: Partial<Record<Provider, string>> = {
  libvirt: "vagrant-libvirt",
  vmware_desktop: "vagrant-vmware-desktop",
  parallels: "vagrant-parallels",
  qemu: "vagrant-qemu",
  openstack: "vagrant-openstack-provider",
};

/** What Vagrant lacks on this host, in sentences that name the cure. */
export async function checkVagrant(
  host: Host,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string[]> {
  const options = { signal, limitMs: LIMIT_MS, env };
  const plugin = PLUGINS[host.provider];
  try {
    const { stdout } = await run(["vagrant", "plugin", "list"], options);
    if (plugin === undefined || stdout.split("\n").some((line) => line.startsWith(`${plugin} `))) return [];
    return [
      `Vagrant has no plug-in ${plugin}. Run script/setup-host, or \`VAGRANT_HOME=${env.VAGRANT_HOME} vagrant plugin install ${plugin}\`.`,
    ];
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return [
      `Vagrant cannot be used (${error.message}). Run script/setup-host, or install Vagrant 2.3.4 or newer.`,
    ];
  }
}
