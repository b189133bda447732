/** Where in an OpenStack cloud VMs are made. How to sign in there is in clouds.yaml or the environment, never here. */
export type CloudPlace = {
  /** Its name in clouds.yaml. None: OS_CLOUD says it, or the other OS_ variables. */
  cloud?: string | undefined;
  /** Name or id. None: the only one that the project has. */
  network?: string | undefined;
  /** Names or ids. Empty: the project's `default`. */
  securityGroups: readonly string[];
  availabilityZone?: string | undefined;
  /** Each VM gets an address of this network, by name or id. None: VMs need none, since nobody calls them. */
  floatingNetwork?: string | undefined;
  /** The seed comes on a disk. If not, the guest asks the cloud's metadata service for it. */
  configDrive: boolean;
  /** Boot from a volume of this size, made with the VM. None: from the image itself. */
  volume?: { sizeGiB: number; type?: string | undefined } | undefined;
  /** Id of the project that owns the cloud images. None: the own one. */
  imageOwner?: string | undefined;
};

/**
 * An image of a cloud: the one that has the tag `mayfly:<family>:current`. NB: never by name, since several may bear the same.
 * `flavor`: name or id. None: the smallest one that has what the image asks for.
 */
export type CloudImage = {
  family: string;
  flavor?: string | undefined;
  /** None: a candidate is not tried. */
  canary?: CanaryRule | undefined;
};

/** A candidate is tried on `share` of a hundred machines until so many have booted well, or so many have failed. */
export type CanaryRule = { share: number; boots: number; failures: number };

/** A cloud image of a host that belongs to a family of the catalogue. Times are epoch milliseconds. */
export type CloudImageSeen = {
  family: string;
  id: string;
  name: string;
  /** `current`: what machines are made from. `candidate`: what may become it. `old`: what it was. */
  standing: "current" | "candidate" | "old";
  runnerVersion?: string | undefined;
  runnerReleasedAt?: number | undefined;
  builtAt?: number | undefined;
  /** It is not to be used from then on: a trial licence ends, for instance. */
  expiresAt?: number | undefined;
  sizeBytes?: number | undefined;
};
