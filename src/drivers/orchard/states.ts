import type { VmSeen } from "../../ports.ts";
import type { OrchardVm } from "./api.ts";

/** Orchard's words for a VM. See: openai/orchard, pkg/resource/v1, VMStatus. */
const STATES: ReadonlyMap<string, VmSeen["state"]> = new Map(
  Object.entries<VmSeen["state"]>({ pending: "building", running: "up", failed: "broken" }),
);

export const stateOf = (status: string): VmSeen["state"] => STATES.get(status) ?? "unknown";

/**
 * NB: Orchard knows no VM that is off. One that has powered itself off has failed for it, and its message tells that; so does that of a
 * Mac that is full after all. See: openai/orchard, internal/worker/vmmanager/tart; openai/tart, VirtualMachineLimitExceeded.
 */
export function seenOf({ name, status, status_message: text }: OrchardVm): VmSeen {
  const state = stateOf(status);
  if (state !== "broken") return { name, state };
  if (/VM exited unexpectedly/i.test(text)) return { name, state: "off", text };
  return {
    name,
    state,
    text,
    ...(/number of VMs exceeds the system limit/i.test(text) ? { isNoRoom: true } : {}),
  };
}
