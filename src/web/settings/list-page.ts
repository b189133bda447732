import { html } from "hono/html";
import { ALL } from "../../core/facts.ts";
import { SETTINGS_FILE } from "../../core/name.ts";
import { type AllSettings, type Force, hasFile, inForce } from "../../core/settings.ts";
import type { Repository } from "../../core/types.ts";
import { badge, type Html, link, linkOut, table } from "../layout.ts";
import { fileUrl } from "./file.ts";

/** A repository whose settings somebody may look at, and perhaps change. */
export type Listed = { repository: Repository; mayChange: boolean };

export type ListParts = {
  settings: AllSettings;
  paused: ReadonlySet<string>;
  webUrl: string;
  /** Repositories about which GitHub could not be asked. */
  unknown: readonly string[];
};

/** The repositories that somebody may have a say in. */
export function listBody(listed: readonly Listed[], parts: ListParts): Html {
  const columns = [
    { name: "Repository" },
    { name: "In force" },
    { name: "State" },
    { name: "You", isWide: true },
  ];
  const rows = listed.map(({ repository, mayChange }) => [
    link(`/settings/${repository.name}`, repository.name),
    source(repository.name, parts),
    stateOf(repository.name, parts),
    mayChange ? "administer it" : "may look",
  ]);
  return html`<h1>Settings</h1>
    <p>What the administrators of a repository set for it: which labels lead to which image, how many machines, what becomes of pull requests from forks.</p>
    ${unknownWords(parts.unknown)}
    ${table("Repositories", columns, rows)}`;
}

const SOURCES: Record<Force["from"], string> = {
  file: SETTINGS_FILE,
  page: "what was set here",
  catalogue: "what the operator says",
};

function source(repo: string, { settings, webUrl }: ListParts): Html {
  const { from } = inForce(settings, repo);
  const words = from === "file" ? linkOut(fileUrl(webUrl, repo), SETTINGS_FILE) : html`${SOURCES[from]}`;
  const isFaulty = hasFile(settings, repo) && settings.get(repo.toLowerCase())?.file?.faults !== undefined;
  return html`${words} ${isFaulty ? badge("the file has faults", "bad") : ""}`;
}

function stateOf(repo: string, { settings, paused }: ListParts): Html {
  const isPaused =
    inForce(settings, repo).settings.paused || paused.has(repo.toLowerCase()) || paused.has(ALL);
  return isPaused ? badge("paused", "waiting") : badge("served", "good");
}

export const unknownWords = (unknown: readonly string[]): Html =>
  unknown.length === 0
    ? html``
    : html`<p class="faults">GitHub could not be asked about ${unknown.join(", ")}, so what you may do there is not known. It did not answer, or the App is not installed there. Load this page again in a minute.</p>`;
