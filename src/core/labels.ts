import { ARCHITECTURE_LABELS, SYSTEMS } from "./systems.ts";
import type { Catalogue, Host, Image, RepoName, Repository } from "./types.ts";

/**
 * Which image a job's labels lead to, or why none. `nearest`: the label of ours that was perhaps meant. `isMeant`: it asks for a label of
 * ours, or for one that is nearly ours.
 */
export type Match =
  | { image: Image; repository: Repository }
  | {
      image: undefined;
      why: "not-served" | "only-generic" | "unknown-label";
      label?: string;
      nearest?: string;
      isMeant?: boolean;
    };

/** Labels that every self-hosted runner may bear. A job that asks for nothing else is not for us in particular. */
export const GENERIC_LABELS: ReadonlySet<string> = new Set([
  "self-hosted",
  ...Object.values(SYSTEMS).map(({ label }) => label.toLowerCase()),
  ...Object.values(ARCHITECTURE_LABELS).map((label) => label.toLowerCase()),
  "arm",
]);

/**
 * A label that GitHub's own runner never gives itself on a machine of this system and architecture. A job that asks for it would be led
 * to the wrong kind of machine.
 */
export function contradiction({
  os,
  arch,
  labels,
}: Pick<Image, "os" | "arch" | "labels">): string | undefined {
  const own = ["self-hosted", SYSTEMS[os].label.toLowerCase(), ARCHITECTURE_LABELS[arch].toLowerCase()];
  return labels.find(
    (label) => GENERIC_LABELS.has(label.toLowerCase()) && !own.includes(label.toLowerCase()),
  );
}

/** GitHub's own machines. See: docs.github.com, "GitHub-hosted runners reference". */
const HOSTED = /^(?:ubuntu|windows|macos)-/;
/** See: docs.github.com, "Using labels with self-hosted runners": 256 characters at most. The runner splits them at commas. */
export const LABEL_PATTERN = /^(?! )[^,\p{Cc}]{1,256}(?<! )$/u;

/** See: docs.github.com, REST, "Create configuration for a just-in-time runner for a repository", labels. */
export const MOST_LABELS = 100;

/**
 * Picks the image for a job: all labels asked for must be the image's, in any case; of several images the one with the
 * fewest labels wins, so that a plain job does not take the special machine.
 * See: docs.github.com, "Using self-hosted runners in a workflow" (a runner must have all labels; more is fine).
 */
export function matchLabels(labels: readonly string[], repo: RepoName, catalogue: Catalogue): Match {
  const repository = findRepository(repo, catalogue);
  if (!repository) return { image: undefined, why: "not-served" };
  const asked = labels.map((label) => label.toLowerCase());
  if (asked.every((label) => GENERIC_LABELS.has(label))) return { image: undefined, why: "only-generic" };
  const images = imagesOf(repository, catalogue);
  const fitting = images.filter((image) => fits(asked, image));
  const [best] = fitting.toSorted(byFewest(catalogue));
  return best ? { image: best, repository } : explainMismatch(asked, images);
}

/**
 * NB: labels that a repository adds count only between images that have as many without them, or else to give an image another label
 * would take jobs away from it.
 */
export function byFewest({ images }: Catalogue): (a: Image, b: Image) => number {
  const given = new Map(images.map(({ name, labels }) => [name, labels.length]));
  const givenOf = ({ name }: Image) => given.get(name) ?? 0;
  return (a, b) => givenOf(a) - givenOf(b) || a.labels.length - b.labels.length;
}

/** GitHub does not tell `Octo/Spinw` from `octo/spinw`. */
export const findRepository = (repo: RepoName, catalogue: Catalogue): Repository | undefined =>
  catalogue.repositories.find(({ name }) => name.toLowerCase() === repo.toLowerCase());

/** GitHub may give a job that asks for these labels to a runner of the image. */
export const fits = (asked: readonly string[], image: Image): boolean =>
  asked.every((label) => hasLabel(image, label.toLowerCase()));

/** The images that a repository's jobs may use, with the labels that they have there. */
export const imagesOf = (repository: Repository, catalogue: Catalogue): Image[] =>
  repository.images.flatMap((name) => {
    const image = catalogue.images.find((one) => one.name === name);
    return image ? withLabels(image, repository.labels?.[name] ?? []) : [];
  });

/** The images that may run on a host. */
export const imagesOn = ({ name }: Pick<Host, "name">, { images }: Pick<Catalogue, "images">): Image[] =>
  images.filter(({ hosts }) => hosts.includes(name));

/** NB: the operator may have given the image more labels since the repository's were saved, also the same ones. */
function withLabels(image: Image, added: readonly string[]): Image {
  const news = added.filter((label) => !hasLabel(image, label.toLowerCase()));
  return news.length === 0 ? image : { ...image, labels: [...image.labels, ...news].slice(0, MOST_LABELS) };
}

const hasLabel = (image: Image, asked: string): boolean =>
  image.labels.some((label) => label.toLowerCase() === asked);

function explainMismatch(asked: readonly string[], images: readonly Image[]): Match {
  const ours = [...new Set(images.flatMap((image) => image.labels.map((label) => label.toLowerCase())))];
  const own = ours.filter((label) => !GENERIC_LABELS.has(label));
  const unknown = asked.filter((candidate) => !ours.includes(candidate));
  const misspelt = unknown.find(
    (label) => !GENERIC_LABELS.has(label) && nearestWord(label, own) !== undefined,
  );
  const label = misspelt ?? unknown[0];
  const isMeant =
    !asked.some((candidate) => HOSTED.test(candidate)) &&
    (misspelt !== undefined || asked.some((candidate) => own.includes(candidate)));
  if (label === undefined) return { image: undefined, why: "unknown-label", isMeant };
  const nearest = nearestWord(label, ours);
  return {
    image: undefined,
    why: "unknown-label",
    label,
    isMeant,
    ...(nearest !== undefined && { nearest }),
  };
}

/** The word that is fewest edits away, if it is near enough to have been meant: at most a third of the word's length. */
export function nearestWord(word: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates
    .map((candidate) => ({ candidate, edits: editDistance(word, candidate) }))
    .toSorted((a, b) => a.edits - b.edits);
  return best && best.edits <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : undefined;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const substituted = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(substituted, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
