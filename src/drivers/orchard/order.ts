import type { OrchardPlace } from "../../core/macs.ts";
import type { StartOrder } from "../../ports.ts";
import { allowedOf, imageOf } from "../tart/order.ts";
import type { Account } from "./account.ts";

/**
 * The request that makes a VM of an order. WARN: whoever may look at VMs at Orchard can read all of it, so the seed is not in it: no
 * startup_script. The VM's password is, since Orchard signs in with it. See: hand-over.ts.
 */
export function newVm(
  { name, image, host }: StartOrder,
  place: OrchardPlace,
  { vmPassword }: Account,
): object {
  return {
    name,
    os: "darwin",
    arch: "arm64",
    runtime: "tart",
    image: imageOf(image),
    imagePullPolicy: "IfNotPresent",
    cpu: image.cpus,
    memory: image.memoryMiB,
    headless: true,
    noAudio: true,
    noClipboard: true,
    netSoftnet: true,
    netSoftnetAllow: allowedOf(host, place.allow),
    username: place.vmUser,
    password: vmPassword,
    restart_policy: "Never",
  };
}
