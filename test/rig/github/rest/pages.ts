/** One page of a list, with the `link` header that leads to the others. Without it clients stop after the first page. */

export type PageQuery = { per_page?: number | undefined; page?: number | undefined };

export type Page<T> = { entries: T[]; headers: Record<string, string> };

/** See: docs.github.com, "Using pagination in the REST API": 30 entries unless asked otherwise, 100 at most. */
export function pageOf<T>(all: readonly T[], query: PageQuery, url: URL): Page<T> {
  const size = Math.min(Math.max(query.per_page ?? 30, 1), 100);
  const number = Math.max(query.page ?? 1, 1);
  const last = Math.max(Math.ceil(all.length / size), 1);
  const links: string[] = [];
  if (number > 1) links.push(link(url, "page", number - 1, "prev"), link(url, "page", 1, "first"));
  if (number < last) links.push(link(url, "page", number + 1, "next"), link(url, "page", last, "last"));
  return { entries: all.slice((number - 1) * size, number * size), headers: linkHeader(links) };
}

/** A list that is read on from a mark instead of by page number. `cursorOf` names an entry. */
export function pageFrom<T>(
  all: readonly T[],
  query: { per_page?: number | undefined; cursor?: string | undefined },
  { url, cursorOf }: { url: URL; cursorOf: (entry: T) => string },
): Page<T> {
  const size = Math.min(Math.max(query.per_page ?? 30, 1), 100);
  const start = query.cursor === undefined ? 0 : all.findIndex((entry) => cursorOf(entry) === query.cursor);
  const entries = start < 0 ? [] : all.slice(start, start + size);
  const next = start < 0 ? undefined : all[start + size];
  return {
    entries,
    headers: linkHeader(next === undefined ? [] : [link(url, "cursor", cursorOf(next), "next")]),
  };
}

function link(url: URL, parameter: string, value: string | number, rel: string): string {
  const target = new URL(url);
  target.searchParams.set(parameter, String(value));
  return `<${target}>; rel="${rel}"`;
}

const linkHeader = (links: string[]): Record<string, string> =>
  links.length > 0 ? { link: links.join(", ") } : {};
