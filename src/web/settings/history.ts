import { html } from "hono/html";
import type { SettingsFact } from "../../core/facts.ts";
import { SETTINGS_FILE } from "../../core/name.ts";
import type { Settings } from "../../core/settings.ts";
import { type Html, moment } from "../layout.ts";
import { differences } from "./differences.ts";
import { commitLink, type Place } from "./file.ts";

const MOST_SHOWN = 30;

/** What was in force, by what the page and the file said. */
type Said = { page: Settings; file?: Settings | undefined };

/** Who changed what and when, the newest first. `history`: likewise; more than is shown, since each is told by what was before it. */
export function historyList(history: readonly SettingsFact[], place: Place, now: number): Html | undefined {
  if (history.length === 0) return undefined;
  let said: Said = { page: {} };
  const told = history.toReversed().map((fact) => {
    const before = said;
    said = saidAfter(fact, before);
    return html`<li>${moment(fact.at, now)} ${who(fact, place)}${changes(before, said)}</li>`;
  });
  return html`<ol class="history">${told.toReversed().slice(0, MOST_SHOWN)}</ol>`;
}

function saidAfter(fact: SettingsFact, { page, file }: Said): Said {
  if (fact.kind === "settings-saved") return { page: fact.settings, file };
  if (!fact.settings && !fact.faults) return { page };
  return { page, file: fact.settings ?? file };
}

function who(fact: SettingsFact, { webUrl, repo }: Place): Html {
  if (fact.kind === "settings-saved") return html`<strong>${fact.by}</strong>`;
  const commit = commitLink(webUrl, repo, fact.sha);
  if (fact.faults)
    return html`<strong>${SETTINGS_FILE}</strong> has ${fact.faults.length === 1 ? "a fault" : `${fact.faults.length} faults`} since ${commit}`;
  return html`<strong>${SETTINGS_FILE}</strong> ${fact.settings ? "by" : "is gone since"} ${commit}`;
}

function changes(before: Said, after: Said): Html {
  const found = differences(before.file ?? before.page, after.file ?? after.page);
  if (found.length === 0) return html`: nothing else in force than before`;
  return html`: ${found.map(({ what, from, to }) => `${what}: ${from} → ${to}`).join("; ")}`;
}
