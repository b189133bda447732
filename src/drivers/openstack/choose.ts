import type { Image } from "../../core/types.ts";
import { type Clock, SetupError } from "../../ports.ts";
import type { CloudServices } from "./cloud.ts";
import { ownerOf } from "./cloud-images.ts";
import { few } from "./few.ts";
import type { GlanceImage } from "./glance.ts";
import { currentOf, isOfFamily, tagOf } from "./image-tags.ts";
import type { Network } from "./neutron.ts";
import type { Flavor } from "./nova.ts";
import { recently } from "./recently.ts";

/** What an order is made of, by what the catalogue says. Each throws `SetupError` with what to do. */
export type Choices = {
  /** `id`: this one of the family. None: the current one. */
  image: (image: Image, id: string | undefined, signal: AbortSignal) => Promise<GlanceImage>;
  flavor: (image: Image, cloudImage: GlanceImage, signal: AbortSignal) => Promise<Flavor>;
  network: (signal: AbortSignal) => Promise<Network>;
  floatingNetwork: (signal: AbortSignal) => Promise<Network>;
  /** Ids of the security groups. */
  securityGroups: (signal: AbortSignal) => Promise<string[]>;
  /** The availability zone is there. */
  zone: (signal: AbortSignal) => Promise<void>;
  /** Volumes of the type that is named can be had. */
  volumeType: (signal: AbortSignal) => Promise<void>;
  /** What was chosen is looked up anew: it may be gone. */
  forget: () => void;
};

/**
 * Nothing can be made of an image, and of others it can. `isOfCloudImage`: it is the cloud image that will not do. If not, another one
 * of the family would do no better.
 */
export class ImageFault extends SetupError {
  override name = "ImageFault";
  readonly isOfCloudImage: boolean;
  constructor(message: string, options?: { isOfCloudImage: boolean }) {
    super(message);
    this.isOfCloudImage = options?.isOfCloudImage ?? false;
  }
}

/** Hundreds of machines may be ordered together; and an image that was promoted is to be used soon. */
const KEEP_MS = 20_000;
const LOOK_UP_LIMIT_MS = 25_000;

/** `closed`: ends what is looked up when the driver ends. */
export function choices(cloud: CloudServices, clock: Clock, closed: AbortSignal): Choices {
  const parts = { clock, keepMs: KEEP_MS, limitMs: LOOK_UP_LIMIT_MS, closed };
  const images = recently<GlanceImage>(parts);
  const flavors = recently<Flavor[]>(parts);
  const networks = recently<Network>(parts);
  const groups = recently<string[]>(parts);
  const places = recently<void>(parts);
  const { place } = cloud;

  return {
    image: async (image, id, signal) => {
      const family = familyOf(image);
      const ask = (shared: AbortSignal) =>
        id === undefined ? currentImage(family, cloud, shared) : givenImage(family, id, cloud, shared);
      return await images.get(`${family} ${id}`, ask, signal);
    },
    flavor: async (image, cloudImage, signal) => {
      const all = await flavors.get("", cloud.nova.flavors, signal);
      return chooseFlavor(image, cloudImage, { all, volumeGiB: place.volume?.sizeGiB });
    },
    network: (signal) =>
      networks.get("inside", (shared) => findNetwork(place.network, cloud, shared), signal),
    floatingNetwork: (signal) =>
      networks.get("outside", (shared) => findNetwork(place.floatingNetwork, cloud, shared), signal),
    securityGroups: (signal) => groups.get("", (shared) => findGroups(cloud, shared), signal),
    zone: (signal) => places.get("zone", (shared) => findZone(cloud, shared), signal),
    volumeType: (signal) => places.get("volume type", (shared) => findVolumeType(cloud, shared), signal),
    forget: () => {
      for (const kept of [images, flavors, networks, groups, places]) kept.forget();
    },
  };
}

function familyOf({ name, cloudImage }: Image): string {
  if (cloudImage) return cloudImage.family;
  throw new ImageFault(
    `The image ${name} has no cloudImage, which a host with OpenStack needs. Give it one.`,
  );
}

