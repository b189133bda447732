import type { Entries, Entry } from "./entries.ts";
import type { Finding } from "./finding.ts";
import { hostFindings } from "./hosts.ts";
import { imageFindings } from "./images.ts";
import { peopleFindings } from "./people.ts";
import { isSafe, relayFault } from "./relay.ts";
import { repositoryFindings } from "./repositories.ts";
import { nameOf } from "./sentences.ts";
import type { Fault, Source } from "./source.ts";
import { toListen, toMs } from "./units.ts";

/** Faults that show only when entries are compared with each other, or with what is there. `folder`: that of mayfly.yml. */
export function crossFaults(entries: Entries, source: Source, folder: string): Fault[] {
  const findings = [
    ...duplicates(entries.hosts, "host"),
    ...duplicates(entries.images, "image"),
    ...duplicates(entries.repositories, "repository"),
    ...entries.hosts.flatMap((host) => hostFindings(host, entries)),
    ...entries.images.flatMap((image) => imageFindings(image, entries, folder)),
    ...entries.repositories.flatMap((repository) => repositoryFindings(repository, entries)),
    ...sweepFindings(entries),
    ...portFindings(entries),
    ...githubFindings(entries),
    ...relayFindings(entries),
    ...peopleFindings(entries),
  ];
  return findings.map(([path, sentence]) => source.fault(path, sentence));
}

function duplicates(entries: readonly Entry<{ name: string }>[], what: string): Finding[] {
  const seen = new Set<string>();
  return entries.flatMap(({ value: { name }, path }): Finding[] => {
    if (name === undefined) return [];
    // NB: GitHub does not tell Octo/Spinw from octo/spinw.
    const key = name.toLowerCase();
    if (seen.has(key)) return [[[...path, "name"], `There is another ${what} named ${name}.`]];
    seen.add(key);
    return [];
  });
}

/** A sweep is five calls for each repository at least, and an hour has 5,000. */
const SHORTEST_SWEEP = "1s";

function sweepFindings({ sweep: { every } }: Entries): Finding[] {
  if (every === undefined || toMs(every) >= toMs(SHORTEST_SWEEP)) return [];
  return [
    [["sweep", "every"], `sweep.every must be ${SHORTEST_SWEEP} or more: each sweep costs calls at GitHub.`],
  ];
}

function portFindings(entries: Entries): Finding[] {
  const web = portOf(entries.web.listen);
  const guests = portOf(entries.guests.listen);
  const findings: Finding[] = [];
  for (const [key, port] of Object.entries({ web, guests })) {
    if (port !== undefined && port > 65_535) {
      findings.push([[key, "listen"], `${key}.listen has the port ${port}; ports end at 65535.`]);
    }
  }
  if (web !== undefined && web !== 0 && web === guests) {
    const sentence = `web.listen and guests.listen have the same port, ${web}. Give each its own.`;
    findings.push([["guests", "listen"], sentence]);
  }
  return findings;
}

const portOf = (listen: string | undefined): number | undefined =>
  listen === undefined ? undefined : toListen(listen).port;

function githubFindings({ github }: Entries): Finding[] {
  return Object.entries(github).flatMap(([key, url]): Finding[] => {
    if (url === undefined || isSafe(url)) return [];
    const path = ["github", key];
    return [[path, `${nameOf(path)} must begin with https://: the App's credentials travel over it.`]];
  });
}

function relayFindings({ intake, relay: { url } }: Entries): Finding[] {
  if (url === undefined) return [];
  const fault =
    intake === "poll" ? "is for webhooks, and intake is poll. Take one of them away." : relayFault(url);
  return fault === undefined ? [] : [[["relay", "url"], `relay.url ${fault}`]];
}
