import { html } from "hono/html";
import type { Html } from "../layout.ts";
import { directFault, type Form, LONGEST_NAME, ownersOf, waysOf } from "./choice.ts";
import { faultList, stepPage } from "./frame.ts";
import type { SetupParts } from "./parts.ts";

/** The first step: whose the App is to be, what it is called, and how webhooks come. */
export function wherePage(parts: SetupParts, form: Form, faults: readonly string[]): Html {
  const body = html`<p>
      Mayfly talks to GitHub as an App of your own. These pages make it, in four steps. Nothing is made before the next page.
    </p>
    ${faultList(faults)}
    <form method="post" action="/setup/where">
      ${ownerFields(parts, form)}
      <label>
        Name of the App
        <input name="name" value="${form.name}" maxlength="${LONGEST_NAME}" required autocomplete="off" />
        <small>Any that is free at GitHub. People see it on check runs.</small>
      </label>
      ${wayFields(parts, form)}
      <button id="go-on">Go on</button>
    </form>`;
  return stepPage("Where", "Make the GitHub App", body);
}

function ownerFields(parts: SetupParts, { owner, org }: Form): Html {
  const owners = ownersOf(parts);
  const advice =
    owners.length === 1
      ? html`mayfly.yml names repositories of ${owners[0]}: the App must belong to that account.`
      : html`mayfly.yml names repositories of ${owners.join(", ")}, and the App can be installed only on the account that it
          belongs to. Make it for one of them; each of the others needs a Mayfly of its own.`;
  return html`<fieldset>
    <legend>The App belongs to</legend>
    <p><small>${advice}</small></p>
    ${radio("owner", "org", owner, "an organisation")}
    <label class="inner">
      Its name in addresses
      <input name="org" value="${org}" maxlength="39" autocomplete="off" spellcheck="false" />
    </label>
    ${radio("owner", "me", owner, "the account that you are signed in with at GitHub")}
  </fieldset>`;
}

function wayFields(parts: SetupParts, { way, relay }: Form): Html {
  const ways = waysOf(parts);
  if (ways.includes("none")) {
    return html`<input type="hidden" name="way" value="none" />
      <p>mayfly.yml says <code>intake: poll</code>: Mayfly asks GitHub for jobs by itself, so the App gets no webhook.</p>`;
  }
  return html`<fieldset>
    <legend>How GitHub tells Mayfly of jobs</legend>
    ${parts.relayUrl === undefined ? "" : radio("way", "set", way, `over ${new URL(parts.relayUrl).host}, the relay that is set already`)}
    ${directField(parts, way)}
    ${
      parts.relayUrl === undefined
        ? html`${radio("way", "smee", way, "over a new channel of smee.io")}
            <small>Works behind a firewall. smee.io is a free service of the Probot project; what it passes on, it can read.</small>
            ${radio("way", "relay", way, "over another relay")}
            <label class="inner">
              Its address
              <input name="relay" value="${relay}" placeholder="https://relay.example.org/…" autocomplete="off" spellcheck="false" />
              <small>A <code>mayfly relay</code> of your own, or a channel of smee.io that you have. Keep the address to yourself.</small>
            </label>`
        : ""
    }
  </fieldset>`;
}

function directField({ publicUrl, webUrl }: SetupParts, way: string): Html {
  const fault = directFault(publicUrl, webUrl);
  if (fault !== undefined)
    return html`<label><input type="radio" disabled /> directly</label><small>Not now: ${fault}</small>`;
  return html`${radio("way", "direct", way, `directly, at ${publicUrl}/webhook`)}
    <small>GitHub must reach this address from where it is.</small>`;
}

const radio = (name: string, value: string, chosen: string, text: string): Html => html`<label>
  <input type="radio" name="${name}" value="${value}" ${value === chosen ? "checked" : ""} /> ${text}
</label>`;
