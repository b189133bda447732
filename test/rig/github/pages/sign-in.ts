import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { onlyThisMachine } from "../node.ts";
import { authorize, checkOrder, deny, loginsOf, redeem, type SignInOrder } from "../oauth.ts";
import type { World } from "../world.ts";
import { type Html, layout } from "./layout.ts";

/** Where GitHub asks a person whether an App may know who they are, and where the App redeems the answer. */
export function signInPages(world: World): Hono {
  const site = new Hono();
  site.get("/login/oauth/authorize", (c) => {
    const order = orderOf((key) => c.req.query(key));
    const check = checkOrder(world, order);
    if (check === "unknown client") return c.notFound();
    if (check === "other callback")
      return c.text("The redirect_uri is not associated with this application.", 400);
    allowRedirect(c, order);
    return c.html(askPage(world, order));
  });
  site.post("/login/oauth/authorize", onlyThisMachine, async (c) => {
    const form = await c.req.parseBody();
    const order = orderOf((key) => String(form[key] ?? ""));
    if (checkOrder(world, order) !== "fits") return c.notFound();
    const isDenied = form.answer === "cancel";
    allowRedirect(c, order);
    return c.redirect(isDenied ? deny(order) : authorize(world, order, String(form.login)));
  });
  site.post("/login/oauth/access_token", async (c) => {
    const isJson = c.req.header("content-type")?.includes("json") ?? false;
    const answer = redeem(world, isJson ? await c.req.json() : await c.req.parseBody());
    if (c.req.header("accept")?.includes("json")) return c.json(answer);
    const texts = Object.entries(answer).map(([key, value]) => [key, String(value)] as const);
    return c.body(new URLSearchParams(Object.fromEntries(texts)).toString());
  });
  return site;
}

const FIELDS = {
  clientId: "client_id",
  redirectUri: "redirect_uri",
  state: "state",
  challenge: "code_challenge",
  method: "code_challenge_method",
} as const;

function orderOf(read: (key: string) => string | undefined): SignInOrder {
  const entries = Object.entries(FIELDS).map(([key, field]) => [key, read(field) ?? ""]);
  return Object.fromEntries(entries) as SignInOrder;
}

/** NB: browsers hold the address that a form's answer leads to against the page's own policy. */
function allowRedirect(c: Context, { redirectUri }: SignInOrder): void {
  const action = `'self' ${new URL(redirectUri).origin}`;
  c.header(
    "content-security-policy",
    `default-src 'none'; style-src 'self'; img-src data:; form-action ${action}`,
  );
}

function askPage(world: World, order: SignInOrder): Html {
  const body = html`<article class="card">
    <h1>Authorize Mayfly</h1>
    <p>Mayfly wants to verify your GitHub identity, and to know which resources you can access.</p>
    <form method="post" action="/login/oauth/authorize">
      ${Object.entries(FIELDS).map(
        ([key, field]) =>
          html`<input type="hidden" name="${field}" value="${order[key as keyof SignInOrder]}" />`,
      )}
      <label>Sign in as
        <select name="login">${loginsOf(world).map((login) => html`<option>${login}</option>`)}</select>
      </label>
      <button name="answer" value="authorize">Authorize</button>
      <button name="answer" value="cancel" class="secondary outline">Cancel</button>
    </form>
    <p><small>It will lead to ${order.redirectUri}</small></p>
  </article>`;
  return layout({ title: "Authorize Mayfly", body, live: false });
}
