import { stateOf } from "../../src/drivers/tart/said.ts";
import { driverContract } from "./contract.ts";
import { freshHost, openBench, type TartOptions } from "./tart-bench.ts";

driverContract<TartOptions>("tart", {
  module: import.meta.resolve("./tart-bench.ts"),
  openBench,
  freshHost,
  words: {
    stateOf,
    // See: openai/tart, VMDirectory.State; macos/host/mayfly-tart, `look`.
    meanings: {
      building: "building",
      running: "up",
      stopped: "off",
      suspended: "broken",
      failed: "broken",
    },
  },
});
