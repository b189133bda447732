import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { contradiction, GENERIC_LABELS } from "../core/labels.ts";
import { list } from "../core/markdown.ts";
import { SYSTEMS } from "../core/systems.ts";
import type { Entries, Entry, Right } from "./entries.ts";
import { type Finding, repeated, unknownName } from "./finding.ts";
import { tartImageFindings } from "./macs.ts";
import type { HostEntry, ImageEntry } from "./schema.ts";
import { nameOf } from "./sentences.ts";
import type { Path } from "./source.ts";
import { toMiB } from "./units.ts";

/** What is wrong with an image in the company of the rest, and of the files in the folder. */
export function imageFindings(
  { value, path }: Entry<ImageEntry>,
  entries: Entries,
  folder: string,
): Finding[] {
  const image: Named = { ...value, title: value.name ?? nameOf(path) };
  return [
    ...labelFindings(image, path),
    ...boxFindings(image, path, folder),
    ...originFindings(image, path, entries),
    ...tartImageFindings({ value, path }, image.title, entries),
    ...macFindings(image, path, entries),
    ...(value.hosts ?? []).flatMap((name, index) =>
      unknownName([...path, "hosts", index], name, entries.names.hosts, "host"),
    ),
    ...sizeFindings(image, path, entries),
  ];
}

type Named = Right<ImageEntry> & { title: string };

function labelFindings({ labels, os, arch, title }: Named, path: Path): Finding[] {
  if (!labels) return [];
  const lower = labels.map((label) => label.toLowerCase());
  const findings: Finding[] = [];
  if (lower.every((label) => GENERIC_LABELS.has(label))) {
    const sentence = `The image ${title} has general labels only (${list(labels)}). Add one of its own, such as the project's name: a job that asks for general labels only is not for Mayfly.`;
    findings.push([[...path, "labels"], sentence]);
  }
  const wrong = os && arch && contradiction({ os, arch, labels });
  if (os && wrong !== undefined) {
    const kind = `${SYSTEMS[os].title} on ${arch}`;
    const sentence = `The image ${title} is ${kind}, and has the label ${wrong}, which GitHub gives to other machines. Take the label away, or mend os or arch.`;
    findings.push([[...path, "labels", labels.indexOf(wrong)], sentence]);
  }
  const twice = repeated(lower);
  if (twice) {
    const sentence = `The image ${title} has the label ${twice.word} twice; GitHub does not tell upper from lower case.`;
    findings.push([[...path, "labels", twice.index], sentence]);
  }
  return findings;
}

function boxFindings({ box, title }: Named, path: Path, folder: string): Finding[] {
  if (!box) return [];
  const at = [...path, "box"];
  if (!("file" in box)) {
    if ("sha256" in box)
      return [[[...at, "sha256"], `The box of image ${title} has a sha256 but no file to compare it with.`]];
    return "name" in box ? [] : [[at, `The box of image ${title} needs a name, or a file with its sha256.`]];
  }
  const file = resolve(folder, box.file ?? "");
  const findings: Finding[] = [];
  if (!existsSync(file))
    findings.push([[...at, "file"], `The box file of image ${title} is not there: ${file}.`]);
  if (!("sha256" in box)) {
    findings.push([at, `The box file of image ${title} needs its sha256. This tells it: sha256sum ${file}`]);
  }
  return findings;
}

/** What each driver makes VMs from. */
const ORIGINS: Record<HostEntry["driver"], Origin> = {
  vagrant: "box",
  fake: "box",
  openstack: "cloudImage",
  tart: "tartImage",
  orchard: "tartImage",
};
type Origin = "box" | "cloudImage" | "tartImage";

/** NB: a host whose driver is not known to be right has a fault of its own. A box without a host for it harms nobody. */
function originFindings(image: Named, path: Path, { hosts, names }: Entries): Finding[] {
  const wanted = image.hosts ?? names.hosts;
  const drivers = hosts.flatMap(({ value: { name, driver } }) =>
    name !== undefined && driver !== undefined && wanted.includes(name) ? [{ name, driver }] : [],
  );
  return (["box", "cloudImage", "tartImage"] as const).flatMap((key): Finding[] => {
    const user = drivers.find(({ driver }) => ORIGINS[driver] === key);
    if (user && !(key in image)) return [[path, noOrigin(image.title, key, user.name)]];
    if (user || key === "box" || !(key in image) || drivers.length < wanted.length) return [];
    return [[[...path, key], noUse(image.title, key)]];
  });
}

const noOrigin = (title: string, key: Origin, host: string): string =>
  `The image ${title} may run on ${host}, and has no ${key} for it. Give it one, or name other hosts under its "hosts".`;

function noUse(title: string, key: Origin): string {
  const drivers = Object.entries(ORIGINS).flatMap(([driver, origin]) => (origin === key ? [driver] : []));
  return `The image ${title} has a ${key}, and none of its hosts has the driver ${drivers.join(" or ")}. Take it away, or add such a host.`;
}

function macFindings({ mac, machines, title }: Named, path: Path, { images }: Entries): Finding[] {
  if (mac === undefined) return [];
  const at = [...path, "mac"];
  const findings: Finding[] = [];
  if (machines !== undefined && machines > 1) {
    const sentence = `The image ${title} has a fixed MAC address, so only one VM of it can be up. Set machines to 1, or leave it out.`;
    findings.push([[...path, "machines"], sentence]);
  }
  // See: RFC 7042, section 2.1: the lowest bit of the first byte marks an address for groups.
  if (Number.parseInt(mac.slice(0, 2), 16) % 2 === 1) {
    const sentence = `The MAC address of image ${title} is one for groups of cards: its first two digits must be an even number.`;
    findings.push([at, sentence]);
  }
  const first = images.find((other) => other.value.mac?.toLowerCase() === mac.toLowerCase());
  if (first && first.path !== path) {
    findings.push([
      at,
      `The image ${title} has the same MAC address as ${first.value.name ?? nameOf(first.path)}.`,
    ]);
  }
  return findings;
}

function sizeFindings(image: Named, path: Path, { hosts, names }: Entries): Finding[] {
  const wanted = image.hosts ?? names.hosts;
  const candidates = hosts.filter(({ value: { name } }) => name !== undefined && wanted.includes(name));
  if (candidates.length === 0 || candidates.length < wanted.length) return [];
  if (candidates.some(({ value }) => fits(image, value))) return [];
  const rooms = candidates.map(({ value }) => `${value.name} has ${roomWords(value)}`);
  const needs = `it needs ${image.cpus} CPUs and ${image.memory}`;
  return [[path, `The image ${image.title} fits on none of its hosts: ${needs}; ${list(rooms)}.`]];
}

const fits = (image: Right<ImageEntry>, host: Right<HostEntry>): boolean =>
  (image.cpus ?? 0) <= (host.cpus ?? Number.POSITIVE_INFINITY) &&
  mibOr(image.memory, 0) <= mibOr(host.memory, Number.POSITIVE_INFINITY);

const mibOr = (size: string | undefined, otherwise: number): number =>
  size === undefined ? otherwise : toMiB(size);

const roomWords = ({ cpus, memory }: Right<HostEntry>): string =>
  list([...(cpus === undefined ? [] : [`${cpus} CPUs`]), ...(memory === undefined ? [] : [memory])]);
