import { html } from "hono/html";
import type { SettingsFact } from "../../core/facts.ts";
import { SETTINGS_FILE } from "../../core/name.ts";
import type { Bounds, Force, RepoSettings, Settings } from "../../core/settings.ts";
import type { Image, Repository } from "../../core/types.ts";
import { ago, type Html, linkOut, section, table } from "../layout.ts";
import { differences } from "./differences.ts";
import { fileFaults, fileText, fileUrl, type Place } from "./file.ts";
import { forkWords, settingsForm } from "./form.ts";
import { historyList } from "./history.ts";
import type { FieldFault, Form } from "./read-form.ts";

export type SettingsView = {
  /** As the operator's catalogue has it. */
  repository: Repository;
  images: readonly Image[];
  bounds: Bounds;
  known: RepoSettings;
  force: Force;
  history: readonly SettingsFact[];
  now: number;
  webUrl: string;
  /** Whoever does not administer the repository only looks. */
  mayChange: boolean;
  /** The settings were saved just now. */
  isSaved: boolean;
  tryIt: Html;
};

/** What somebody sent that was not saved. `over`: they had not seen what somebody else had saved meanwhile. */
export type NotSaved = { form: Form; settings: Settings; faults: readonly FieldFault[]; over: boolean };

/** The settings of a repository: what is in force and why, the form, a line to try, the same as a file, and what was changed. */
export function settingsBody(view: SettingsView, form: Form, sent?: NotSaved): Html {
  const { repository, known, history, now, webUrl, force } = view;
  const place = { webUrl, repo: repository.name };
  const isReadOnly = !view.mayChange || known.file !== undefined;
  return html`<hgroup>
      <h1>${repository.name}</h1>
      <p>What Mayfly does for this repository</p>
    </hgroup>
    ${view.isSaved ? html`<p class="notice" role="status">Saved. It is in force at once, also for jobs that wait. A runner at work keeps the labels that it has.</p>` : ""}
    ${sent ? notSaved(sent, view) : ""}
    <p>${source(view, place)}</p>
    ${known.file ? fileFaults(known.file, place) : ""}
    ${isReadOnly ? section("Settings", readOnly(view)) : section("Settings", formSection(view, form, sent))}
    <section id="try"><h2>Try it</h2>${view.tryIt}</section>
    ${fileText(force.settings)}
    ${section("History", historyList(history, place, now), "Nothing was changed yet.")}`;
}

const formSection = (view: SettingsView, form: Form, sent?: NotSaved): Html =>
  settingsForm({
    ...view,
    form: sent?.form ?? form,
    version: view.known.page?.version ?? 0,
    faults: sent?.faults ?? [],
    save: sent?.over ? "Save mine instead" : "Save",
  });

/** Says where the settings in force come from. */
function source({ known, force, mayChange, now }: SettingsView, { webUrl, repo }: Place): Html {
  const file = linkOut(fileUrl(webUrl, repo), SETTINGS_FILE);
  const looksOnly = mayChange ? "" : " You do not administer it, so you can only look.";
  if (known.file) {
    const is =
      known.file.faults === undefined && force.from === "file" ? "says what is in force" : "is there";
    return html`${file} ${is}. Change it there: as long as it is there this page only shows what it says.`;
  }
  if (known.page)
    return html`Set on this page by ${known.page.by}, ${ago(known.page.at, now)} (version ${known.page.version}).${looksOnly}`;
  return html`Nothing is set here yet, so all is as the operator says.${looksOnly}`;
}

/** The faults, each with a way to its field; or what somebody else saved meanwhile. */
function notSaved({ settings, faults, over }: NotSaved, { known, now }: SettingsView): Html {
  return html`<div class="faults" id="faults" role="alert" tabindex="-1" autofocus>
    <h2>Nothing was saved</h2>
    ${over && known.page ? html`<p>${known.page.by} saved other settings ${ago(known.page.at, now)}, after your page was made. Below is what you typed; save again if it is to be that.</p>` : ""}
    ${faults.length === 0 ? "" : html`<ul>${faults.map(faultItem)}</ul>`}
    ${over ? conflictTable(known.page?.settings ?? {}, settings) : ""}
  </div>`;
}

const faultItem = ({ field, text }: FieldFault): Html =>
  html`<li>${field === undefined ? text : html`<a href="#${field}">${text}</a>`}</li>`;

function conflictTable(saved: Settings, mine: Settings): Html {
  const rows = differences(saved, mine).map(({ what, from, to }) => [what, from, to]);
  if (rows.length === 0) return html`<p>Both say the same.</p>`;
  return table("What differs", [{ name: "Setting" }, { name: "Saved" }, { name: "Yours" }], rows);
}

/** What is in force, in words. */
function readOnly({ repository, images, force: { settings }, bounds }: SettingsView): Html {
  const { machines, forks, paused } = settings;
  const rows = images.map((image) => {
    const { labels = [], hot } = settings.images?.[image.name] ?? {};
    const count = Math.min(hot ?? repository.hot[image.name] ?? 0, bounds.hot(image.name));
    return html`<dt>Image ${image.name}</dt>
      <dd>${[...image.labels, ...labels].map((label) => html`<code>${label}</code> `)}
        ${count === 0 ? "" : html`<br />${count} hot`}</dd>`;
  });
  return html`<dl class="facts">
    ${rows}
    <dt>Most machines</dt><dd>${Math.min(machines ?? bounds.machines, bounds.machines)}</dd>
    <dt>Jobs of forks</dt><dd>${forkWords(forks ?? repository.forks)}</dd>
    <dt>Orders</dt><dd>${paused ? "paused" : "not paused"}</dd>
  </dl>`;
}
