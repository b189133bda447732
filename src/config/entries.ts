import { z } from "zod";
import {
  CATALOGUE_SCHEMA,
  HOST_SCHEMA,
  type HostEntry,
  IMAGE_SCHEMA,
  type ImageEntry,
  REPOSITORY_SCHEMA,
  type RepositoryEntry,
} from "./schema.ts";
import type { Path, Source } from "./source.ts";

/** One entry of a list with the keys that are right by themselves, and where it stands. */
export type Entry<T> = { value: Partial<T>; path: Path };

/**
 * What is right in a file, so that entries can be compared with each other although something else in the file is wrong:
 * all faults are to be told at once. `names` also has those that are wrong, which have their own fault already.
 */
export type Entries = {
  hosts: Entry<HostEntry>[];
  images: Entry<ImageEntry>[];
  repositories: Entry<RepositoryEntry>[];
  names: { hosts: string[]; images: string[] };
  listen: { web: string | undefined; guests: string | undefined };
  guestsUrl: string | undefined;
  github: { url: string | undefined; apiUrl: string | undefined };
};

const anyMap = z.record(z.string(), z.unknown()).catch({});
const anyList = z.array(z.unknown()).catch([]);
const rough = z
  .looseObject({
    hosts: anyList,
    images: anyList,
    repositories: anyList,
    web: anyMap,
    guests: anyMap,
    github: anyMap,
  })
  .catch({ hosts: [], images: [], repositories: [], web: {}, guests: {}, github: {} });
const named = z.looseObject({ name: z.string() });

export function readEntries({ value }: Source): Entries {
  const raw = rough.parse(value);
  const { web, guests, github } = CATALOGUE_SCHEMA.shape;
  const listener = rightKeys(guests.unwrap(), raw.guests);
  const { url, apiUrl } = rightKeys(github.unwrap(), raw.github);
  return {
    hosts: entriesOf("hosts", raw.hosts, HOST_SCHEMA),
    images: entriesOf("images", raw.images, IMAGE_SCHEMA),
    repositories: entriesOf("repositories", raw.repositories, REPOSITORY_SCHEMA),
    names: { hosts: namesOf(raw.hosts), images: namesOf(raw.images) },
    listen: { web: rightKeys(web.unwrap(), raw.web).listen, guests: listener.listen },
    guestsUrl: listener.url,
    github: { url, apiUrl },
  };
}

function entriesOf<S extends z.ZodObject>(
  key: string,
  items: readonly unknown[],
  schema: S,
): Entry<z.output<S>>[] {
  return items.map((item, index) => ({ value: rightKeys(schema, anyMap.parse(item)), path: [key, index] }));
}

function rightKeys<S extends z.ZodObject>(
  schema: S,
  raw: Readonly<Record<string, unknown>>,
): Partial<z.output<S>> {
  const right = Object.entries(schema.shape).flatMap(([key, shape]) => {
    const parsed = z.safeParse(shape, raw[key]);
    if (parsed.success) return parsed.data === undefined ? [] : [[key, parsed.data]];
    return shape instanceof z.ZodObject ? [[key, rightKeys(shape, anyMap.parse(raw[key]))]] : [];
  });
  return Object.fromEntries(right) as Partial<z.output<S>>;
}

const namesOf = (items: readonly unknown[]): string[] =>
  items.flatMap((item) => named.safeParse(item).data?.name ?? []);
