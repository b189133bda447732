import { html } from "hono/html";
import { findRepository } from "../../core/labels.ts";
import type { KeptApp } from "../../ports/app.ts";
import { GitHubUnavailable } from "../../ports.ts";
import { badge, type Html, link } from "../layout.ts";
import { faultList, stepBody } from "./frame.ts";
import type { SetupParts } from "./parts.ts";

const GITHUB_MS = 20_000;

/** The third step: it shows by itself where the App is installed. */
export async function installBody(parts: SetupParts, app: KeptApp): Promise<Html> {
  const found = await lookUp(parts, app);
  const body = html`<p>
      The App <strong>${app.slug}</strong> is made, and its credentials are kept. Now install it at GitHub: choose
      <em>Only select repositories</em>, and there those that mayfly.yml names.
    </p>
    <p>${installLink(app)}</p>
    <h2>Where it is installed</h2>
    ${typeof found === "string" ? faultList([found]) : repositoryList(parts, found)}
    <p><small>This page looks by itself every few seconds. ${link("/setup/install", "Look again")}</small></p>
    ${typeof found === "string" || !found.some((repo) => findRepository(repo, parts.catalogue)) ? later : onward}`;
  return stepBody("Install it", "Install it on a repository", body);
}

const installLink = ({ pageUrl }: KeptApp): Html =>
  html`<a role="button" id="install" href="${pageUrl}/installations/new" target="_blank" rel="noreferrer">Install it at GitHub</a>`;

const onward = html`<p><a role="button" id="go-on" href="/setup/job">Go on</a></p>`;
const later = html`<p>${link("/setup/job", "Go on without")}</p>`;

async function lookUp({ installed, log }: SetupParts, app: KeptApp): Promise<readonly string[] | string> {
  try {
    return await installed(app, AbortSignal.timeout(GITHUB_MS));
  } catch (err) {
    if (!(err instanceof GitHubUnavailable) && !(err instanceof DOMException)) throw err;
    log.warn({ err }, "GitHub did not say where the App is installed");
    return "GitHub did not say where the App is installed. Mayfly goes on asking; its log has the cause.";
  }
}

function repositoryList({ catalogue }: SetupParts, found: readonly string[]): Html {
  const names = new Set(found.map((name) => name.toLowerCase()));
  const others = found.filter((name) => !findRepository(name, catalogue));
  const served = catalogue.repositories.map(({ name }) => ({ name, isThere: names.has(name.toLowerCase()) }));
  return html`<ul class="repositories">
      ${served.map(
        ({ name, isThere }) =>
          html`<li>${name} ${isThere ? badge("installed", "good") : badge("not yet", "waiting")}</li>`,
      )}
      ${others.map((name) => html`<li>${name} ${badge("not in mayfly.yml", "quiet")}</li>`)}
    </ul>
    ${others.length === 0 ? "" : linesToAdd(others, catalogue.images[0]?.name ?? "")}`;
}

/** NB: one of the images will do; the operator knows which ones it should be. */
const linesToAdd = (names: readonly string[], image: string): Html => html`<p>
    Mayfly serves only repositories that mayfly.yml names. To serve ${names.length === 1 ? "this one" : "these"}, too, add under
    <code>repositories</code>, and start Mayfly again:
  </p>
  <pre><code>${names.map((name) => `  - name: ${name}\n    images: [${image}]`).join("\n")}</code></pre>`;
