import { html } from "hono/html";
import { stringify } from "yaml";
import { SETTINGS_FILE } from "../../core/name.ts";
import type { FileFault, FileSettings, Settings } from "../../core/settings.ts";
import { type Html, linkOut } from "../layout.ts";

export const fileUrl = (webUrl: string, repo: string): string =>
  `${webUrl}/${repo}/blob/HEAD/${SETTINGS_FILE}`;

export const commitLink = (webUrl: string, repo: string, sha: string): Html =>
  linkOut(`${webUrl}/${repo}/commit/${sha}`, sha.slice(0, 7));

/** The settings as the file would say them, to be copied. */
export function fileText(settings: Settings): Html {
  const isEmpty = Object.keys(settings).length === 0;
  const text = isEmpty
    ? "# Nothing is set: all is as the operator says.\n"
    : stringify(settings, { lineWidth: 0 });
  return html`<details id="file">
    <summary>The same as <code>${SETTINGS_FILE}</code></summary>
    <p>On the default branch this file says the same, and comes before this page, which then only shows what it says.</p>
    <pre tabindex="0" aria-label="${SETTINGS_FILE}"><code>${text}</code></pre>
  </details>`;
}

/** What is wrong with the file, line by line. */
export function fileFaults({ faults = [], settings, sha }: FileSettings, { webUrl, repo }: Place): Html {
  if (faults.length === 0) return html``;
  const goesOn = settings
    ? "What it said before it had faults is in force still."
    : "What was in force before it goes on.";
  return html`<div class="faults" role="alert">
    <p><strong>${SETTINGS_FILE} has faults, so it is not in force</strong> (commit ${commitLink(webUrl, repo, sha)}). ${goesOn}</p>
    <ul>${faults.map((fault) => html`<li>${lineLink(fault, { webUrl, repo })}: ${fault.text}</li>`)}</ul>
  </div>`;
}

export type Place = { webUrl: string; repo: string };

const lineLink = ({ line }: FileFault, { webUrl, repo }: Place): Html =>
  linkOut(`${fileUrl(webUrl, repo)}#L${line}`, `Line ${line}`);
