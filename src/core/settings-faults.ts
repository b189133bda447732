import { GENERIC_LABELS, imagesOf, LABEL_PATTERN, nearestWord } from "./labels.ts";
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
  return [
    ...named.flatMap(([name]) => unknownImage(name, bounds)),
    ...known.flatMap(([name, { labels = [] }]) => labelFaults(name, labels)),
    ...known.flatMap(([name, { hot }]) => hotFaults(name, hot, bounds, catalogue)),
    ...machinesFaults(settings, bounds),
    ...forkFaults(settings, bounds),
    ...sameLabels(settings, repository, catalogue),
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

function machinesFaults({ machines, images = {} }: Settings, bounds: Bounds): SettingsFault[] {
  const path = ["machines"];
  if (machines !== undefined && !(isCount(machines, 1) && machines <= bounds.machines)) {
    return [
      { path, text: `The most machines at a time must be a whole number from 1 to ${bounds.machines}.` },
    ];
  }
  const hot = Object.values(images).reduce((sum, one) => sum + (one.hot ?? 0), 0);
  if (machines === undefined || hot <= machines) return [];
  return [
    {
      path,
      text: `${hot} hot machines are asked for, and at most ${machines} machines may be there at a time.`,
    },
  ];
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
