import type { Host } from "../core/types.ts";
import type { Driver } from "../ports.ts";
import { fakeDriver } from "./fake.ts";
import { openstackDriver } from "./openstack/driver.ts";
import { orchardDriver } from "./orchard/driver.ts";
import type { DriverParts } from "./parts.ts";
import { tartDriver } from "./tart/driver.ts";
import { vagrantDriver } from "./vagrant.ts";

/** All drivers, by the name that a host of the catalogue gives. One more driver is one more line. */
export const DRIVERS: Record<Host["driver"], (parts: DriverParts) => Driver> = {
  fake: fakeDriver,
  openstack: (parts) => openstackDriver(parts),
  orchard: (parts) => orchardDriver(parts),
  tart: tartDriver,
  vagrant: vagrantDriver,
};
