import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { installable, installOn, type Manifest, OPERATOR, readManifest, register } from "../manifest.ts";
import { onlyThisMachine } from "../node.ts";
import type { World } from "../world.ts";
import { type Html, layout } from "./layout.ts";

/** Where a person registers an App from a manifest, and installs it. */
export function manifestPages(world: World): Hono {
  const site = new Hono();
  for (const path of ["/settings/apps/new", "/organizations/:org/settings/apps/new"]) {
    // NB: the form comes from another site, so it must not be asked from where.
    site.post(path, async (c) => {
      const { manifest: text = "" } = await c.req.parseBody();
      const manifest = readManifest(String(text));
      if (typeof manifest === "string") return c.html(refusedPage(manifest), 422);
      allowForms(c, manifest.redirect_url);
      return c.html(createPage(manifest, c.req.param("org"), c.req.query("state") ?? ""));
    });
  }
  site.post("/settings/apps", onlyThisMachine, async (c) => {
    const { manifest: text, name, owner, state } = await c.req.parseBody();
    const manifest = readManifest(String(text));
    if (typeof manifest === "string") return c.html(refusedPage(manifest), 422);
    const order = { name: String(name), owner: owner ? String(owner) : undefined, state: String(state) };
    allowForms(c, manifest.redirect_url);
    return c.redirect(register(world, manifest, order));
  });
  site.get("/apps/:slug/installations/new", (c) => {
    if (c.req.param("slug") !== world.app.slug) return c.notFound();
    allowForms(c, world.app.setupUrl);
    return c.html(installPage(world));
  });
  site.post("/apps/:slug/installations/new", onlyThisMachine, async (c) => {
    const { repos = [] } = await c.req.parseBody({ all: true });
    allowForms(c, world.app.setupUrl);
    return c.redirect(installOn(world, [repos].flat().map(String)));
  });
  return site;
}

/** NB: browsers hold the address that a form's answer leads to against the page's own policy. */
function allowForms(c: Context, leadsTo: string | undefined): void {
  const action = ["'self'", ...(leadsTo === undefined ? [] : [new URL(leadsTo).origin])].join(" ");
  c.header(
    "content-security-policy",
    `default-src 'none'; style-src 'self'; img-src data:; form-action ${action}`,
  );
}

const refusedPage = (why: string): Html =>
  layout({
    title: "Invalid GitHub App configuration",
    body: html`<article class="card"><h1>Invalid GitHub App configuration</h1><pre>${why}</pre></article>`,
    live: false,
  });

function createPage(manifest: Manifest, org: string | undefined, state: string): Html {
  const { default_permissions: permissions, default_events: events, hook_attributes: hook } = manifest;
  const body = html`<article class="card">
    <h1>Create GitHub App for ${org ?? OPERATOR}</h1>
    <form method="post" action="/settings/apps">
      <input type="hidden" name="manifest" value="${JSON.stringify(manifest)}" />
      <input type="hidden" name="owner" value="${org ?? ""}" />
      <input type="hidden" name="state" value="${state}" />
      <label>GitHub App name <input name="name" value="${manifest.name ?? ""}" maxlength="34" required /></label>
      <button>Create GitHub App</button>
    </form>
    <p><small>${Object.entries(permissions)
      .map(([name, level]) => `${name}: ${level}`)
      .join(", ")}</small></p>
    <p><small>Events: ${events.join(", ") || "none"}. Webhooks go ${hook === undefined ? "nowhere" : "to the address of the manifest"}.</small></p>
  </article>`;
  return layout({ title: "Create GitHub App", body, live: false });
}

function installPage(world: World): Html {
  const body = html`<article class="card">
    <h1>Install ${world.app.name}</h1>
    <form method="post" action="/apps/${world.app.slug}/installations/new">
      <fieldset>
        <legend>Only select repositories of ${world.app.owner.login}</legend>
        ${installable(world).map(
          ({ fullName }) =>
            html`<label><input type="checkbox" name="repos" value="${fullName}" /> ${fullName}</label>`,
        )}
      </fieldset>
      <button>Install</button>
    </form>
  </article>`;
  return layout({ title: `Install ${world.app.name}`, body, live: false });
}
