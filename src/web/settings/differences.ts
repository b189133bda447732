import type { Settings } from "../../core/settings.ts";

/** What two settings have in different ways, in words. */
export type Difference = { what: string; from: string; to: string };

/** How the page calls what is left to the catalogue. */
const OPERATORS = "as the operator says";

export function differences(before: Settings, after: Settings): Difference[] {
  const images = new Set([...Object.keys(before.images ?? {}), ...Object.keys(after.images ?? {})]);
  const [from, to] = [wordsOf(before, images), wordsOf(after, images)];
  return Object.keys(from).flatMap((what) => {
    const difference = { what, from: from[what] ?? "", to: to[what] ?? "" };
    return difference.from === difference.to ? [] : [difference];
  });
}

function wordsOf(settings: Settings, images: ReadonlySet<string>): Record<string, string> {
  const ofImages = [...images].toSorted().flatMap((name) => {
    const { labels = [], hot } = settings.images?.[name] ?? {};
    return [
      [`labels of ${name}`, labels.join(", ") || "none"],
      [`hot for ${name}`, String(hot ?? OPERATORS)],
    ];
  });
  return {
    ...Object.fromEntries(ofImages),
    "most machines": String(settings.machines ?? OPERATORS),
    "jobs of forks": settings.forks ?? OPERATORS,
    orders: settings.paused ? "paused" : "not paused",
  };
}
