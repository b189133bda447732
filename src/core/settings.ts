import type { Catalogue, ForkRule, RepoName, Repository } from "./types.ts";

/**
 * What the admins of a repository may set for it, within what the operator's catalogue allows. What is left out is as the catalogue says.
 */
export type Settings = {
  /** By image. */
  images?: Readonly<Record<string, ImageSettings>> | undefined;
  /** Most machines at a time. */
  machines?: number | undefined;
  forks?: ForkRule | undefined;
  /** No machine is ordered. */
  paused?: boolean | undefined;
};

/** `labels`: what its runners answer to in this repository, on top of the catalogue's. `hot`: machines that are kept booted and waiting. */
export type ImageSettings = {
  labels?: readonly string[] | undefined;
  hot?: number | undefined;
};

/** As they were saved on the settings page. `version`: 1 for the first, and so on. */
export type PageSettings = { settings: Settings; version: number; at: number; by: string };

/** As the settings file says. `settings`: the last that were without fault; none: there were none yet. */
export type FileSettings = {
  /** The commit that brought the file. */
  sha: string;
  at: number;
  settings?: Settings | undefined;
  faults?: readonly FileFault[] | undefined;
};

export type FileFault = { line: number; text: string };

/** What was ever set for a repository: on the page, and in the file. */
export type RepoSettings = { page?: PageSettings | undefined; file?: FileSettings | undefined };

/** By repository, in lower case. NB: replaced whole when one of them changes, so that whoever depends on it knows. */
export type AllSettings = ReadonlyMap<string, RepoSettings>;

/** Where the settings in force come from. A file comes before the page, also one with faults: then its last good words hold. */
export type Force = { from: "file" | "page" | "catalogue"; settings: Settings };

export const noSettings: AllSettings = new Map();

export function inForce(all: AllSettings, repo: RepoName): Force {
  const { page, file } = all.get(repo.toLowerCase()) ?? {};
  if (file?.settings) return { from: "file", settings: file.settings };
  // NB: a first file that has faults has no good words yet, so what was in force before it goes on.
  if (page) return { from: "page", settings: page.settings };
  return { from: "catalogue", settings: {} };
}

/** The page can change nothing while there is a file. */
export const hasFile = (all: AllSettings, repo: RepoName): boolean =>
  all.get(repo.toLowerCase())?.file !== undefined;

/** The catalogue with the settings of its repositories applied. The answer is the same object until settings change. */
export function settler(catalogue: Catalogue): (all: AllSettings) => Catalogue {
  let last: { all: AllSettings; catalogue: Catalogue } | undefined;
  return (all) => {
    if (last?.all !== all) last = { all, catalogue: settle(catalogue, all) };
    return last.catalogue;
  };
}

function settle(catalogue: Catalogue, all: AllSettings): Catalogue {
  if (all.size === 0) return catalogue;
  const repositories = catalogue.repositories.map((repository) => {
    const { from, settings } = inForce(all, repository.name);
    return from === "catalogue" ? repository : settleOne(repository, settings);
  });
  return { ...catalogue, repositories };
}

/** NB: the operator's bounds may have become narrower since the settings were made, so they are kept here, too. */
export function settleOne(
  repository: Repository,
  { images = {}, machines, forks, paused }: Settings,
): Repository {
  const given = givenOf(repository);
  const bounds = boundsOf(given);
  const mine = given.images.map((name) => [name, images[name] ?? {}] as const);
  const hot = mine.map(([name, one]) => [name, Math.min(one.hot ?? hotOf(given, name), bounds.hot(name))]);
  return {
    ...given,
    given,
    labels: Object.fromEntries(mine.map(([name, { labels = [] }]) => [name, distinct(labels)])),
    machines: Math.min(machines ?? given.machines, given.machines),
    hot: Object.fromEntries(hot),
    forks: forks !== undefined && bounds.forks.includes(forks) ? forks : given.forks,
    isPaused: paused,
  };
}

/** GitHub does not tell `Docs` from `docs`. */
const distinct = (labels: readonly string[]): string[] => [
  ...new Map(labels.map((label) => [label.toLowerCase(), label])).values(),
];

/** As the operator's catalogue has it. */
export const givenOf = (repository: Repository): Repository => repository.given ?? repository;

const hotOf = ({ hot }: Repository, image: string): number => hot[image] ?? 0;

/** How far the admins of a repository may go. */
export type Bounds = {
  images: readonly string[];
  machines: number;
  /** Most hot machines of an image. */
  hot: (image: string) => number;
  /** The strictest first. */
  forks: readonly ForkRule[];
};

const RULES: readonly ForkRule[] = ["refuse", "approve", "allow"];

/** NB: without a word of the operator's, who may run what is for the repository's admins to say. */
export function boundsOf(repository: Repository): Bounds {
  const given = givenOf(repository);
  const { images, machines, mostHot = {}, forks = "allow" } = given;
  return {
    images,
    machines,
    hot: (image) => Math.max(mostHot[image] ?? 0, hotOf(given, image)),
    forks: RULES.slice(0, RULES.indexOf(forks) + 1),
  };
}
