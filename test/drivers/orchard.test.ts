import { stateOf } from "../../src/drivers/orchard/states.ts";
import { driverContract } from "./contract.ts";
import { freshHost, type OrchardOptions, openBench } from "./orchard-bench.ts";

driverContract<OrchardOptions>("orchard", {
  module: import.meta.resolve("./orchard-bench.ts"),
  openBench,
  freshHost,
  words: {
    stateOf,
    // See: openai/orchard, pkg/resource/v1, VMStatus.
    meanings: { pending: "building", running: "up", failed: "broken" },
  },
});
