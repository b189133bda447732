import { z } from "zod";
import { imageName, list, map, size, text, whole, yesNo } from "./schema-parts.ts";

/** What mayfly.yml may say of clouds. */

const cloudName = text(/^[^\s,][^\n,]{0,254}$/, "must be a name or an id");

export const openstack = z.strictObject(
  {
    cloud: text(/^[\w.-]{1,64}$/, "must be the name of a cloud in clouds.yaml")
      .optional()
      .describe("The cloud's name in clouds.yaml. Left out: what OS_CLOUD says, or the other OS_ variables."),
    network: cloudName
      .optional()
      .describe("Network of the VMs, by name or id. Left out: the only one that the project has."),
    securityGroups: list(cloudName, "must be a list of security groups")
      .optional()
      .describe("Security groups of the VMs, by name or id. Left out: the project's `default`."),
    availabilityZone: cloudName.optional().describe("Left out: the cloud chooses."),
    floatingNetwork: cloudName
      .optional()
      .describe(
        "Gives each VM a floating IP of this network. Left out: none; nobody has to reach a VM from outside.",
      ),
    configDrive: yesNo
      .default(true)
      .describe("The seed comes on a disk. `false`: the guest asks the cloud's metadata service for it."),
    volume: z
      .strictObject(
        {
          size: size.describe("At least what the cloud image needs."),
          type: cloudName.optional().describe("The volume's type. Left out: the cloud's default."),
        },
        { error: map },
      )
      .optional()
      .describe("Boots each VM from a new volume of this size. Left out: from the cloud image itself."),
    imageOwner: text(/^[\w-]{1,64}$/, "must be the id of a project")
      .optional()
      .describe("Project that owns the cloud images, by id. Left out: the own one."),
  },
  { error: map },
);

export const cloudImage = z.strictObject(
  {
    family: imageName
      .optional()
      .describe(
        "The cloud image with the tag `mayfly:<family>:current` is used. Left out: the image's own name.",
      ),
    canary: z
      .strictObject(
        {
          share: whole(0, 100)
            .default(20)
            .describe("On so many of a hundred machines a candidate is tried. 0: never."),
          boots: whole(1, 1000)
            .default(5)
            .describe("After so many machines that booted well it becomes the current cloud image."),
          failures: whole(1, 100).default(2).describe("After so many that failed it is not tried any more."),
        },
        { error: map },
      )
      .prefault({}),
    flavor: cloudName
      .optional()
      .describe("By name or id. Left out: the smallest that has the `cpus` and the `memory`."),
  },
  { error: map },
);
