import type { Entries, Entry, Right } from "./entries.ts";
import type { Finding } from "./finding.ts";
import { macHostFindings } from "./macs.ts";
import type { HostEntry } from "./schema.ts";
import { nameOf } from "./sentences.ts";
import type { Path } from "./source.ts";

/** What is wrong with a host in the company of the rest. */
export function hostFindings({ value: host, path }: Entry<HostEntry>, { hosts, guests }: Entries): Finding[] {
  return [
    ...commandFindings(host, path),
    ...placeFindings(host, path),
    ...macHostFindings(host, path, hosts),
    ...addressFindings(host, path, guests),
  ];
}

function commandFindings(host: Right<HostEntry>, path: Path): Finding[] {
  if (host.driver === "fake" && !("command" in host)) {
    return [
      [
        path,
        `${nameOf(path)} has the driver fake, so it needs a command: the program that stands in for a VM.`,
      ],
    ];
  }
  if (host.driver !== "fake" && "command" in host) {
    return [[[...path, "command"], `${nameOf(path)}.command is for the driver fake only; take it away.`]];
  }
  return [];
}

/** Keys that are for one driver only. */
const PLACES = ["openstack", "tart", "orchard"] as const;

function placeFindings(host: Right<HostEntry>, path: Path): Finding[] {
  return PLACES.filter((key) => key in host && host.driver !== key).map((key) => [
    [...path, key],
    `${nameOf(path)}.${key} is for the driver ${key} only; take it away.`,
  ]);
}

/** The host's own address of the guest listener, or the one for all. */
function addressFindings(host: Right<HostEntry>, path: Path, guests: Entries["guests"]): Finding[] {
  if ("guestUrl" in host) return urlFindings(host.guestUrl, [...path, "guestUrl"], host);
  if ("url" in guests) return urlFindings(guests.url, ["guests", "url"], host);
  const sentence = `It is not said where the VMs of ${host.name ?? nameOf(path)} reach this machine. Give guests.url, such as https://192.168.121.1:8443, or the host's own guestUrl.`;
  return [[path, sentence]];
}

function urlFindings(url: string | undefined, path: Path, { driver, name }: Right<HostEntry>): Finding[] {
  if (url === undefined) return [];
  if (!url.startsWith("https://")) {
    const sentence = `${nameOf(path)} must begin with https://: a guest trusts nothing else. Mayfly makes the certificate itself.`;
    return [[path, sentence]];
  }
  if (driver !== "fake" && /^https:\/\/(?:127\.|localhost\b|0\.0\.0\.0|\[::1?\])/.test(url)) {
    const sentence = `${nameOf(path)} is ${url}, which inside a VM of ${name ?? "a host"} is the VM itself. Give the address of this machine on the VMs' network.`;
    return [[path, sentence]];
  }
  return [];
}
