import { stateOf } from "../../src/drivers/openstack/states.ts";
import { driverContract } from "./contract.ts";
import { freshHost, openBench, type RigOptions } from "./openstack-rig-bench.ts";
import { MEANINGS } from "./openstack-words.ts";

driverContract<RigOptions>("openstack, on a genuine Nova", {
  module: import.meta.resolve("./openstack-rig-bench.ts"),
  openBench,
  freshHost: () => freshHost(),
  words: { stateOf, meanings: MEANINGS },
});
