import { stateOf } from "../../src/drivers/openstack/states.ts";
import { driverContract } from "./contract.ts";
import { freshHost, openBench, type StubOptions } from "./openstack-stub-bench.ts";
import { MEANINGS } from "./openstack-words.ts";

driverContract<StubOptions>("openstack", {
  module: import.meta.resolve("./openstack-stub-bench.ts"),
  openBench,
  freshHost,
  words: { stateOf, meanings: MEANINGS },
});