async function currentImage(family: string, cloud: CloudServices, signal: AbortSignal): Promise<GlanceImage> {
  const owner = await ownerOf(cloud, signal);
  const found = await cloud.glance.images({ owner, tags: [tagOf(family, "current")] }, signal);
  const read = currentOf(family, found);
  if ("image" in read) return read.image;
  throw new ImageFault(read.sentence);
}

/** NB: its owner and its tags are looked at, too: an id alone could be anybody's image. */
async function givenImage(
  family: string,
  id: string,
  cloud: CloudServices,
  signal: AbortSignal,
): Promise<GlanceImage> {
  const owner = await ownerOf(cloud, signal);
  const image = await cloud.glance.image(id, signal);
  if (image?.owner === owner && image.status === "active" && isOfFamily(family, image)) return image;
  throw new ImageFault(`The cloud has no active image ${id} with a tag of the family ${family} any more.`, {
    isOfCloudImage: true,
  });
}

/** The one that is named, or the smallest that will do. */
export function chooseFlavor(
  { name, cpus, memoryMiB, cloudImage }: Image,
  image: GlanceImage,
  { all, volumeGiB }: { all: readonly Flavor[]; volumeGiB: number | undefined },
): Flavor {
  const diskGiB = Math.max(image.minDiskGiB, Math.ceil((image.virtualBytes ?? 0) / GIB));
  if (volumeGiB !== undefined && volumeGiB < diskGiB) {
    throw new ImageFault(
      `The volume of ${volumeGiB} GiB is too small for the cloud image ${image.id}, which needs ${diskGiB} GiB. Raise openstack.volume.size.`,
      { isOfCloudImage: true },
    );
  }
  // NB: from a volume the flavor's own disk is not used. Without one, few clouds let a flavor of no disk boot.
  const needs = { cpus: 1, memoryMiB: image.minMemoryMiB, diskGiB: volumeGiB === undefined ? diskGiB : 0 };
  const wanted = cloudImage?.flavor;
  if (wanted !== undefined) return namedFlavor(wanted, { all, needs, image });
  const usable = all.filter(({ isDisabled, disk }) => !isDisabled && (volumeGiB !== undefined || disk > 0));
  const least = { ...needs, cpus, memoryMiB: Math.max(memoryMiB, needs.memoryMiB) };
  const fitting = usable.filter((flavor) => fits(flavor, least));
  const [smallest] = fitting.toSorted((a, b) => a.vcpus - b.vcpus || a.ram - b.ram || a.disk - b.disk);
  if (smallest) return smallest;
  throw new ImageFault(
    `The cloud has no flavor for the image ${name}: at least ${wordsOf(least)}. Lower cpus or memory in mayfly.yml, or ask the people of the cloud for a flavor.`,
    { isOfCloudImage: usable.some((flavor) => fits(flavor, { cpus, memoryMiB, diskGiB: 0 })) },
  );
}

const GIB = 1024 ** 3;

type Needs = { cpus: number; memoryMiB: number; diskGiB: number };

const fits = ({ vcpus, ram, disk }: Flavor, needs: Needs): boolean =>
  vcpus >= needs.cpus && ram >= needs.memoryMiB && disk >= needs.diskGiB;

const wordsOf = ({ cpus, memoryMiB, diskGiB }: Needs): string =>
  `${cpus} CPUs, ${memoryMiB} MiB of memory and ${diskGiB} GiB of disk`;

function namedFlavor(
  wanted: string,
  { all, needs, image }: { all: readonly Flavor[]; needs: Needs; image: GlanceImage },
): Flavor {
  const flavor = all.find(({ name }) => name === wanted) ?? all.find(({ id }) => id === wanted);
  if (!flavor) {
    const names = few(all.map(({ name }) => name));
    throw new ImageFault(
      `The cloud has no flavor ${wanted}. Mend cloudImage.flavor in mayfly.yml. The cloud has: ${names}.`,
    );
  }
  // NB: a flavor's disk of 0 stands for one as large as the image.
  const { disk } = flavor;
  if (fits({ ...flavor, disk: disk === 0 ? needs.diskGiB : disk }, needs)) return flavor;
  throw new ImageFault(
    `The flavor ${flavor.name} is too small for the cloud image ${image.id}. Choose a larger one in cloudImage.flavor, or give the host a volume. It has ${flavor.ram} MiB of memory and ${disk} GiB of disk, and the cloud image needs ${needs.memoryMiB} MiB of memory and ${needs.diskGiB} GiB of disk.`,
    { isOfCloudImage: true },
  );
}

