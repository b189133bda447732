import type { CloudPlace } from "../../core/clouds.ts";
import type { StartOrder } from "../../ports.ts";
import { seedText } from "../seed.ts";
import { type Owner, tagsOf } from "./names.ts";
import { METADATA, type NewServer } from "./nova.ts";

/** What was chosen for an order. */
export type Chosen = {
  image: string;
  flavor: string;
  /** The network, or a port of our own in it. */
  nic: { uuid: string } | { port: string };
};

/** Nova takes no more, after base64. See: Compute API, "Create server", user_data. */
const USER_DATA_MOST = 65_535;

/** The request that makes a server of an order. */
export function newServer(
  order: StartOrder,
  chosen: Chosen,
  { place, owner }: { place: CloudPlace; owner: Owner },
): NewServer {
  const { name, repo, image, seed } = order;
  const userData = Buffer.from(seedText(seed)).toString("base64");
  if (userData.length > USER_DATA_MOST) throw new Error("the seed does not fit into a server's user data");
  const { availabilityZone, securityGroups, volume } = place;
  const body = {
    name,
    flavorRef: chosen.flavor,
    ...(volume ? fromVolume(chosen.image, volume) : { imageRef: chosen.image }),
    networks: [chosen.nic],
    // NB: a port has its own groups, and Nova does not look at these then.
    ...(securityGroups.length === 0
      ? {}
      : { security_groups: securityGroups.map((group) => ({ name: group })) }),
    ...(availabilityZone === undefined ? {} : { availability_zone: availabilityZone }),
    config_drive: place.configDrive,
    user_data: userData,
    tags: tagsOf(order, owner),
    metadata: {
      [METADATA.repository]: repo.slice(0, METADATA_MOST),
      [METADATA.image]: image.name,
      [METADATA.machine]: name,
      [METADATA.cloudImage]: chosen.image,
    },
  };
  return { body, secrets: [userData, seed.token] };
}

const METADATA_MOST = 255;

/** A volume that Nova makes of the image, and removes with the server. */
const fromVolume = (image: string, { sizeGiB, type }: NonNullable<CloudPlace["volume"]>): object => ({
  block_device_mapping_v2: [
    {
      boot_index: 0,
      uuid: image,
      source_type: "image",
      destination_type: "volume",
      volume_size: sizeGiB,
      ...(type === undefined ? {} : { volume_type: type }),
      delete_on_termination: true,
    },
  ],
});
