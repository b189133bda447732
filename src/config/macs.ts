import type { Entries, Entry, Right } from "./entries.ts";
import type { Finding } from "./finding.ts";
import { isSafe } from "./relay.ts";
import type { HostEntry, ImageEntry } from "./schema.ts";
import { nameOf } from "./sentences.ts";
import type { Path } from "./source.ts";

/** Apple's licence for macOS, 2B (iii): two VMs for each Mac. */
const MOST = 2;

/** What is wrong with a host that is a Mac, or many. `hosts`: all that there are. */
export function macHostFindings(
  host: Right<HostEntry>,
  path: Path,
  hosts: readonly Entry<HostEntry>[],
): Finding[] {
  if (host.driver === "orchard") return [...orchardFindings(host, path), ...samePlace(host, path, hosts)];
  if (host.driver === "tart") return [...macFindings(host, path), ...samePlace(host, path, hosts)];
  return [];
}

function orchardFindings(host: Right<HostEntry>, path: Path): Finding[] {
  if (!("orchard" in host))
    return [[path, `${nameOf(path)} has the driver orchard, so it needs orchard.url.`]];
  const url = host.orchard?.url;
  if (url === undefined || isSafe(url)) return [];
  const at = [...path, "orchard", "url"];
  return [[at, `${nameOf(at)} must begin with https://: the token of the service account travels over it.`]];
}

/** NB: each would list the other's VMs, and both would count on the same room. */
function samePlace(host: Right<HostEntry>, path: Path, hosts: readonly Entry<HostEntry>[]): Finding[] {
  const place = placeOf(host);
  const first = place && hosts.find(({ value }) => placeOf(value) === place);
  if (!first || nameOf(first.path) === nameOf(path)) return [];
  const what = host.tart ? "Mac" : "Orchard";
  return [[path, `${nameOf(path)} is the same ${what} as ${nameOf(first.path)}. Take one of them away.`]];
}

/** None: it is neither, or not said rightly. */
const placeOf = ({ tart, orchard }: Right<HostEntry>): string | undefined =>
  orchard?.url?.toLowerCase().replace(/\/$/, "") ?? (tart?.host && `${tart.host.toLowerCase()} ${tart.port}`);

function macFindings(host: Right<HostEntry>, path: Path): Finding[] {
  const { machines } = host;
  if (!("tart" in host)) {
    return [
      [
        path,
        `${nameOf(path)} has the driver tart, so it needs tart.host, tart.user, tart.key and tart.knownHosts.`,
      ],
    ];
  }
  if (machines === undefined || machines <= MOST) return [];
  const sentence = `${nameOf(path)} may have ${MOST} machines: Apple's licence allows ${MOST} VMs with macOS for each Mac, and macOS starts no more.`;
  return [[[...path, "machines"], sentence]];
}

/** What is wrong with an image that Macs make VMs from. `title`: how people know it. */
export function tartImageFindings(
  { value: image, path }: Entry<ImageEntry>,
  title: string,
  { hosts, names }: Entries,
): Finding[] {
  if (!("tartImage" in image)) return [];
  const wanted = image.hosts ?? names.hosts;
  const mac = hosts.find(
    ({ value: { name, driver } }) =>
      name !== undefined && wanted.includes(name) && (driver === "tart" || driver === "orchard"),
  )?.value.name;
  return [
    ...digestFindings(image, path, title),
    ...(mac === undefined ? [] : hardwareFindings(image, path, { title, mac })),
  ];
}

function digestFindings({ tartImage }: Right<ImageEntry>, path: Path, title: string): Finding[] {
  const { name, digest } = tartImage ?? {};
  if (tartImage === undefined || name === undefined) return [];
  const at = [...path, "tartImage"];
  if (name.includes("/") && !("digest" in tartImage)) {
    return [
      [
        at,
        `The tartImage of image ${title} needs its digest, for a tag may be another image tomorrow. This tells it, on a Mac: tart fqn ${name}`,
      ],
    ];
  }
  if (!name.includes("/") && digest !== undefined) {
    return [
      [
        [...at, "digest"],
        `The tartImage of image ${title} is a VM on the Mac, which has no digest. Take it away.`,
      ],
    ];
  }
  return [];
}

function hardwareFindings(
  { arch, mac: address, os }: Right<ImageEntry>,
  path: Path,
  { title, mac }: { title: string; mac: string },
): Finding[] {
  const findings: Finding[] = [];
  if (arch === "x64") {
    findings.push([
      path,
      `The image ${title} may run on ${mac}, a Mac with Apple silicon. Write arch: arm64.`,
    ]);
  }
  if (os !== undefined && os !== "macos") {
    findings.push([
      [...path, "os"],
      `The image ${title} is for ${os}, and may run on ${mac}, a Mac. Only images with macOS run there.`,
    ]);
  }
  if (address !== undefined) {
    findings.push([
      [...path, "mac"],
      `The image ${title} has a fixed MAC address, and may run on ${mac}, where tart gives each VM its own.`,
    ]);
  }
  return findings;
}
