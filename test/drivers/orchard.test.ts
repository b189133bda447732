import { stateOf } from "../../src/drivers/orchard/states.ts";
import { driverContract } from "./contract.ts";
import { freshHost, type OrchardOptions, openBench } from "./orchard-bench.ts";

for (const version of ["25d8d9d", "01bf2d7"] as const)
  driverContract<OrchardOptions>(`orchard, at ${version}`, {
    module: import.meta.resolve("./orchard-bench.ts"),
    openBench,
    freshHost: () => freshHost(version),
    words: {
      stateOf,
      // See: openai/orchard, pkg/resource/v1, VMStatus.
      meanings: { pending: "building", running: "up", failed: "broken" },
    },
  });
