import { randomBytes } from "node:crypto";
import type { Context } from "hono";
import { html } from "hono/html";
import type { AppOrder, MadeApp } from "../../ports/app.ts";
import { GitHubUnavailable, SetupError } from "../../ports.ts";
import { type Html, linkOut } from "../layout.ts";
import { isSame } from "../same.ts";
import { type Sorry, sorry } from "./frame.ts";
import type { MakeForm } from "./make-page.ts";
import type { Choice, Progress, SetupParts } from "./parts.ts";

/** From the form that leads to GitHub to its coming back. */
const STATE_MS = 10 * 60_000;
const GITHUB_MS = 30_000;

/** What the form sends, with a state that is good once. */
export function beginMaking(parts: SetupParts, progress: Progress, choice: Choice): MakeForm {
  const state = randomBytes(32).toString("base64url");
  progress.begun = { state, until: parts.clock.now() + STATE_MS };
  return parts.making.form(orderOf(choice, parts, progress.address), state);
}

function orderOf({ name, org, way }: Choice, { publicUrl, relayUrl }: SetupParts, address: string): AppOrder {
  const hookUrl = {
    direct: () => `${publicUrl}/webhook`,
    set: () => relayUrl,
    relay: () => (way.kind === "relay" ? way.url : undefined),
    none: () => undefined,
  }[way.kind]();
  return { name, org, hookUrl, redirectUrl: `${address}/setup/made` };
}

/** The browser comes back from GitHub. A state that is wrong, old or used already changes nothing. */
export async function comeBack(c: Context, parts: SetupParts, progress: Progress): Promise<Response> {
  const { begun } = progress;
  const { code = "", state = "" } = c.req.query();
  if (!begun) return await sorry(c, NOT_BEGUN);
  if (!isSame(begun.state, state)) return await sorry(c, OTHER_STATE);
  progress.begun = undefined;
  if (begun.until <= parts.clock.now()) return await sorry(c, TOO_LATE);
  if (!/^[\w-]{1,200}$/.test(code)) return await sorry(c, NO_CODE);
  progress.code = code;
  return await settle(c, parts, progress);
}

/**
 * Redeems the code if that was not done yet, and keeps the App. Can be repeated until it is done: GitHub gives the key out once, so it is
 * held in memory until it is in the file.
 */
export async function settle(c: Context, parts: SetupParts, progress: Progress): Promise<Response> {
  // NB: whoever asks meanwhile waits for the same: a code is good once, and there is one file.
  progress.settling ??= redeemAndKeep(parts, progress).finally(() => {
    progress.settling = undefined;
  });
  const fault = await progress.settling;
  return fault ? await sorry(c, fault) : c.redirect("/setup", 303);
}

/** Answers why it is not done. */
async function redeemAndKeep(parts: SetupParts, progress: Progress): Promise<Sorry | undefined> {
  if (progress.code !== undefined) {
    const answer = await redeem(progress.code, parts);
    if (answer === "unavailable") return NO_ANSWER;
    progress.code = undefined;
    if (answer === "refused") return REFUSED;
    progress.made = answer;
    parts.log.info({ app: answer.slug }, "the GitHub App is made");
  }
  if (progress.made === undefined) return undefined;
  const fault = await keep(progress.made, parts, progress);
  return fault === undefined ? undefined : notKept(progress.made, fault, parts);
}

async function redeem(
  code: string,
  { making, log }: SetupParts,
): Promise<MadeApp | "refused" | "unavailable"> {
  try {
    return await making.redeem(code, AbortSignal.timeout(GITHUB_MS));
  } catch (err) {
    if (!(err instanceof GitHubUnavailable)) throw err;
    log.warn({ err }, "GitHub did not give the App's credentials");
    return "unavailable";
  }
}

/** Answers why it could not be kept. */
async function keep(made: MadeApp, parts: SetupParts, progress: Progress): Promise<string | undefined> {
  const way = progress.choice?.way;
  const app = { ...made, ...(way?.kind === "relay" && { relayUrl: way.url }) };
  try {
    await parts.keep(app);
  } catch (err) {
    if (!(err instanceof SetupError)) throw err;
    parts.log.error({ err }, "the App's credentials could not be kept");
    return err.message;
  }
  parts.log.info({ app: made.slug, file: parts.file }, "the App's credentials are kept");
  progress.made = undefined;
  progress.kept = app;
  return undefined;
}

const again = (text: string): Html =>
  html`<form method="post" action="/setup/made"><button id="again">${text}</button></form>`;

const NOT_BEGUN: Sorry = {
  status: 400,
  title: "This answer is not expected",
  sentences: [
    "GitHub's answer was used already, or Mayfly was started anew since the form was sent. Nothing was changed.",
    "If the App was made at GitHub all the same, delete it there before you make another: Settings, Developer settings, GitHub Apps.",
  ],
};
const OTHER_STATE: Sorry = {
  status: 400,
  title: "This answer belongs to another form",
  sentences: [
    "It is not the answer to the last form that was shown here. Nothing was changed. If you did not follow a link from elsewhere, go on with the set-up and send the form again.",
  ],
};
const TOO_LATE: Sorry = {
  status: 400,
  title: "This took too long",
  sentences: [
    "The form was good for ten minutes, so GitHub's answer was not used, and Mayfly does not have the key of the App that was made.",
    "Delete that App at GitHub (Settings, Developer settings, GitHub Apps, its page, Advanced), then go on with the set-up.",
  ],
};
const NO_CODE: Sorry = {
  status: 400,
  title: "GitHub sent no code",
  sentences: [
    "So no App was made, or GitHub's answer was cut short. Go on with the set-up, and send the form again.",
  ],
};
const REFUSED: Sorry = {
  status: 400,
  title: "GitHub does not know this code",
  sentences: [
    "It was used already, or is older than an hour, so Mayfly does not have the key of the App that was made.",
    "Delete that App at GitHub (Settings, Developer settings, GitHub Apps, its page, Advanced), then go on with the set-up.",
  ],
};
const NO_ANSWER: Sorry = {
  status: 502,
  title: "GitHub did not answer",
  sentences: [
    "The App is made, but Mayfly could not fetch its key. The code for it is good for an hour: look whether this machine reaches GitHub (behind a proxy set HTTPS_PROXY), and ask again.",
  ],
  more: again("Ask again"),
};

const notKept = ({ slug, pageUrl }: MadeApp, fault: string, { file }: SetupParts): Sorry => ({
  status: 500,
  title: "The App's key could not be kept",
  sentences: [
    fault,
    `The App ${slug} exists at GitHub, and its key is in the memory of this process only. Make room for ${file}, and write it again. Do not end Mayfly before that.`,
  ],
  more: html`${again("Write it again")}
    <p>
      If you have to end Mayfly: the key is lost then. Delete ${linkOut(pageUrl, "the App")} at GitHub (its settings, Advanced) and begin again; or
      generate a new private key and a new client secret there, and give them to Mayfly in the environment.
    </p>`,
});
