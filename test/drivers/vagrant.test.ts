import { lookOf } from "../../src/drivers/libvirt-state.ts";
import { driverContract } from "./contract.ts";
import { freshHost, openBench, type VagrantOptions } from "./vagrant-bench.ts";

driverContract<VagrantOptions>("vagrant", {
  module: import.meta.resolve("./vagrant-bench.ts"),
  openBench,
  freshHost,
  words: {
    stateOf: (word) => {
      const [state = "", reason = ""] = word.split(".");
      return lookOf(state, reason).state;
    },
    // See: libvirt-domain.h, virDomainState, and the reasons of each after the point.
    meanings: {
      ...{
        "0": "unknown",
        "1.1": "up",
        "2": "up",
        "3.1": "up",
        "3.2": "unknown",
        "3.5": "broken",
        "3.8": "up",
      },
      ...{
        "3.11": "building",
        "4": "up",
        "5.0": "off",
        "5.1": "off",
        "5.2": "off",
        "5.3": "off",
        "5.6": "off",
      },
      ...{ "6.0": "broken", "6.1": "broken", "7": "broken", "8": "unknown" },
    },
  },
});
