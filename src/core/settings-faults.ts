import {
  byFewest,
  fits,
  GENERIC_LABELS,
  imagesOf,
  LABEL_PATTERN,
  MOST_LABELS,
  nearestWord,
} from "./labels.ts";
import { list } from "./markdown.ts";
import { type Bounds, boundsOf, type Settings, settleOne } from "./settings.ts";
import type { Catalogue, Image, Repository } from "./types.ts";

/** What cannot be as it is. `path`: to the value in the settings. `text`: a sentence for whoever wrote them. */
export type SettingsFault = { path: readonly (string | number)[]; text: string };

/** What speaks against settings for a repository: that they ask for more than the operator allows, or make no sense. */
export function settingsFaults(
  settings: Settings,
  repository: Repository,
  catalogue: Catalogue,
): SettingsFault[] {
  const bounds = boundsOf(repository);
  const named = Object.entries(settings.images ?? {});
  const known = named.filter(([name]) => bounds.images.includes(name));
  const counts = [
    ...known.flatMap(([name, { hot }]) => hotFaults(name, hot, bounds, catalogue)),
    ...machinesFaults(settings, bounds),
  ];
  const same = sameLabels(settings, repository, catalogue);
  return [
    ...named.flatMap(([name]) => unknownImage(name, bounds)),
    ...known.flatMap(([name, { labels = [] }]) => labelFaults(name, labels)),
    ...known.flatMap(([name, { labels = [] }]) => tooManyLabels(name, labels, catalogue)),
    ...(counts.length > 0 ? counts : roomFaults(settings, repository)),
    ...forkFaults(settings, bounds),
    ...(same.length > 0 ? same : sharedLabels(settings, repository, catalogue)),
  ];
}

function unknownImage(name: string, { images }: Bounds): SettingsFault[] {
  if (images.includes(name)) return [];
  const nearest = nearestWord(name, images);
  const hint = nearest === undefined ? `It may use ${list(images)}` : `Perhaps ${nearest} was meant`;
  return [
    { path: ["images", name], text: `This repository may use no image that is named ${name}. ${hint}.` },
  ];
}

function labelFaults(image: string, labels: readonly string[]): SettingsFault[] {
  return labels.flatMap((label, index): SettingsFault[] => {
    const path = ["images", image, "labels", index];
    if (!LABEL_PATTERN.test(label)) {
      return [
        {
          path,
          text: `"${label}" cannot be a label: it needs 1 to 256 characters, without a comma, a line break, or a space at its ends.`,
        },
      ];
    }
    if (!GENERIC_LABELS.has(label.toLowerCase())) return [];
    const text = `The label ${label} says what any runner may be, so it cannot lead to the image ${image}. Choose one of your own.`;
    return [{ path, text }];
  });
}

function tooManyLabels(name: string, labels: readonly string[], { images }: Catalogue): SettingsFault[] {
  const given = images.find((one) => one.name === name)?.labels.length ?? 0;
  if (given + labels.length <= MOST_LABELS) return [];
  const text = `A runner can have ${MOST_LABELS} labels, and the image ${name} has ${given} of its own. So it may get ${MOST_LABELS - given} more, not ${labels.length}.`;
  return [{ path: ["images", name, "labels"], text }];
}

function hotFaults(
  name: string,
  hot: number | undefined,
  bounds: Bounds,
  { images }: Catalogue,
): SettingsFault[] {
  if (hot === undefined) return [];
  const path = ["images", name, "hot"];
  const image = images.find((one) => one.name === name);
  const most = Math.min(bounds.hot(name), image?.machines ?? 0);
  if (isCount(hot, 0) && hot <= most) return [];
  if (isCount(hot, 0) && most === 0)
    return [{ path, text: `Mayfly's operator allows no hot machines of ${name} here.` }];
  return [{ path, text: `Hot machines of ${name} must be a whole number from 0 to ${most}.` }];
}

function machinesFaults({ machines }: Settings, bounds: Bounds): SettingsFault[] {
  if (machines === undefined || (isCount(machines, 1) && machines <= bounds.machines)) return [];
  const text = `The most machines at a time must be a whole number from 1 to ${bounds.machines}.`;
  return [{ path: ["machines"], text }];
}

/** NB: a machine that is kept hot stays, whoever else waits. What the operator alone has set is theirs to answer for. */
function roomFaults(settings: Settings, repository: Repository): SettingsFault[] {
  const asked = Object.entries(settings.images ?? {}).find(([, one]) => one.hot !== undefined)?.[0];
  if (settings.machines === undefined && asked === undefined) return [];
  const path = asked === undefined ? ["machines"] : ["images", asked, "hot"];
  const { images, hot, machines } = settleOne(repository, settings);
  const sum = Object.values(hot).reduce((all, one) => all + one, 0);
  if (sum > machines) {
    const text = `${sum} hot machines are asked for in all, and at most ${machines} machines may be there at a time.`;
    return [{ path, text }];
  }
  const cold = images.filter((name) => !hot[name]);
  if (sum < machines || cold.length === 0) return [];
  const text = `Hot machines would take all ${machines} places of this repository, so jobs of ${list(cold)} would never get one. Keep fewer hot.`;
  return [{ path, text }];
}

const isCount = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;

function forkFaults({ forks }: Settings, bounds: Bounds): SettingsFault[] {
  if (forks === undefined || bounds.forks.includes(forks)) return [];
  const text = `Mayfly's operator does not let this repository ${forks} jobs of forks. It may be: ${list(bounds.forks)}.`;
  return [{ path: ["forks"], text }];
}

/** Which of two such images a job gets would be chance. */
function sameLabels(settings: Settings, repository: Repository, catalogue: Catalogue): SettingsFault[] {
  const firstWith = new Map<string, string>();
  return imagesOf(settleOne(repository, settings), catalogue).flatMap((image): SettingsFault[] => {
    const other = firstWith.get(labelKey(image));
    firstWith.set(labelKey(image), other ?? image.name);
    if (other === undefined) return [];
    const text = `The images ${other} and ${image.name} have the same labels here, so no job can choose between them.`;
    return [{ path: ["images", image.name, "labels"], text }];
  });
}

const labelKey = ({ labels }: Image): string =>
  [...new Set(labels.map((label) => label.toLowerCase()))].toSorted().join(",");

/** A job that asks for such a label alone fits two images equally well. */
function sharedLabels(settings: Settings, repository: Repository, catalogue: Catalogue): SettingsFault[] {
  const images = imagesOf(settleOne(repository, settings), catalogue);
  const compare = byFewest(catalogue);
  const told = new Set<string>();
  return Object.entries(settings.images ?? {}).flatMap(([image, { labels = [] }]) =>
    labels.flatMap((label, index): SettingsFault[] => {
      const key = label.toLowerCase();
      const [first, second] = images.filter((one) => fits([key], one)).toSorted(compare);
      if (!first || !second || compare(first, second) !== 0) return [];
      if (GENERIC_LABELS.has(key) || told.has(key)) return [];
      told.add(key);
      const text = `The label ${label} would be on ${first.name} and on ${second.name}, so it would be chance which of them a job gets. Give it to one of them.`;
      return [{ path: ["images", image, "labels", index], text }];
    }),
  );
}
