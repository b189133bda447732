import { html } from "hono/html";
import { type Html, link } from "../layout.ts";
import { faultList, stepPage } from "./frame.ts";
import type { Choice, SetupParts, Way } from "./parts.ts";

export type MakeForm = { action: string; manifest: string };

/** The second step: a form that leads to GitHub. `fault`: the App could not be kept, so it must not be made. */
export function makePage(parts: SetupParts, choice: Choice, form: MakeForm, fault?: string): Html {
  const body = html`<dl class="facts">
      <dt>Name</dt><dd>${choice.name}</dd>
      <dt>Belongs to</dt><dd>${choice.org ?? "your own account"}</dd>
      <dt>Webhooks</dt><dd>${wayWords(choice.way, parts)}</dd>
      <dt>Sign-in</dt><dd>${signInWords(parts)}</dd>
    </dl>
    <p>
      GitHub shows what the App may do, and asks you to confirm. Then it hands the App's private key to Mayfly, once. Mayfly keeps it in
      <code>${parts.file}</code>, which only its own user can read.
    </p>
    ${fault === undefined ? sendForm(form, choice) : html`${faultList([fault])}<p>Mend that, then ${link("/setup/app", "look again")}.</p>`}
    <p>${link("/setup/where", "Back")}</p>`;
  return stepPage("Make the App", "Make it at GitHub", body);
}

const sendForm = (
  { action, manifest }: MakeForm,
  { org }: Choice,
): Html => html`<form method="post" action="${action}">
    <input type="hidden" name="manifest" value="${manifest}" />
    <button id="make">Make the App at GitHub</button>
  </form>
  <p>
    <small>If GitHub answers with "Not Found", you do not own ${org === undefined ? "that account" : `the organisation ${org}`}, or it has another name.
    The button is good for ten minutes.</small>
  </p>`;

/** NB: a relay's address is a secret; its host is none. */
function wayWords(way: Way, { publicUrl, relayUrl }: SetupParts): string {
  if (way.kind === "none") return "none; Mayfly asks for jobs";
  if (way.kind === "direct") return `to ${publicUrl}/webhook`;
  return `over the relay ${new URL(way.kind === "relay" ? way.url : (relayUrl ?? "")).host}`;
}

const signInWords = ({ publicUrl }: SetupParts): string =>
  publicUrl === undefined
    ? "not yet: web.url in mayfly.yml is not set. It can be added later."
    : `people sign in with GitHub at ${publicUrl}`;
