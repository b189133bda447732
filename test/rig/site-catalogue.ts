import { resolve } from "node:path";
import type { SiteOptions } from "./site.ts";

/** Where the VMs of a site are servers. */
export type SiteCloud = {
  /** The clouds.yaml, and the cloud's name in it. */
  file: string;
  name: string;
  /** Laid over the host's place in the cloud. */
  place?: Record<string, unknown>;
  family: string;
  flavor: string;
  /** This computer's address for its VMs. */
  address: string;
  /** Where what they call is to be found, if not there: simulated VMs know how to get here. */
  listen?: string;
  /** All servers, ports, floating IPs and images that there are, whoever has them. */
  things: () => Promise<string[]>;
};

export const SITE_REPO = "octo/spinw";
export const SITE_LABELS = ["self-hosted", "linux", "x64", "spinw-linux"];
export const SITE_IMAGE = "linux";

export const LOOPBACK = "127.0.0.1";
/** The host's address on the VMs' network. See: vagrant/libvirt/network.xml. */
const GATEWAY = "10.77.0.1";
const STAND_IN_VM = resolve(import.meta.dirname, "runner/local-guest.sh");

/** This computer's address, as the VMs of a site have to call it, and the one that listens then. */
export function addressesForVms({ driver, cloud }: SiteOptions): { host: string; listen: string } {
  const host = driver === "vagrant" ? GATEWAY : LOOPBACK;
  if (driver !== "openstack") return { host, listen: host };
  const { address, listen = address } = cloudOf(cloud);
  return { host: address, listen };
}

export const repositoriesOf = ({ repositories = [SITE_REPO] }: SiteOptions): readonly string[] =>
  repositories;

/** More than the host takes. */
const MOST = 10_000;

type Addresses = {
  host: string;
  listen: string;
  webPort: number;
  guestPort: number;
  data: string;
  apiUrl: string;
  url: string;
};

/** What is in the site's mayfly.yml. */
export function catalogue(options: SiteOptions, at: Addresses): Record<string, unknown> {
  return {
    controller: options.controller,
    data: at.data,
    github: { url: at.url, apiUrl: at.apiUrl },
    ...(options.intake === "poll" ? { intake: "poll", sweep: { every: "2s" } } : {}),
    web: { listen: `127.0.0.1:${at.webPort}`, url: `http://127.0.0.1:${at.webPort}` },
    operators: ["octocat"],
    guests: { listen: `${at.listen}:${at.guestPort}`, url: `https://${at.host}:${at.guestPort}` },
    hosts: [{ name: "lab1", driver: options.driver, ...hostOf(options) }],
    images: [
      {
        name: SITE_IMAGE,
        os: "linux",
        arch: "x64",
        labels: SITE_LABELS,
        ...originOf(options),
        cpus: 1,
        memory: "512 MiB",
        machines: MOST,
        limits: { boot: options.driver === "fake" ? "20s" : "3m", job: "10m", idle: "0s" },
        ...options.image,
      },
    ],
    repositories: repositoriesOf(options).map((name) => ({ name, images: [SITE_IMAGE], machines: MOST })),
    ...options.settings,
  };
}

function hostOf({ driver, machines = 2, storage, cloud }: SiteOptions): Record<string, unknown> {
  if (driver === "fake") return { machines, command: [STAND_IN_VM] };
  const room = { machines, starting: machines };
  if (driver === "vagrant") {
    return {
      ...{ provider: "libvirt", hypervisor: "qemu" },
      ...room,
      ...(storage === undefined ? {} : { storage }),
    };
  }
  const { name, place } = cloudOf(cloud);
  return { ...room, openstack: { cloud: name, ...place } };
}

function originOf({ driver, box, cloud }: SiteOptions): Record<string, unknown> {
  if (driver === "fake") return { box: { name: "process" }, prepared: true };
  if (driver === "vagrant") return { box, prepared: true };
  const { family, flavor } = cloudOf(cloud);
  return { cloudImage: { family, flavor }, prepared: true };
}

function cloudOf(cloud: SiteCloud | undefined): SiteCloud {
  if (!cloud) throw new Error("a site with the driver openstack needs a cloud");
  return cloud;
}
