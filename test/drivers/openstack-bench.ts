import { systemClock } from "../../src/clock.ts";
import type { CloudPlace } from "../../src/core/clouds.ts";
import type { Host, Image } from "../../src/core/types.ts";
import { openstackDriver } from "../../src/drivers/openstack/driver.ts";
import type { Clock, Driver, StartOrder } from "../../src/ports.ts";
import { keptLog } from "../support/log.ts";

export type DriverParts = {
  env: Record<string, string>;
  controller?: string | undefined;
  hostName?: string | undefined;
  place?: Partial<CloudPlace> | undefined;
  /** The operator's own limits. */
  limits?: Pick<Host, "cpus" | "memoryMiB"> | undefined;
  /** All hosts of the catalogue. */
  hosts?: readonly string[] | undefined;
  images?: readonly Partial<Image>[] | undefined;
  clock?: Clock | undefined;
};

export type DriverBench = {
  driver: Driver;
  orderOf: (name: string, image?: Partial<Image>) => StartOrder;
  logged: () => string;
};

/** The driver, in the cloud that these variables lead to. */
export function openDriver(parts: DriverParts): DriverBench {
  const { env, controller = "test", clock = systemClock } = parts;
  const kept = keptLog();
  const name = parts.hostName ?? HOST.name;
  const place = { securityGroups: [], configDrive: true, ...parts.place };
  const host: Host = { ...HOST, ...parts.limits, name, openstack: place };
  const images = (parts.images ?? [{}]).map((image) => ({ ...IMAGE, ...image }));
  const made = {
    host,
    hosts: parts.hosts,
    images,
    controller,
    folder: "/nowhere",
    project: "/nowhere",
    log: kept.log,
  };
  const driver = openstackDriver(
    { ...made, ring: () => {}, clock },
    { env, cwd: "/nowhere", home: "/nowhere" },
  );
  return {
    driver,
    orderOf: (name, image = {}) => ({
      ...{ name, repo: "octo/spinw", host },
      image: { ...IMAGE, ...images[0], ...image },
      seed: { machine: name, url: host.guestUrl, ca: "", token: `token-of-${name}`, lifeSeconds: 600 },
    }),
    logged: kept.text,
  };
}

const HOST: Host = {
  name: "cloud",
  driver: "openstack",
  provider: "libvirt",
  hypervisor: "kvm",
  machines: 4,
  starting: 2,
  guestUrl: "https://10.77.0.1:1",
};

export const IMAGE: Image = {
  name: "image",
  os: "linux",
  arch: "x64",
  labels: ["image"],
  cloudImage: { family: "image" },
  prepared: true,
  cpus: 1,
  memoryMiB: 128,
  hosts: ["cloud"],
  machines: 4,
  limits: { bootMs: 60_000, jobMs: 60_000, idleMs: 60_000 },
};
