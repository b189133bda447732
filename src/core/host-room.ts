/** What a host has room for by a limit that is not the operator's, such as a cloud's quota: the most that our machines may take in all. */
export type Capacity = {
  machines?: number | undefined;
  cpus?: number | undefined;
  memoryMiB?: number | undefined;
  /** What a machine of each image really takes there, by its flavor. Left out: what the catalogue says. */
  sizes?: Readonly<Record<string, Size>> | undefined;
};

export type Size = { cpus: number; memoryMiB: number };

/** A host had no room for an order, in its own words, and is not tried again before then. */
export type RoomRefusal = { at: number; until: number; text: string };

/** What is known of a host's room besides what the catalogue says. */
export type HostRoom = { capacity?: Capacity | undefined; refusal?: RoomRefusal | undefined };
