import { stateOf } from "../../src/drivers/openstack/states.ts";
import { driverContract } from "./contract.ts";
import { freshHost, openBench, type StubOptions } from "./openstack-stub-bench.ts";

driverContract<StubOptions>("openstack", {
  module: import.meta.resolve("./openstack-stub-bench.ts"),
  openBench,
  freshHost,
  words: {
    stateOf,
    // See: Nova, API guide, "Server concepts", Server status.
    meanings: {
      ...{ ACTIVE: "up", BUILD: "building", DELETED: "off", ERROR: "broken", HARD_REBOOT: "up" },
      ...{ MIGRATING: "up", PASSWORD: "up", PAUSED: "up", REBOOT: "up", REBUILD: "broken" },
      ...{ RESCUE: "broken", RESIZE: "broken", REVERT_RESIZE: "broken", SHELVED: "off" },
      ...{ SHELVED_OFFLOADED: "off", SHUTOFF: "off", SOFT_DELETED: "off", SUSPENDED: "broken" },
      ...{ UNKNOWN: "unknown", VERIFY_RESIZE: "broken" },
    },
  },
});
