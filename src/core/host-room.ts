/** What a host has room for by a limit that is not the operator's, such as a cloud's quota: the most that our machines may take in all. */
export type Capacity = {
  machines?: number | undefined;
  cpus?: number | undefined;
  memoryMiB?: number | undefined;
  /** What a machine of each image really takes there, by its flavor. Left out: what the catalogue says. */
  sizes?: Readonly<Record<string, Size>> | undefined;
};

export type Size = { cpus: number; memoryMiB: number };

/**
 * A host took no order, in its own words, and is not tried again before then. `image`: it has not what machines of this image need,
 * and refuses no others.
 */
export type Refusal = { at: number; until: number; text: string; image?: string | undefined };

/** What is known of a host's room besides what the catalogue says. */
export type HostRoom = { capacity?: Capacity | undefined; refusals?: readonly Refusal[] | undefined };

/** By what a host, or machines of one image there, are told apart from others. */
export const placeKey = ({ host, image }: { host: string; image?: string | undefined }): string =>
  image === undefined ? host : `${host} ${image}`;

/** What a host last said to orders for the image. */
export const refusalsOf = (
  hostRoom: ReadonlyMap<string, HostRoom>,
  { host, image }: { host: string; image: string },
): readonly Refusal[] =>
  (hostRoom.get(host)?.refusals ?? []).filter((refusal) => [undefined, image].includes(refusal.image));
