import type { Entries, Entry, Right } from "./entries.ts";
import { type Finding, repeated, unknownName } from "./finding.ts";
import type { RepositoryEntry } from "./schema.ts";
import { nameOf } from "./sentences.ts";
import type { Path } from "./source.ts";

/** What is wrong with a repository in the company of the rest. */
export function repositoryFindings({ value, path }: Entry<RepositoryEntry>, entries: Entries): Finding[] {
  const repository: Named = { ...value, title: value.name ?? nameOf(path) };
  return [
    ...imageNameFindings(repository, path, entries),
    ...sameLabels(repository, path, entries),
    ...hotFindings(repository, path, entries),
    ...mostHotFindings(repository, path),
  ];
}

type Named = Right<RepositoryEntry> & { title: string };

function imageNameFindings({ images = [], title }: Named, path: Path, { names }: Entries): Finding[] {
  const at = (index: number) => [...path, "images", index];
  const twice = repeated(images);
  return [
    ...images.flatMap((name, index) => unknownName(at(index), name, names.images, "image")),
    ...(twice ? [[at(twice.index), `${title} has the image ${twice.word} twice.`] as const] : []),
  ];
}

/** Which of two such images a job gets would be chance. */
function sameLabels({ images = [], title }: Named, path: Path, entries: Entries): Finding[] {
  const firstWith = new Map<string, string>();
  return [...new Set(images)].flatMap((name): Finding[] => {
    const labels = entries.images.find(({ value }) => value.name === name)?.value.labels;
    if (!labels) return [];
    const key = labels
      .map((label) => label.toLowerCase())
      .toSorted()
      .join(",");
    const other = firstWith.get(key);
    if (other === undefined) {
      firstWith.set(key, name);
      return [];
    }
    const sentence = `The images ${other} and ${name} of ${title} have the same labels, so no job can choose between them.`;
    return [[[...path, "images"], sentence]];
  });
}

/** NB: what is more than the image allows does no harm there, since no more are made. */
function mostHotFindings({ images, hot = {}, mostHot = {}, title }: Named, path: Path): Finding[] {
  return Object.entries(mostHot).flatMap(([name, most]): Finding[] => {
    const at = [...path, "mostHot", name];
    if (images && !images.includes(name)) return unknownName(at, name, images, `image of ${title}`);
    const wanted = hot[name] ?? 0;
    if (wanted <= most) return [];
    return [[at, `${title} has ${wanted} hot machines of ${name} by "hot", and mostHot allows ${most}.`]];
  });
}

function hotFindings(repository: Named, path: Path, { images }: Entries): Finding[] {
  const { hot = {}, title } = repository;
  const findings = Object.entries(hot).flatMap(([name, wanted]): Finding[] => {
    const at = [...path, "hot", name];
    if (repository.images && !repository.images.includes(name)) {
      return unknownName(at, name, repository.images, `image of ${title}`);
    }
    const image = images.find(({ value }) => value.name === name)?.value;
    const limit = image?.mac === undefined ? image?.machines : 1;
    if (limit === undefined || wanted <= limit) return [];
    return [[at, `${title} wants ${wanted} hot machines of ${name}, and the image allows ${limit}.`]];
  });
  const sum = Object.values(hot).reduce((total, wanted) => total + wanted, 0);
  if (repository.machines !== undefined && sum > repository.machines) {
    findings.push([
      [...path, "hot"],
      `${title} wants ${sum} hot machines, and may have ${repository.machines}.`,
    ]);
  }
  return findings;
}
