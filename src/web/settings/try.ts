import { html } from "hono/html";
import { tryRunsOn } from "../../control/runs-on.ts";
import { list } from "../../core/markdown.ts";
import type { Catalogue, Image, RepoName } from "../../core/types.ts";
import type { Html } from "../layout.ts";

/** A `runs-on` to be tried, and what becomes of it. NB: its address says what was tried, so that it can be handed on. */
export function tryBox(text: string | undefined, repo: RepoName, catalogue: Catalogue): Html {
  return html`<form class="settings" method="get" action="/settings/${repo}#try">
    <label for="runs-on">What stands behind <code>runs-on:</code> in a workflow</label>
    <textarea id="runs-on" name="runs-on" rows="2" spellcheck="false" autocomplete="off" aria-describedby="runs-on-hint">
${text ?? ""}</textarea>
    <small id="runs-on-hint">A label, a list, or what an expression comes to. It is tried against what is in force now.</small>
    <button class="secondary" id="try-it">Try it</button>
    ${text === undefined ? "" : outcome(text, repo, catalogue)}
  </form>`;
}

function outcome(text: string, repo: RepoName, catalogue: Catalogue): Html {
  const { image, others, sentences } = tryRunsOn(text, repo, catalogue);
  return html`<div class="${image ? "good outcome" : "bad outcome"}" id="outcome" role="status">
    <p><strong>${image ? `It gets the image ${image.name}.` : "It gets no image."}</strong></p>
    ${image ? "" : sentences.map((sentence) => html`<p>${sentence}</p>`)}
    ${image ? html`<p>Its runner has the labels ${image.labels.map((label) => html`<code>${label}</code> `)} and is made on ${inOrder(image)}.</p>` : ""}
    ${others.length === 0 ? "" : html`<p>It would also fit ${list(others.map(({ name }) => name))}, with more labels: the image with the fewest gets the job.</p>`}
  </div>`;
}

const inOrder = ({ hosts }: Image): string =>
  hosts.length === 1 ? (hosts[0] ?? "") : `the first of ${hosts.join(", ")} that has room`;
