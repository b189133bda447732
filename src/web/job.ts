import { html } from "hono/html";
import { answerWhy, factWords } from "../control/answer.ts";
import { isUnapproved } from "../control/approve.ts";
import type { Fact } from "../core/facts.ts";
import { clock } from "../core/markdown.ts";
import { storiesOf } from "../core/plan.ts";
import { stagesOf } from "../core/stages.ts";
import type { Story } from "../core/story.ts";
import type { Failure, Job } from "../core/types.ts";
import { WHY_WORDS } from "../core/words.ts";
import {
  button,
  carefulButton,
  type Html,
  linkOut,
  machineLink,
  moment,
  section,
  type Viewer,
} from "./layout.ts";
import { ending, stands } from "./look.ts";
import type { PagesParts } from "./parts.ts";
import { stageTable } from "./stages.ts";

export type JobPage = { title: string; body: Html };

type JobParts = Pick<PagesParts, "store" | "world" | "standing">;

/** All that is known of a job. Undefined: nothing is, or this viewer may not know. */
export async function jobPage(id: number, parts: JobParts, viewer: Viewer): Promise<JobPage | undefined> {
  const job = await parts.store.findJob(id);
  if (!job || !(viewer.isOperator || viewer.sees(job.repo))) return undefined;
  const history = await parts.store.history({ job: id });
  const world = parts.world();
  const story = storiesOf(world)(job);
  const { title = "", sentences = [] } = (await answerWhy(id, parts)) ?? {};
  const machine = await parts.store.findMachine(job.ranOn ?? job.failure?.machine ?? "");
  const body = html`<hgroup>
      <h1>${job.name}</h1>
      <p>${job.workflow} in ${job.repo}</p>
    </hgroup>
    <p>${standing(job, story)} <strong>${title}</strong> ${linkOut(job.url, "The job at GitHub")}</p>
    ${sentences.map((sentence) => html`<p>${sentence}</p>`)}
    ${retryButton(job)} ${isUnapproved(story) && (await viewer.writes(job.repo)) ? approveButton(id) : ""}
    ${machine === undefined ? "" : html`<p>Machine ${machineLink(machine.name)}</p>`}
    ${section("Stages", stageTable(stagesOf(job, machine), world.now))}
    ${job.failure === undefined ? "" : section("The last machine that failed", failureCard(job.failure, job.tries))}
    ${section("What has happened", historyList(history, world.now))}`;
  return { title: job.name, body };
}

const standing = (job: Job, { is }: Story): Html =>
  job.status === "done" ? html`${ending(job.conclusion)} ${tookWords(job)}` : stands(is);

const tookWords = ({ startedAt, doneAt }: Job): string =>
  startedAt === undefined || doneAt === undefined ? "" : `after ${clock(doneAt - startedAt)}.`;

const retryButton = ({ id, gaveUpAt, status }: Job): Html =>
  gaveUpAt === undefined || status !== "queued" ? html`` : button(`/jobs/${id}/retry`, "Retry", "retry");

const approveButton = (id: number): Html =>
  carefulButton(`/jobs/${id}/approve`, {
    text: "Approve",
    question:
      "All jobs of this attempt of the run get machines, and run what this fork's commit says. Look at what it changes first, workflows too.",
    sure: "Approve it",
    id: "approve",
  });

function failureCard({ machine, why, text, tail }: Failure, tries: number): Html {
  return html`<p>${machineLink(machine)}: ${WHY_WORDS[why]}${tries > 0 ? ` Failed machines so far: ${tries}.` : ""}</p>
    ${text === "" ? "" : html`<pre class="log" tabindex="0" aria-label="Cause">${text}</pre>`}
    ${tail ? html`<pre class="log" id="tail" tabindex="0" aria-label="Last words of ${machine}">${tail}</pre>` : ""}`;
}

/** Facts in words, oldest first. */
export function historyList(history: readonly Fact[], now: number): Html | undefined {
  // NB: that a check run was written tells nothing that is not told by what it was written for.
  const told = history.filter(({ kind }) => kind !== "check-published");
  if (told.length === 0) return undefined;
  return html`<ol class="history">
    ${told.map((fact) => html`<li>${moment(fact.at, now)} ${factWords(fact)}</li>`)}
  </ol>`;
}
