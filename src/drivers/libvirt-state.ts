import type { Found } from "./vagrant-hypervisor.ts";

type Look = Pick<Found, "state" | "text">;

const UP: Look = { state: "up" };

/**
 * virDomainState and its reasons, as `virsh domstats --state` prints them. A reason that is not listed falls to the state's own line.
 * See: libvirt-domain.h, enum virDomainState and virDomain<State>Reason.
 */
const LOOKS: ReadonlyMap<string, Look> = new Map(
  Object.entries<Look>({
    "1": UP, // running
    "2": UP, // blocked on a resource
    "3": { state: "unknown", text: "paused" },
    "3.1": { state: "up", text: "paused by a person" },
    "3.5": { state: "broken", text: "paused by a disk error: is the storage pool full?" },
    "3.6": { state: "broken", text: "paused by its watchdog" },
    "3.8": UP, // on its way down
    "3.10": { state: "broken", text: "the system in it has crashed" },
    "3.11": { state: "building", text: "starting" },
    "4": UP, // shutting down
    "5": { state: "off", text: "shut off" },
    "5.1": { state: "off", text: "powered itself off" },
    "5.2": { state: "off", text: "was forced off" },
    "5.3": { state: "off", text: "its QEMU process has died" },
    "5.6": { state: "off", text: "could not be started" },
    "6": { state: "broken", text: "the system in it has crashed" },
    "6.1": { state: "broken", text: "the system in it has panicked" },
    "7": { state: "broken", text: "has put itself to sleep" },
  }),
);

/** What a domain's state means for us. A number that is not known is `unknown`. */
export function lookOf(state: string, reason: string): Look {
  return (
    LOOKS.get(`${state}.${reason}`) ??
    LOOKS.get(state) ?? { state: "unknown", text: `libvirt state ${state}` }
  );
}
