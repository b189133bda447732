import type { VmSeen } from "../../src/ports.ts";

/** All of Nova's words. See: Nova, API guide, "Server concepts", Server status. */
export const MEANINGS: Readonly<Record<string, VmSeen["state"]>> = {
  ...{ ACTIVE: "up", BUILD: "building", DELETED: "off", ERROR: "broken", HARD_REBOOT: "up" },
  ...{ MIGRATING: "up", PASSWORD: "up", PAUSED: "up", REBOOT: "up", REBUILD: "broken" },
  ...{ RESCUE: "broken", RESIZE: "broken", REVERT_RESIZE: "broken", SHELVED: "off" },
  ...{ SHELVED_OFFLOADED: "off", SHUTOFF: "off", SOFT_DELETED: "off", SUSPENDED: "broken" },
  ...{ UNKNOWN: "unknown", VERIFY_RESIZE: "broken" },
};
