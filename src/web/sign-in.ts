import { createHash, randomBytes } from "node:crypto";
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { findRepository } from "../core/labels.ts";
import { GitHubUnavailable, type Person } from "../ports.ts";
import { type Html, layout, link, wordPage } from "./layout.ts";
import type { PagesParts } from "./parts.ts";
import { isSame } from "./same.ts";
import { type Begun, type Sessions, SIGN_IN_MS } from "./session.ts";

const GITHUB_MS = 30_000;

/**
 * Signing in with GitHub, and out. A sign-in is good for one browser, once, and for ten minutes; whoever comes back otherwise is told why
 * it did not work. See: RFC 9700 (state, PKCE), docs.github.com, "Generating a user access token for a GitHub App".
 */
export function signInRoutes(parts: PagesParts, sessions: Sessions): Hono {
  const { signIn, publicUrl, clock, log } = parts;
  const routes = new Hono();

  routes.get("/sign-in", async (c) => {
    const to = placeToGo(c.req.query("to"));
    if (await sessions.read(c)) return c.redirect(to);
    const isUnsaved = c.req.query("unsaved") !== undefined;
    return c.html(layout({ title: "Sign in", body: askPage(parts, to, isUnsaved) }));
  });

  routes.get("/sign-in/github", async (c) => {
    if (!signIn || publicUrl === undefined) return c.redirect("/sign-in");
    const begun: Begun = {
      state: randomBytes(32).toString("base64url"),
      verifier: randomBytes(32).toString("base64url"),
      to: placeToGo(c.req.query("to")),
      until: clock.now() + SIGN_IN_MS,
    };
    await sessions.beginSignIn(c, begun);
    const challenge = createHash("sha256").update(begun.verifier).digest("base64url");
    return c.redirect(signIn.address({ state: begun.state, challenge, callback: callbackOf(publicUrl) }));
  });

  routes.get("/sign-in/callback", async (c) => {
    if (!signIn || publicUrl === undefined) return c.redirect("/sign-in");
    const begun = await sessions.takeSignIn(c);
    const code = c.req.query("code") ?? "";
    const fault = faultOf(begun, c, clock.now());
    if (!begun || fault) return failed(c, fault ?? NOT_BEGUN);
    const order = { code, verifier: begun.verifier, callback: callbackOf(publicUrl) };
    const person = await signIn.person(order, AbortSignal.timeout(GITHUB_MS)).catch((err: unknown) => {
      if (!(err instanceof GitHubUnavailable)) throw err;
      log.warn({ err }, "nobody could sign in");
      return undefined;
    });
    if (person === undefined) return failed(c, NO_ANSWER);
    if (person === "refused") return failed(c, NOT_GOOD);
    await sessions.begin(c, served(person, parts));
    log.info({ by: person.login }, "signed in");
    return c.redirect(begun.to, 303);
  });

  routes.post("/sign-out", (c) => {
    sessions.end(c);
    const body = wordPage(
      "Signed out",
      ["You have signed out of Mayfly, and not of GitHub."],
      signInLink("/"),
    );
    return c.html(layout({ title: "Signed out", body }));
  });
  return routes;
}

const callbackOf = (publicUrl: string): string => `${publicUrl}/sign-in/callback`;

/** A page of ours, with names as GitHub and Mayfly make them. */
const PLACE = /^\/(?:(?:jobs|machines)\/[\w-]{1,100}|settings(?:\/[\w-]{1,100}\/[\w.-]{1,100})?)?$/;

/** NB: what comes from outside must not send people elsewhere. */
const placeToGo = (to: string | undefined): string => (to !== undefined && PLACE.test(to) ? to : "/");

/** Of what there is to be seen, only what we serve matters. */
const served = ({ login, repositories }: Person, { world }: PagesParts): Person => ({
  login,
  repositories: repositories.filter((repo) => findRepository(repo, world().catalogue) !== undefined),
});

type Fault = { status: 400 | 403 | 502; title: string; sentence: string };

const AGAIN = "Begin again below.";
const NOT_BEGUN: Fault = {
  status: 400,
  title: "This sign-in is over",
  sentence: `It was not begun in this browser, or it was used already, or the browser keeps no cookies. ${AGAIN}`,
};
const OTHER_STATE: Fault = {
  status: 400,
  title: "This is another sign-in",
  sentence: `GitHub's answer belongs to a sign-in that was not the last one begun in this browser. If you did not follow a link from elsewhere, ${AGAIN.toLowerCase()}`,
};
const TOO_LATE: Fault = {
  status: 400,
  title: "This sign-in took too long",
  sentence: `It was good for ten minutes. ${AGAIN}`,
};
const DENIED: Fault = {
  status: 403,
  title: "Not signed in",
  sentence: "At GitHub you chose not to let Mayfly know who you are. Nothing was changed.",
};
const NOT_GOOD: Fault = {
  status: 400,
  title: "GitHub did not accept this sign-in",
  sentence: `Its code is not good any more: it may have been used already. ${AGAIN}`,
};
const NO_ANSWER: Fault = {
  status: 502,
  title: "GitHub did not answer",
  sentence: `So Mayfly does not know who you are. ${AGAIN} If it goes on, the operator finds the cause in the log.`,
};

function faultOf(begun: Begun | undefined, c: Context, now: number): Fault | undefined {
  if (!begun) return NOT_BEGUN;
  if (!isSame(begun.state, c.req.query("state") ?? "")) return OTHER_STATE;
  if (begun.until <= now) return TOO_LATE;
  if (c.req.query("error") === "access_denied") return DENIED;
  return c.req.query("code") ? undefined : NOT_GOOD;
}

function failed(c: Context, { status, title, sentence }: Fault): Response | Promise<Response> {
  return c.html(layout({ title, body: wordPage(title, [sentence], signInLink("/")) }), status);
}

const signInLink = (to: string): Html => html`<p>
  <a role="button" href="/sign-in/github?to=${encodeURIComponent(to)}">Sign in with GitHub</a>
</p>`;

const UNSAVED =
  "Your sign-in had ended, so nothing was saved. Sign in again: it leads back to the page, where you have to type it once more.";

/** Says what is missing if nobody can sign in. */
function askPage({ signIn, publicUrl }: PagesParts, to: string, isUnsaved: boolean): Html {
  if (signIn && publicUrl !== undefined) {
    const sentences = [
      ...(isUnsaved ? [UNSAVED] : []),
      "Mayfly gives every job of GitHub Actions its own throw-away virtual machine.",
      "Sign in to see the jobs of your repositories: where they wait, run and failed.",
    ];
    return wordPage("Mayfly", sentences, signInLink(to));
  }
  const missing = [
    ...(signIn
      ? []
      : [
          "Set CLIENT_ID and CLIENT_SECRET, from the GitHub App's settings, in the environment of the service.",
        ]),
    ...(publicUrl === undefined ? ["Set web.url in mayfly.yml to the address of this page."] : []),
  ];
  const where = html`<p><small>The operator's page of the documentation says more. Jobs are served all the same, and <code>mayfly ps</code> and <code>mayfly why</code> answer on the controller's machine. ${link("/", "Try again")}</small></p>`;
  return wordPage("Nobody can sign in yet", missing, where);
}
