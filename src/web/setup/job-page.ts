import { html } from "hono/html";
import { stringify } from "yaml";
import { matchLabels } from "../../core/labels.ts";
import type { Image, Repository } from "../../core/types.ts";
import { type Html, layout, link, wordPage } from "../layout.ts";
import { stepPage } from "./frame.ts";
import type { SetupParts } from "./parts.ts";

/** The last step: what to write into a workflow. */
export function jobPage({ catalogue, runsNext }: SetupParts): Html {
  const body = html`<p>A job comes to Mayfly by the labels that it asks for. Paste one of these lines into a workflow:</p>
    ${catalogue.repositories.map((repository) => repositoryPart(repository, linesOf(repository, catalogue)))}
    <form method="post" action="/setup/done">
      <button id="done">${runsNext ? "Start Mayfly" : "Finish"}</button>
    </form>
    <p>${link("/setup/install", "Back")}</p>`;
  return stepPage("First job", "The first job", body);
}

type Line = { image: string; runsOn: string };

/** Each image with the line that leads to it, and to no other. */
function linesOf({ name, images }: Repository, catalogue: SetupParts["catalogue"]): Line[] {
  return catalogue.images
    .filter((image) => images.includes(image.name))
    .filter(({ name: image, labels }) => matchLabels(labels, name, catalogue).image?.name === image)
    .map((image) => ({ image: image.name, runsOn: runsOn(image) }));
}

/** NB: a label may be what means something in YAML. */
const runsOn = ({ labels }: Image): string =>
  stringify(labels, { collectionStyle: "flow", flowCollectionPadding: false, lineWidth: 0 }).trim();

function repositoryPart({ name }: Repository, lines: readonly Line[]): Html {
  const [first] = lines;
  return html`<section>
    <h2>${name}</h2>
    ${lines.map(({ image, runsOn }) => html`<p>For the image <strong>${image}</strong>:</p><pre><code>runs-on: ${runsOn}</code></pre>`)}
    ${
      first === undefined
        ? ""
        : html`<details><summary>A whole workflow, to try it</summary>
      <p>Put it into <code>.github/workflows/try-mayfly.yml</code> on the default branch, and run it from the Actions tab.</p>
      <pre><code>${workflow(first)}</code></pre></details>`
    }
  </section>`;
}

const workflow = ({ runsOn }: Line): string => `name: Try Mayfly
on: workflow_dispatch
jobs:
  hello:
    runs-on: ${runsOn}
    steps:
      - run: uname -a`;

/** What is left to do. */
export function donePage({ runsNext }: SetupParts): Html {
  const title = runsNext ? "Mayfly is starting" : "All is set up";
  const sentences = runsNext
    ? ["It takes jobs from now on. Run the workflow, and look at the checks of the commit."]
    : [
        "Now start Mayfly: mayfly start, or systemctl start mayfly. Then run the workflow, and look at the checks of the commit.",
      ];
  return layout({
    title,
    body: wordPage(title, sentences, runsNext ? html`<p>${link("/", "To Mayfly's pages")}</p>` : html``),
  });
}
