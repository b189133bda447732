import type { VmSeen } from "../ports.ts";
import type { EndRecord } from "./vagrant-folder.ts";
import type { Found } from "./vagrant-hypervisor.ts";

export type Look = Omit<VmSeen, "name">;

/**
 * What a machine with a folder looks like, from what the hypervisor has of it and from its `vagrant up`.
 * NB: one that was ended with the controller has left no word. A VM that runs all the same is left to show what it can do.
 */
export function lookOf(of: {
  found: Found | undefined;
  isBuilding: boolean;
  end: EndRecord | undefined;
}): Look {
  const vm = of.found?.kind === "vm" ? withoutKind(of.found) : undefined;
  if (of.isBuilding) return vm && (vm.state === "up" || vm.state === "broken") ? vm : { state: "building" };
  if (of.end && !of.end.isOk) return { state: "broken", text: of.end.text };
  if (vm) return vm;
  if (of.end) return { state: "off", text: "its VM is gone" };
  return { state: "broken", text: "the controller ended while vagrant up made the VM" };
}

/** Without the kind, which is nobody else's matter. */
export const withoutKind = ({ state, text }: Found): Look => ({ state, text });
