import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { csrf } from "hono/csrf";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { GitHubUnavailable } from "../ports.ts";
import { actionRoutes } from "./actions.ts";
import { assetRoutes } from "./assets.ts";
import { jobPage } from "./job.ts";
import { type Html, layout, link, type Viewer, wordPage } from "./layout.ts";
import { liveStreams } from "./live.ts";
import { machinePage } from "./machine.ts";
import type { PagesParts } from "./parts.ts";
import { LARGEST_FORM, PAGE_POLICY } from "./policy.ts";
import { rights as newRights } from "./rights.ts";
import { sessions as newSessions, type Session } from "./session.ts";
import { settingsRoutes } from "./settings/routes.ts";
import { signInRoutes } from "./sign-in.ts";
import { statusBody } from "./status.ts";

/** Guesses and ages grow old. */
const STATUS_EVERY_MS = 15_000;
/** A log grows without a fact. */
const LOG_EVERY_MS = 2_000;

/** A page that its viewer may see, or nothing. */
type Show = (c: Context, viewer: Viewer) => Promise<{ title: string; body: Html } | undefined>;

/**
 * The pages for people. Whoever has not signed in sees the sign-in page only: not even which addresses there are.
 * NB: it answers every address, so it comes last on a listener.
 */
export function pageRoutes(parts: PagesParts): Hono {
  const { publicUrl, clock, log } = parts;
  const isSecure = publicUrl?.startsWith("https:") ?? false;
  const sessions = newSessions({ key: parts.key, isSecure, clock });
  const repositories = parts.world().catalogue.repositories.map(({ name }) => name);
  const rights = newRights({ ...parts, repositories });
  const stream = liveStreams(parts);

  const viewerFor = async ({ login, sees }: Session): Promise<Viewer> => ({
    login,
    sees,
    isOperator: await rights.looksLikeOperator(login),
    writes: (repo) =>
      rights.looksLikeWriter(repo, login).catch((error: unknown) => {
        if (error instanceof GitHubUnavailable) return false;
        throw error;
      }),
  });
  const viewerOf = async (c: Context) => {
    const session = await sessions.read(c);
    return session && viewerFor(session);
  };

  const routes = new Hono();
  protect(routes, isSecure, publicUrl);
  routes.onError((error, c) => {
    if (error instanceof HTTPException && error.status === 403) return notOurs(c);
    log.error({ err: error }, "a page could not be made");
    return broken(c);
  });
  routes.route("/", assetRoutes());
  routes.route("/", signInRoutes(parts, sessions));
  routes.route("/", actionRoutes({ parts, rights, viewerOf }));
  routes.route("/", settingsRoutes({ parts, rights, viewerOf }));

  function show(path: string, everyMs: number, page: Show): void {
    const liveAt = path === "/" ? "/live" : `${path}/live`;
    routes.get(path, async (c) => {
      const viewer = await viewerOf(c);
      if (!viewer) return c.redirect(`/sign-in?to=${encodeURIComponent(c.req.path)}`);
      const found = await page(c, viewer);
      const at = path === "/" ? "/live" : `${c.req.path}/live`;
      return found ? c.html(layout({ ...found, viewer, liveAt: at })) : notFound(c, viewer);
    });
    routes.get(liveAt, async (c) => {
      const session = await sessions.read(c);
      if (!session) return c.text("", 401);
      // NB: what its viewer may see can change while it is open.
      const render = async () => (await page(c, await viewerFor(session)))?.body;
      return stream(c, { until: session.until, everyMs, render });
    });
  }

  show("/", STATUS_EVERY_MS, async (_, viewer) => ({
    title: "Status",
    body: await statusBody(parts, viewer),
  }));
  show("/jobs/:id{[0-9]{1,16}}", STATUS_EVERY_MS, (c, viewer) =>
    jobPage(Number(c.req.param("id")), parts, viewer),
  );
  show("/machines/:name", LOG_EVERY_MS, (c, viewer) => machinePage(c.req.param("name") ?? "", parts, viewer));

  routes.all("*", async (c) => {
    const viewer = await viewerOf(c);
    return viewer ? notFound(c, viewer) : c.redirect("/sign-in");
  });
  return routes;
}

function protect(routes: Hono, isSecure: boolean, publicUrl: string | undefined): void {
  routes.use(
    secureHeaders({
      contentSecurityPolicy: PAGE_POLICY,
      // NB: with no-referrer browsers hide the origin of forms, too.
      referrerPolicy: "same-origin",
      strictTransportSecurity: isSecure ? "max-age=15552000" : false,
    }),
  );
  routes.use(async (c, next) => {
    await next();
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
  });
  routes.use(csrf(publicUrl === undefined ? {} : { origin: publicUrl }));
  routes.use(bodyLimit({ maxSize: LARGEST_FORM, onError: tooLarge }));
}

const sorry = (c: Context, status: 403 | 404 | 413 | 500, title: string, sentence: string, viewer?: Viewer) =>
  c.html(layout({ title, body: wordPage(title, [sentence], link("/", "Status")), viewer }), status);

const tooLarge = (c: Context) =>
  sorry(c, 413, "Too large", "That is more than any form here needs, so it was not read.");

const notOurs = (c: Context) =>
  sorry(
    c,
    403,
    "Not from here",
    "This did not come from a page of Mayfly, so nothing was done. If it did, web.url in mayfly.yml is not the address that your browser uses.",
  );

const broken = (c: Context) =>
  sorry(
    c,
    500,
    "Something broke",
    "Mayfly could not make this page. Its log says more; jobs are not touched by that.",
  );

const notFound = (c: Context, viewer: Viewer) =>
  sorry(
    c,
    404,
    "Nothing here",
    "Nothing is known of this, or it belongs to a repository that you have no right in.",
    viewer,
  );
