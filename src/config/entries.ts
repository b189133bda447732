import { z } from "zod";
import {
  CATALOGUE_SCHEMA,
  type CatalogueFile,
  HOST_SCHEMA,
  type HostEntry,
  IMAGE_SCHEMA,
  type ImageEntry,
  REPOSITORY_SCHEMA,
  type RepositoryEntry,
} from "./schema.ts";
import type { Path, Source } from "./source.ts";

/** The keys that are right by themselves. NB: a key that is wrong is there and `undefined`; one that is missing is not there. */
export type Right<T> = { [K in keyof T]?: T[K] | undefined };

/** One entry of a list, and where it stands. */
export type Entry<T> = { value: Right<T>; path: Path };

/**
 * What is right in a file, so that entries can be compared with each other although something else in the file is wrong:
 * all faults are to be told at once. `names` also has those that are wrong, which have their own fault already.
 */
export type Entries = {
  hosts: Entry<HostEntry>[];
  images: Entry<ImageEntry>[];
  repositories: Entry<RepositoryEntry>[];
  names: { hosts: string[]; images: string[] };
  intake: CatalogueFile["intake"] | undefined;
  sweep: Right<CatalogueFile["sweep"]>;
  web: Right<CatalogueFile["web"]>;
  operators: CatalogueFile["operators"];
  relay: Right<CatalogueFile["relay"]>;
  guests: Right<CatalogueFile["guests"]>;
  github: Right<CatalogueFile["github"]>;
};

const anyMap = z.record(z.string(), z.unknown()).catch({});
const anyList = z.array(z.unknown()).catch([]);
const rough = z
  .looseObject({
    hosts: anyList,
    images: anyList,
    repositories: anyList,
    intake: z.unknown().optional(),
    sweep: anyMap,
    web: anyMap,
    operators: z.unknown().optional(),
    relay: anyMap,
    guests: anyMap,
    github: anyMap,
  })
  .catch({
    ...{ hosts: [], images: [], repositories: [] },
    ...{ intake: undefined, operators: undefined, sweep: {}, web: {}, relay: {}, guests: {}, github: {} },
  });
const named = z.looseObject({ name: z.string() });

export function readEntries({ value }: Source): Entries {
  const raw = rough.parse(value);
  const { intake, sweep, web, operators, relay, guests, github } = CATALOGUE_SCHEMA.shape;
  return {
    hosts: entriesOf("hosts", raw.hosts, HOST_SCHEMA),
    images: entriesOf("images", raw.images, IMAGE_SCHEMA),
    repositories: entriesOf("repositories", raw.repositories, REPOSITORY_SCHEMA),
    names: { hosts: namesOf(raw.hosts), images: namesOf(raw.images) },
    intake: intake.safeParse(raw.intake).data,
    sweep: rightKeys(sweep.unwrap(), raw.sweep),
    web: rightKeys(web.unwrap(), raw.web),
    operators: operators.safeParse(raw.operators).data ?? [],
    relay: rightKeys(relay.unwrap(), raw.relay),
    guests: rightKeys(guests.unwrap(), raw.guests),
    github: rightKeys(github.unwrap(), raw.github),
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
): Right<z.output<S>> {
  const right = Object.entries(schema.shape).flatMap(([key, shape]) => {
    const parsed = z.safeParse(shape, raw[key]);
    if (parsed.success) return parsed.data === undefined ? [] : [[key, parsed.data]];
    const inner = shape instanceof z.ZodOptional ? shape.unwrap() : shape;
    return [[key, inner instanceof z.ZodObject ? rightKeys(inner, anyMap.parse(raw[key])) : undefined]];
  });
  return Object.fromEntries(right) as Right<z.output<S>>;
}

const namesOf = (items: readonly unknown[]): string[] =>
  items.flatMap((item) => named.safeParse(item).data?.name ?? []);
