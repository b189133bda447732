import type { VmSeen } from "../../ports.ts";
import type { Server } from "./nova.ts";

/**
 * What a server's status means for us. See: Nova, API guide, "Server concepts": Server status.
 * NB: what only a person does to a server, and what ends its job, is `broken`: machines are never repaired.
 */
const STATES: ReadonlyMap<string, VmSeen["state"]> = new Map(
  Object.entries<VmSeen["state"]>({
    ACTIVE: "up",
    BUILD: "building",
    DELETED: "off",
    ERROR: "broken",
    HARD_REBOOT: "up",
    MIGRATING: "up",
    PASSWORD: "up",
    PAUSED: "up",
    REBOOT: "up",
    REBUILD: "broken",
    RESCUE: "broken",
    RESIZE: "broken",
    REVERT_RESIZE: "broken",
    SHELVED: "off",
    SHELVED_OFFLOADED: "off",
    SHUTOFF: "off",
    SOFT_DELETED: "off",
    SUSPENDED: "broken",
    UNKNOWN: "unknown",
    VERIFY_RESIZE: "broken",
  }),
);

export const stateOf = (status: string): VmSeen["state"] => STATES.get(status) ?? "unknown";

export function lookOf({ status, fault }: Pick<Server, "status" | "fault">): Omit<VmSeen, "name"> {
  const state = stateOf(status);
  if (status === "ACTIVE" || status === "BUILD") return { state };
  const text = `Nova: ${fault || status}`;
  return status === "ERROR" && saysNoRoom(text) ? { state, text, isNoRoom: true } : { state, text };
}

/**
 * Nova's words for a cloud that is full. NB: it takes the order first, and finds out later. Words, since a fault has no number
 * that tells: all of these are 500.
 */
export const saysNoRoom = (text: string): boolean => NO_ROOM.some((words) => words.test(text));

const NO_ROOM: readonly RegExp[] = [
  /no valid host was found/i,
  /not enough hosts available/i,
  /quota[\w\s]* (?:exceeded|exceeds)|exceed\w* [\w\s]*quota/i,
  /maximum number of (?:instances|volumes|ports|floating ips) (?:allowed )?(?:\([^)]*\) )?exceeded/i,
  /no (?:more|fixed) (?:floating )?ip addresses available|zero floating ips available|no free ips\b/i,
  /insufficient compute resources/i,
  // NB: it tells the last try's own fault behind it, if there was another one than that the hypervisors were full.
  /exceeded max(?:imum number of)? scheduling attempts(?!.*last exception)/is,
];