/** By name or id, or the only one. */
async function findNetwork(
  wanted: string | undefined,
  { neutron, session }: CloudServices,
  signal: AbortSignal,
): Promise<Network> {
  if (wanted === undefined) {
    const { id } = await session.project(signal);
    return onlyNetwork(await neutron.networks({}, signal), id);
  }
  const named = await neutron.networks({ name: wanted }, signal);
  const found = named.length > 0 || !isId(wanted) ? named : await neutron.networks({ id: wanted }, signal);
  const [network, other] = found;
  if (network && !other) return network;
  throw new SetupError(
    other
      ? `${found.length} networks are called ${wanted}. Give the id of one in mayfly.yml: ${few(found.map(({ id }) => id))}.`
      : `The project sees no network ${wanted}. Mend it in mayfly.yml, under the host's openstack.`,
  );
}

/** The project's own come first; those of others that it may use are next. */
function onlyNetwork(all: readonly Network[], project: string): Network {
  const inside = all.filter(({ isExternal }) => !isExternal);
  const own = inside.filter((network) => network.project === project);
  const found = own.length > 0 ? own : inside;
  const [network, other] = found;
  if (network && !other) return network;
  throw new SetupError(
    other
      ? `The project has several networks (${few(found.map(({ name }) => name))}). Say which one with openstack.network in mayfly.yml.`
      : "The project has no network. Make one (openstack/network/ has a recipe), or name one with openstack.network in mayfly.yml.",
  );
}

async function findGroups({ neutron, place }: CloudServices, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  for (const wanted of place.securityGroups) {
    const named = await neutron.securityGroups({ name: wanted }, signal);
    const found =
      named.length > 0 || !isId(wanted) ? named : await neutron.securityGroups({ id: wanted }, signal);
    const [group, other] = found;
    if (!group || other) throw new SetupError(noGroup(wanted, found));
    ids.push(group.id);
  }
  return ids;
}

const noGroup = (wanted: string, found: readonly { id: string }[]): string =>
  found.length === 0
    ? `The project has no security group ${wanted}. Make it (openstack/network/ has a recipe), or mend openstack.securityGroups in mayfly.yml.`
    : `${found.length} security groups are called ${wanted}. Give the id of one in mayfly.yml: ${few(found.map(({ id }) => id))}.`;

/** NB: one that is switched off just now counts as none; Nova refuses it. */
async function findZone({ nova, place }: CloudServices, signal: AbortSignal): Promise<void> {
  const { availabilityZone: wanted } = place;
  if (wanted === undefined) return;
  const zones = await nova.zones(signal);
  if (zones.includes(wanted)) return;
  throw new SetupError(
    `The cloud has no availability zone ${wanted} just now. Mend openstack.availabilityZone in mayfly.yml. The cloud has: ${few(zones)}.`,
  );
}

async function findVolumeType(
  { cinder, nova, place, session }: CloudServices,
  signal: AbortSignal,
): Promise<void> {
  const wanted = place.volume?.type;
  if (wanted === undefined) return;
  if (!(await nova.knowsVolumeTypes(signal)))
    throw new SetupError(
      `Nova of the cloud ${session.cloudName()} is too old to be told the type of a volume. Take away openstack.volume.type in mayfly.yml; the cloud's usual type is taken then.`,
    );
  const types = await cinder.types(signal);
  if (types.some(({ id, name }) => id === wanted || name === wanted)) return;
  throw new SetupError(
    `The cloud has no type of volumes ${wanted}. Mend openstack.volume.type in mayfly.yml. The cloud has: ${few(types.map(({ name }) => name))}.`,
  );
}

const isId = (text: string): boolean => /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(text);
