import type { Provider } from "../core/types.ts";
import { libvirt } from "./libvirt.ts";
import type { Hypervisor, HypervisorParts } from "./vagrant-hypervisor.ts";
import { vagrantIndex } from "./vagrant-index.ts";
import { vagrantOpenstack } from "./vagrant-openstack.ts";
import { virtualbox } from "./virtualbox.ts";

const HYPERVISORS: Record<Provider, (parts: HypervisorParts) => Hypervisor> = {
  libvirt,
  virtualbox,
  vmware_desktop: vagrantIndex,
  parallels: vagrantIndex,
  qemu: vagrantIndex,
  openstack: vagrantOpenstack,
};

/** The hypervisor under Vagrant: asked directly where it has a command of its own, else through Vagrant. */
export const hypervisorOf = (parts: HypervisorParts): Hypervisor => HYPERVISORS[parts.host.provider](parts);
