import { resolve } from "node:path";
import type { CloudImage, CloudPlace } from "../core/clouds.ts";
import type { MacPlace, OrchardPlace } from "../core/macs.ts";
import { DEFAULT_PATIENCE } from "../core/patience.ts";
import type { Box, Catalogue, Host, Image, Patience, Repository } from "../core/types.ts";
import type { CatalogueFile, HostEntry, ImageEntry, RepositoryEntry } from "./schema.ts";
import { toMiB, toMs } from "./units.ts";

/** The catalogue of a file without faults, with every default filled in. `folder`: that of mayfly.yml. */
export function toCatalogue(file: CatalogueFile, folder: string): Catalogue {
  const hosts = file.hosts.map((host) => toHost(host, file.guests.url, folder));
  return {
    controller: file.controller,
    hosts,
    images: file.images.map((image) => toImage(image, hosts, folder)),
    repositories: file.repositories.map((repository) => toRepository(repository, hosts)),
  };
}

/** How long to believe, wait and try. */
export function toPatience(said: CatalogueFile["patience"]): Patience {
  const ms = (text: string | undefined, otherwise: number) => (text === undefined ? otherwise : toMs(text));
  return {
    settleMs: ms(said.settle, DEFAULT_PATIENCE.settleMs),
    connectMs: ms(said.connect, DEFAULT_PATIENCE.connectMs),
    lostMs: ms(said.lost, DEFAULT_PATIENCE.lostMs),
    serveMs: ms(said.serve, DEFAULT_PATIENCE.serveMs),
    tries: said.tries ?? DEFAULT_PATIENCE.tries,
    giveUpMs: ms(said.giveUp, DEFAULT_PATIENCE.giveUpMs),
    waitMs: ms(said.wait, DEFAULT_PATIENCE.waitMs),
    backoffMs: ms(said.backoff, DEFAULT_PATIENCE.backoffMs),
    backoffMaxMs: ms(said.backoffMax, DEFAULT_PATIENCE.backoffMaxMs),
  };
}

function toHost(
  { memory, guestUrl, openstack, tart, orchard, ...host }: HostEntry,
  guestsUrl: string | undefined,
  folder: string,
): Host {
  return {
    ...host,
    ...(tart ? { tart: toMacPlace(tart, folder) } : {}),
    ...(orchard ? { orchard: toOrchardPlace(orchard, folder) } : {}),
    ...(host.driver === "openstack" ? { openstack: toCloudPlace(openstack) } : {}),
    memoryMiB: memory === undefined ? undefined : toMiB(memory),
    guestUrl: (guestUrl ?? guestsUrl ?? "").replace(/\/+$/, ""),
  };
}

const toCloudPlace = ({ volume, securityGroups, ...place }: Partial<CloudEntry> = {}): CloudPlace => ({
  configDrive: true,
  ...place,
  securityGroups: securityGroups ?? [],
  // NB: Cinder knows whole GiB only. See: OpenStack, Block Storage API, "Create a volume".
  volume: volume && { sizeGiB: Math.ceil(toMiB(volume.size) / 1024), type: volume.type },
});

const toMacPlace = (mac: NonNullable<HostEntry["tart"]>, folder: string): MacPlace => ({
  ...mac,
  key: resolve(folder, mac.key),
  knownHosts: resolve(folder, mac.knownHosts),
  allow: mac.allow ?? [],
});

const toOrchardPlace = (
  { credentials, ca, ...orchard }: NonNullable<HostEntry["orchard"]>,
  folder: string,
): OrchardPlace => ({
  ...orchard,
  url: orchard.url.replace(/\/+$/, ""),
  credentials: credentials === undefined ? undefined : resolve(folder, credentials),
  ca: ca === undefined ? undefined : resolve(folder, ca),
  allow: orchard.allow ?? [],
});

type CloudEntry = NonNullable<HostEntry["openstack"]>;

function toImage(
  { memory, limits, box, cloudImage, ...image }: ImageEntry,
  hosts: readonly Host[],
  folder: string,
): Image {
  const names = image.hosts ?? hosts.map(({ name }) => name);
  const room = hosts
    .filter(({ name }) => names.includes(name))
    .reduce((sum, { machines }) => sum + machines, 0);
  return {
    ...image,
    box: box && toBox(box, image.name, folder),
    cloudImage: cloudImage && toCloudImage(cloudImage, image.name),
    memoryMiB: toMiB(memory),
    mac: image.mac?.toLowerCase(),
    hosts: names,
    machines: image.machines ?? (image.mac === undefined ? room : 1),
    limits: { bootMs: toMs(limits.boot), jobMs: toMs(limits.job), idleMs: toMs(limits.idle) },
  };
}

const toCloudImage = (
  { family, canary, flavor }: NonNullable<ImageEntry["cloudImage"]>,
  image: string,
): CloudImage => ({ family: family ?? image, flavor, canary: canary.share === 0 ? undefined : canary });

const toBox = (box: NonNullable<ImageEntry["box"]>, image: string, folder: string): Box => ({
  ...box,
  name: box.name ?? `mayfly/${image}`,
  file: box.file === undefined ? undefined : resolve(folder, box.file),
  sha256: box.sha256?.toLowerCase(),
});

const toRepository = (repository: RepositoryEntry, hosts: readonly Host[]): Repository => ({
  ...repository,
  machines: repository.machines ?? hosts.reduce((sum, { machines }) => sum + machines, 0),
});
