import { z } from "zod";
import { unlessGone } from "./nova.ts";
import type { Session } from "./session.ts";

/** An image of the cloud, as far as it matters here. */
export type GlanceImage = {
  id: string;
  name: string;
  status: string;
  owner: string;
  tags: readonly string[];
  minDiskGiB: number;
  minMemoryMiB: number;
  sizeBytes: number | undefined;
  /** What the disk has when it is unpacked; Glance may not know. */
  virtualBytes: number | undefined;
  createdAt: number;
  /** Those that begin with `mayfly_`. */
  properties: Readonly<Record<string, string>>;
};

export type Glance = {
  /** Images of the owner that have all the tags, in any state. */
  images: (which: { owner: string; tags: readonly string[] }, signal: AbortSignal) => Promise<GlanceImage[]>;
  /** `undefined`: there is none, or it is not for us. */
  image: (id: string, signal: AbortSignal) => Promise<GlanceImage | undefined>;
  /** Gives an image a tag. NB: one at a time, so that what others do to its other tags meanwhile stays. */
  tag: (id: string, tag: string, signal: AbortSignal) => Promise<void>;
  /** Takes a tag away. One that is not there is taken away. */
  untag: (id: string, tag: string, signal: AbortSignal) => Promise<void>;
  /** Sets properties. NB: none is taken away, since Glance refuses to take away what is not there. An empty text stands for none. */
  set: (id: string, properties: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<void>;
};

const PAGE = "200";

export function glance(session: Session): Glance {
  return {
    images: async ({ owner, tags }, signal) => {
      const found: GlanceImage[] = [];
      for (let marker: string | undefined; ; ) {
        const page = await readPage(session, { owner, tags, marker }, signal);
        found.push(...page.images);
        marker = page.images.at(-1)?.id;
        if (marker === undefined || page.next === undefined) return found;
      }
    },
    image: async (id, signal) => {
      const request = { method: "GET" as const, path: `/images/${encodeURIComponent(id)}` };
      const answer = await session.call("Glance", request, signal).catch(unlessGone);
      return answer && imageOf(IMAGE.parse(answer.body));
    },
    tag: async (id, tag, signal) => {
      await session.call("Glance", { method: "PUT", path: tagPath(id, tag) }, signal);
    },
    untag: async (id, tag, signal) => {
      await session.call("Glance", { method: "DELETE", path: tagPath(id, tag) }, signal).catch(unlessGone);
    },
    set: async (id, properties, signal) => {
      const body = Object.entries(properties).map(([key, value]) => ({ op: "add", path: `/${key}`, value }));
      const headers = { "content-type": "application/openstack-images-v2.1-json-patch" };
      await session.call("Glance", { method: "PATCH", path: `/images/${id}`, headers, body }, signal);
    },
  };
}

const tagPath = (id: string, tag: string): string => `/images/${id}/tags/${encodeURIComponent(tag)}`;

type Page = { images: GlanceImage[]; next: string | undefined };

/** NB: images that only their sharers see, or that everybody may use but nobody is shown, are not asked for. */
async function readPage(
  session: Session,
  { owner, tags, marker }: { owner: string; tags: readonly string[]; marker: string | undefined },
  signal: AbortSignal,
): Promise<Page> {
  const query = { owner, tag: tags, limit: PAGE, marker, sort: "created_at:desc" };
  const { body } = await session.call("Glance", { method: "GET", path: "/images", query }, signal);
  const { images, next } = IMAGES.parse(body);
  return { images: images.map(imageOf), next };
}

const IMAGE = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  status: z.string(),
  owner: z.string().nullish(),
  tags: z.array(z.string()).default([]),
  min_disk: z.number().default(0),
  min_ram: z.number().default(0),
  size: z.number().nullish(),
  virtual_size: z.number().nullish(),
  created_at: z.string(),
});
const IMAGES = z.object({ images: z.array(IMAGE), next: z.string().optional() });

function imageOf(image: z.infer<typeof IMAGE>): GlanceImage {
  const properties = Object.entries(image).flatMap(([key, value]) =>
    key.startsWith("mayfly_") && typeof value === "string" ? [[key, value] as const] : [],
  );
  return {
    id: image.id,
    name: image.name ?? "",
    status: image.status,
    owner: image.owner ?? "",
    tags: image.tags,
    minDiskGiB: image.min_disk,
    minMemoryMiB: image.min_ram,
    sizeBytes: image.size ?? undefined,
    virtualBytes: image.virtual_size ?? undefined,
    createdAt: Date.parse(image.created_at),
    properties: Object.fromEntries(properties),
  };
}
