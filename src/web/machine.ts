import { stripVTControlCharacters } from "node:util";
import { html } from "hono/html";
import { phaseOf } from "../core/explain.ts";
import { inTurn } from "../core/stages.ts";
import type { Machine } from "../core/types.ts";
import { WHY_WORDS } from "../core/words.ts";
import { historyList, type JobPage } from "./job.ts";
import { badge, carefulButton, type Html, jobLink, moment, section, type Viewer } from "./layout.ts";
import { phase } from "./look.ts";
import type { PagesParts } from "./parts.ts";
import { stageTable } from "./stages.ts";

/** Of one log. A page is sent again with each new line. */
const LOG_CHARACTERS = 20_000;

/** All that is known of a machine. Undefined: nothing is, or this viewer may not know. */
export async function machinePage(
  name: string,
  parts: PagesParts,
  viewer: Viewer,
): Promise<JobPage | undefined> {
  const machine = await parts.store.findMachine(name);
  if (!machine || !(viewer.isOperator || viewer.sees(machine.repo))) return undefined;
  const history = await parts.store.history({ machine: name });
  const { now } = parts.world();
  const body = html`<hgroup>
      <h1>${machine.name}</h1>
      <p>${machine.image} on ${machine.host}${machine.repo === "" ? "" : `, for ${machine.repo}`}</p>
    </hgroup>
    <p>${phase(phaseOf(machine))} ${machine.retired ? WHY_WORDS[machine.retired.why] : stageWords(machine)}</p>
    ${jobsOf(machine)}
    ${viewer.isOperator ? operatorButtons(machine, now) : ""}
    ${section("Stages", stageTable(stagesOf(machine), now))}
    ${viewer.isOperator ? logSections(await logsOf(machine, parts)) : ""}
    ${section("What has happened", historyList(history, now))}`;
  return { title: machine.name, body };
}

const stageWords = ({ stage }: Machine): string =>
  stage === undefined ? "" : `The guest says: ${stage.name}${stage.text === "" ? "" : ` (${stage.text})`}.`;

/** NB: GitHub may have given it another job than the one that it was made for. */
function jobsOf({ job, forJob }: Machine): Html {
  if (job !== undefined) return html`<p>It has ${jobLink(job, `job ${job}`)}.</p>`;
  return forJob === undefined ? html`` : html`<p>It was made for ${jobLink(forJob, `job ${forJob}`)}.</p>`;
}

function operatorButtons(machine: Machine, now: number): Html {
  const { name, retired, destroyedAt, heldUntil = 0 } = machine;
  if (retired?.why === "operator" || destroyedAt !== undefined) return html``;
  const path = `/machines/${encodeURIComponent(name)}`;
  const held = html`<p>${badge("held", "waiting")} Its VM is not destroyed before ${moment(heldUntil, now)}.</p>`;
  return html`${heldUntil > now ? held : ""}
    <div class="buttons">${destroyButton(path)} ${holdForm(path, heldUntil > now)}</div>`;
}

/** For how many minutes a machine is held. */
const HOLDS = { "30 min": 30, "2 h": 120, "8 h": 480 };

function holdForm(path: string, isHeld: boolean): Html {
  const action = `${path}/hold`;
  if (isHeld) {
    return html`<form method="post" action="${action}">
      <button class="outline secondary small" id="let-go" name="minutes" value="0">Let go</button>
    </form>`;
  }
  return html`<form class="inline" method="post" action="${action}">
    <button class="outline secondary small" id="hold">Hold for</button>
    <select name="minutes" id="minutes" aria-label="How long its VM is kept, whatever becomes of it">
      ${Object.entries(HOLDS).map(([text, minutes]) => html`<option value="${minutes}">${text}</option>`)}
    </select>
  </form>`;
}

function destroyButton(path: string): Html {
  return carefulButton(`${path}/destroy`, {
    text: "Destroy",
    question: "Its VM is destroyed now, with whatever runs in it.",
    sure: "Destroy it",
    id: "destroy",
  });
}

const stagesOf = (machine: Machine) =>
  inTurn([
    ["Wanted", machine.createdAt],
    ["VM ordered", machine.startedAt],
    ["VM running", machine.upAt],
    ["Guest ready", machine.askedAt],
    ["Runner registered", machine.configuredAt],
    ["Job began", machine.workingAt],
    ["Runner ended", machine.endedAt],
    ["Retired", machine.retired?.at],
    ["VM destroyed", machine.destroyedAt],
  ]);

/** NB: the guest sends its log when it fails, and its VM may be gone by then. */
async function logsOf(
  { name, host, guestLog, destroyedAt }: Machine,
  { filesOf }: PagesParts,
): Promise<Record<string, string>> {
  const files = await filesOf({ name, host: destroyedAt === undefined ? host : undefined });
  return { ...files, ...(guestLog !== undefined && { "guest.log": guestLog }) };
}

/** Terminal colours and other control sequences mean nothing on a page. */
const readable = (text: string): string => stripVTControlCharacters(text).replaceAll(/[^\P{Cc}\n\t]/gu, "");

function logSections(logs: Readonly<Record<string, string>>): Html {
  const files = Object.entries(logs).filter(([, text]) => text.trim() !== "");
  return html`${files.map(([name, text]) =>
    section(
      name,
      html`<pre class="log" id="log-${name}" tabindex="0" aria-label="${name}">${readable(text).slice(-LOG_CHARACTERS)}</pre>`,
    ),
  )}`;
}
