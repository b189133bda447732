import type { Logger } from "pino";
import type { Host, Image } from "../core/types.ts";
import type { Clock, Ring } from "../ports.ts";

/** What each driver is made from: one driver object per host of the catalogue. */
export type DriverParts = {
  host: Host;
  /** Names of all hosts of the catalogue, for the check. Left out: nobody checks. */
  hosts?: readonly string[] | undefined;
  /** Those of the catalogue that may run on it. */
  images: readonly Image[];
  /** The controller's name: all VMs of ours begin with it. See: core/name.ts. */
  controller: string;
  /** Where the driver keeps what it knows of this host's machines. It outlives the process; no other host's driver uses it. */
  folder: string;
  log: Logger;
  /** To be rung when a VM may have changed. */
  ring: Ring;
  /** Mayfly's own folder, which holds `vagrant/` and `guest/`. */
  project: string;
  /** Where a VM whose box has no runner gets it from, instead of GitHub. */
  runnerMirror?: string | undefined;
  clock: Clock;
};
