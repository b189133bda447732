import type { OrchardPlace } from "../../core/macs.ts";
import type { StartOrder } from "../../ports.ts";
import { allowedOf, imageOf } from "../tart/order.ts";
import type { Account } from "./account.ts";

/**
 * No sound and no clipboard of the Mac's. NB: at first they had to be taken away, later they have to be asked for; a controller leaves
 * out what it does not know. See: openai/orchard, pkg/resource/v1/v1.go before and at 000f390; internal/controller/api_vms.go, createVM.
 */
const APART = { noAudio: true, noClipboard: true, audio: false, clipboard: false };

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
    ...APART,
    netSoftnet: true,
    netSoftnetAllow: allowedOf(host, place.allow),
    username: place.vmUser,
    password: vmPassword,
    restart_policy: "Never",
  };
}
