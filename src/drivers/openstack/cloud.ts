import { homedir } from "node:os";
import type { CloudPlace } from "../../core/clouds.ts";
import type { Host } from "../../core/types.ts";
import type { Clock } from "../../ports.ts";
import { type Cinder, cinder } from "./cinder.ts";
import { type Places, readCloud } from "./clouds.ts";
import { type Glance, glance } from "./glance.ts";
import { type Neutron, neutron } from "./neutron.ts";
import { type Nova, nova } from "./nova.ts";
import { type Session, session } from "./session.ts";

/** The services of the cloud that a host is in. */
export type CloudServices = {
  place: CloudPlace;
  session: Session;
  nova: Nova;
  glance: Glance;
  neutron: Neutron;
  cinder: Cinder;
};

/** Nothing is read or asked before the first call. */
export function cloudServices(host: Pick<Host, "openstack">, clock: Clock, places: Places): CloudServices {
  const place: CloudPlace = host.openstack ?? { securityGroups: [], configDrive: true };
  const ours = session(() => readCloud(place.cloud, places), clock);
  return {
    place,
    session: ours,
    nova: nova(ours),
    glance: glance(ours),
    neutron: neutron(ours),
    cinder: cinder(ours),
  };
}

/** Where this process looks for clouds. */
export const ownPlaces = (): Places => ({ env: process.env, cwd: process.cwd(), home: homedir() });
