/** A cloud image of a host that belongs to a family of the catalogue. Times are epoch milliseconds. */
export type CloudImageSeen = {
  family: string;
  id: string;
  name: string;
  /** `current`: what machines are made from. `candidate`: what may become it. `old`: what it was. */
  standing: "current" | "candidate" | "old";
  runnerVersion?: string | undefined;
  builtAt?: number | undefined;
  /** It is not to be used from then on: a trial licence ends, for instance. */
  expiresAt?: number | undefined;
  sizeBytes?: number | undefined;
};
