import { html } from "hono/html";
import type { Bounds } from "../../core/settings.ts";
import type { ForkRule, Image, Repository } from "../../core/types.ts";
import type { Html } from "../layout.ts";
import { type FieldFault, type Form, hotField, labelsField } from "./read-form.ts";

export type FormParts = {
  /** As the operator's catalogue has it. */
  repository: Repository;
  images: readonly Image[];
  bounds: Bounds;
  form: Form;
  /** Of the settings that are shown. */
  version: number;
  faults: readonly FieldFault[];
  /** Of the button. */
  save: string;
};

/** The settings to be changed. Works without a script; each field says what it is for, and what is wrong with it. */
export function settingsForm(parts: FormParts): Html {
  const { repository, images, form, version, save } = parts;
  return html`<form class="settings" method="post" action="/settings/${repository.name}" novalidate>
    <input type="hidden" name="version" value="${version}" />
    ${images.map((image) => imageFields(image, parts))}
    <fieldset>
      <legend>All machines</legend>
      ${numberField(parts, {
        id: "machines",
        label: "Most machines at a time",
        value: form.machines,
        hint: `1 to ${parts.bounds.machines}. Empty: ${parts.bounds.machines}, as the operator says.`,
      })}
    </fieldset>
    ${forkFields(parts)}
    <fieldset>
      <legend>Pause</legend>
      <label>
        <input type="checkbox" id="paused" name="paused" value="yes" aria-describedby="paused-hint" ${form.paused ? "checked" : ""} />
        Order no machines
      </label>
      <small id="paused-hint">Jobs wait and say so; what runs or is on its way goes on.</small>
    </fieldset>
    <button id="save">${save}</button>
  </form>`;
}

function imageFields({ name, os, arch, cpus, memoryMiB, labels }: Image, parts: FormParts): Html {
  const typed = parts.form.images[name] ?? { labels: "", hot: "" };
  const most = parts.bounds.hot(name);
  const usual = parts.repository.hot[name] ?? 0;
  return html`<fieldset>
    <legend>Image ${name} <small>${os}, ${arch}, ${cpus} ${cpus === 1 ? "CPU" : "CPUs"}, ${gib(memoryMiB)} GiB</small></legend>
    <p>Its labels: ${labels.map((label) => html`<code>${label}</code> `)}</p>
    ${labelField(labelsField(name), typed.labels, parts.faults)}
    ${
      most === 0
        ? html`<p><small>No machines of it can be kept hot here: the operator allows none.</small></p>`
        : numberField(parts, {
            id: hotField(name),
            label: "Hot machines",
            value: typed.hot,
            hint: `Kept booted, so that a job starts at once; they take their room on the hosts all the time. 0 to ${most}. Empty: ${usual}, as the operator says.`,
          })
    }
  </fieldset>`;
}

const gib = (mib: number): number => Math.round(mib / 102.4) / 10;

function labelField(id: string, value: string, faults: readonly FieldFault[]): Html {
  return html`<label for="${id}">More labels, in this repository</label>
    <textarea id="${id}" name="${id}" rows="${Math.max(2, value.split("\n").length)}" spellcheck="false" autocomplete="off" ${describedBy(id, faults)}>
${value}</textarea>
    ${faultOf(id, faults)}
    <small id="${id}-hint">One on each line, or with spaces or commas between. A job whose <code>runs-on</code> names one of them gets this image.</small>`;
}

type NumberField = { id: string; label: string; value: string; hint: string };

/** NB: no field of the type number, whose text is lost when it is none. */
function numberField({ faults }: FormParts, { id, label, value, hint }: NumberField): Html {
  return html`<label for="${id}">${label}</label>
    <input class="number" id="${id}" name="${id}" value="${value}" inputmode="numeric" autocomplete="off" ${describedBy(id, faults)} />
    ${faultOf(id, faults)}
    <small id="${id}-hint">${hint}</small>`;
}

/** What each rule means for whoever opens a pull request. */
const RULES: Record<ForkRule, string> = {
  refuse: "Refuse. They get no machine.",
  approve:
    "Approve. They wait until somebody who may write to the repository presses Approve on their check run.",
  allow:
    "Allow. They run like all others: whoever can open a pull request runs programs on the operator's machines.",
};

const RULE_WORDS: Record<ForkRule, string> = {
  refuse: "they are refused",
  approve: "they wait for approval",
  allow: "they run like all others",
};

export const forkWords = (rule: ForkRule | undefined): string =>
  rule === undefined
    ? "refused if the repository is public, else they run like all others"
    : RULE_WORDS[rule];

/** NB: a rule that was set and that the operator does not allow any more is not there, so that somebody chooses another. */
function forkFields({ repository, bounds, form, faults }: FormParts): Html {
  const rules = bounds.forks.map((rule) => [rule, RULES[rule]] as const);
  const choices = [["", `As the operator says: ${forkWords(repository.forks)}.`] as const, ...rules];
  return html`<fieldset ${faults.some(({ field }) => field === "forks") ? html`aria-describedby="forks-fault"` : ""}>
    <legend>Jobs of pull requests from forks</legend>
    ${faultOf("forks", faults)}
    ${choices.map(
      ([value, text], index) => html`<label>
        <input type="radio" name="forks" value="${value}" ${index === 0 ? html`id="forks"` : ""} ${value === form.forks ? "checked" : ""} />
        ${text}
      </label>`,
    )}
  </fieldset>`;
}

const hasFault = (id: string, faults: readonly FieldFault[]): boolean =>
  faults.some(({ field }) => field === id);

const describedBy = (id: string, faults: readonly FieldFault[]): Html =>
  hasFault(id, faults)
    ? html`aria-invalid="true" aria-describedby="${id}-fault ${id}-hint"`
    : html`aria-describedby="${id}-hint"`;

function faultOf(id: string, faults: readonly FieldFault[]): Html {
  if (!hasFault(id, faults)) return html``;
  const mine = faults.filter(({ field }) => field === id);
  return html`<div class="fault" id="${id}-fault">${mine.map(({ text }) => html`<p>${text}</p>`)}</div>`;
}
