import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { csrf } from "hono/csrf";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { SetupError } from "../../ports.ts";
import { assetRoutes } from "../assets.ts";
import { changesOf } from "../changes.ts";
import { healthBeforeSetup } from "../health.ts";
import { layout, link } from "../layout.ts";
import { liveStreams } from "../live.ts";
import { LARGEST_FORM, PAGE_POLICY } from "../policy.ts";
import { sentForm } from "../sent-form.ts";
import { type Access, addressOf, isOurs, setupAccess } from "./access.ts";
import { type Form, firstForm, readChoice } from "./choice.ts";
import { type Sorry, sorry } from "./frame.ts";
import { installBody } from "./install-page.ts";
import { donePage, jobPage } from "./job-page.ts";
import { makePage } from "./make-page.ts";
import { beginMaking, comeBack, settle } from "./making.ts";
import type { Choice, Progress, SetupParts, Way } from "./parts.ts";
import { wherePage } from "./where-page.ts";

/** The page that leads to GitHub. */
const MAKE = "/setup/app";
const LOOK_EVERY_MS = 3_000;

/** The set-up wizard, and nothing else. Whoever has not come by the address in the log sees none of it. */
export function setupRoutes(parts: SetupParts): Hono {
  const access = setupAccess(parts);
  const progress: Progress = {
    ...{
      choice: undefined,
      address: "",
      begun: undefined,
      code: undefined,
      made: undefined,
      settling: undefined,
    },
    kept: parts.kept,
    isDone: false,
  };
  const routes = new Hono();
  protect(routes, parts);
  routes.onError((error, c) => {
    if (error instanceof HTTPException && error.status === 403) return sorry(c, NOT_FROM_HERE);
    parts.log.error({ err: error }, "a page of the set-up could not be made");
    return sorry(c, BROKEN);
  });
  routes.route("/", healthBeforeSetup());
  routes.route("/", assetRoutes());
  routes.use((c, next) => (progress.isDone ? onceDone(c, parts) : next()));
  routes.get("/setup", (c, next) => enter(c, next, access));
  routes.use(async (c, next) => (access.until(c) === undefined ? sorry(c, NOT_IN) : next()));
  addMaking(routes, parts, progress);
  addRest(routes, parts, progress, access);
  routes.all("*", (c) => c.redirect(pageFor(progress), 303));
  return routes;
}

/** NB: only the page whose form leads to GitHub may send a form there. */
function protect(routes: Hono, { webUrl, publicUrl }: SetupParts): void {
  const github = new URL(webUrl).origin;
  routes.use(
    secureHeaders({
      contentSecurityPolicy: {
        ...PAGE_POLICY,
        formAction: ["'self'", (c) => (c.req.path === MAKE ? github : "")],
      },
      referrerPolicy: "same-origin",
      strictTransportSecurity: false,
    }),
  );
  routes.use(async (c, next) => {
    await next();
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
  });
  routes.use(csrf({ origin: (origin, c) => isOurs(origin, c, publicUrl) }));
  routes.use(bodyLimit({ maxSize: LARGEST_FORM, onError: (c) => sorry(c, TOO_LARGE) }));
}

/** Exchanges the token in the address. NB: the address is left at once, so that no history and no link gives it away. */
async function enter(c: Context, next: () => Promise<void>, access: Access) {
  const token = c.req.query("token");
  if (token === undefined) return next();
  const entered = access.enter(c, token);
  if (entered === "in" || access.until(c) !== undefined) return c.redirect("/setup", 303);
  return sorry(c, entered === "used" ? USED : WRONG);
}

function pageFor({ kept, made, code, choice }: Progress): string {
  if (kept) return "/setup/install";
  if (isBeingMade({ made, code })) return "/setup/made";
  return choice ? MAKE : "/setup/where";
}

/** GitHub has made it, and its key is not kept yet. */
const isBeingMade = ({ made, code }: Pick<Progress, "made" | "code">): boolean =>
  made !== undefined || code !== undefined;

/** From the first page to the App that is kept. NB: once there is one, none of it makes another. */
function addMaking(routes: Hono, parts: SetupParts, progress: Progress): void {
  for (const path of ["/setup/where", MAKE, "/setup/made"]) {
    routes.use(path, async (c, next) => (progress.kept ? c.redirect("/setup/install", 303) : next()));
  }
  for (const path of ["/setup/where", MAKE]) {
    routes.use(path, async (c, next) => (isBeingMade(progress) ? c.redirect("/setup/made", 303) : next()));
  }
  routes.get("/setup/where", (c) =>
    c.html(wherePage(parts, formOf(progress.choice) ?? firstForm(parts), [])),
  );
  routes.post("/setup/where", async (c) => {
    const form = await formIn(c);
    const read = await readChoice(form, parts);
    if ("faults" in read) return c.html(wherePage(parts, form, read.faults), 400);
    progress.choice = read.choice;
    progress.address = browserAt(c, parts);
    return c.redirect(MAKE, 303);
  });
  routes.get(MAKE, async (c) => {
    const { choice } = progress;
    if (!choice) return c.redirect("/setup/where", 303);
    const fault = await faultOf(parts.tryFile);
    // NB: GitHub's answer may have come in the meantime.
    if (progress.kept || isBeingMade(progress)) return c.redirect(pageFor(progress), 303);
    return c.html(makePage(parts, choice, beginMaking(parts, progress, choice), fault));
  });
  routes.get("/setup/made", (c) => {
    const isAnswer = c.req.query("state") !== undefined || c.req.query("code") !== undefined;
    // NB: the answer that is loaded once more while its code is redeemed is no stranger's.
    return isAnswer && !isBeingMade(progress) ? comeBack(c, parts, progress) : settle(c, parts, progress);
  });
  routes.post("/setup/made", (c) => settle(c, parts, progress));
}

/** NB: what is in front of us may have changed the host's name; what the browser says of itself is right, if it says it. */
function browserAt(c: Context, { publicUrl }: SetupParts): string {
  const origin = c.req.header("origin") ?? "";
  return /^https?:/.test(origin) ? origin : addressOf(c, publicUrl);
}

async function faultOf(tryIt: () => Promise<void>): Promise<string | undefined> {
  try {
    await tryIt();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return error.message;
  }
  return undefined;
}

/** Installation and the first job, which need the App. */
function addRest(routes: Hono, parts: SetupParts, progress: Progress, access: Access): void {
  const stream = liveStreams({ ...parts, changes: changesOf(parts.clock) });
  for (const path of ["/setup/install", "/setup/install/live", "/setup/job", "/setup/done"]) {
    routes.use(path, async (c, next) => (progress.kept ? next() : c.redirect(pageFor(progress), 303)));
  }
  // NB: nobody asks GitHub beside Mayfly once that runs.
  const body = async () =>
    progress.kept && !progress.isDone ? await installBody(parts, progress.kept) : undefined;
  routes.get("/setup/install", async (c) => {
    const page = await body();
    return page
      ? c.html(layout({ title: "Install the App", body: page, liveAt: "/setup/install/live" }))
      : c.redirect("/setup", 303);
  });
  routes.get("/setup/install/live", (c) =>
    stream(c, { until: access.until(c) ?? 0, everyMs: LOOK_EVERY_MS, render: body }),
  );
  routes.get("/setup/job", (c) => c.html(jobPage(parts)));
  routes.post("/setup/done", (c) => {
    progress.isDone = true;
    parts.onDone();
    return onceDone(c, parts);
  });
}

/** NB: nothing that is secret is told, so it is for everybody: the browser asks again until Mayfly itself answers. */
async function onceDone(c: Context, parts: SetupParts): Promise<Response> {
  // What tells a browser not to listen again.
  if (c.req.path.endsWith("/live")) return c.body(null, 204);
  if (c.req.method === "POST" && c.req.path !== "/setup/done") return c.text("Mayfly is starting", 503);
  if (parts.runsNext) c.header("refresh", "2; url=/");
  return await c.html(donePage(parts));
}

const FIELDS = ["owner", "org", "name", "way", "relay"] as const;

async function formIn(c: Context): Promise<Form> {
  const sent = await sentForm(c);
  const entries = FIELDS.map((field) => [field, typeof sent[field] === "string" ? sent[field] : ""]);
  return Object.fromEntries(entries) as Form;
}

/** What was chosen before, as a form. */
const formOf = (choice: Choice | undefined): Form | undefined =>
  choice && {
    owner: choice.org === undefined ? "me" : "org",
    org: choice.org ?? "",
    name: choice.name,
    ...wayIn(choice.way),
  };

const wayIn = (way: Way): Pick<Form, "way" | "relay"> => ({
  way: way.kind,
  relay: way.kind === "relay" ? way.url : "",
});

const elsewhere = link("/setup", "Try again");

const NOT_IN: Sorry = {
  status: 403,
  title: "Mayfly is not set up yet",
  sentences: [
    "Whoever sets it up comes by an address that is in its log, with a word that is good once. On the controller's machine: journalctl -u mayfly, or what mayfly setup printed.",
    "If you came by it before: that was in another browser, or more than two hours ago. There is a new address in the log then, or when Mayfly is started again.",
  ],
  more: elsewhere,
};
const USED: Sorry = {
  status: 403,
  title: "This address was used already",
  sentences: [
    "It is good once, for one browser. Go on in that one; or end mayfly setup (or Mayfly's service) and start it again: that gives a new address, and what is done stays done.",
    "If it was not you who used it, do that now.",
  ],
  more: elsewhere,
};
const WRONG: Sorry = {
  status: 403,
  title: "This is not the address in the log",
  sentences: [
    "It is that of an earlier start, or it was not copied whole. Take the last one that the log shows.",
  ],
  more: elsewhere,
};
const NOT_FROM_HERE: Sorry = {
  status: 403,
  title: "Not from here",
  sentences: ["This did not come from a page of Mayfly, so nothing was done."],
};
const TOO_LARGE: Sorry = {
  status: 413,
  title: "Too large",
  sentences: ["That is more than any form here needs, so it was not read."],
};
const BROKEN: Sorry = {
  status: 500,
  title: "Something broke",
  sentences: ["Mayfly could not make this page. Its log says more."],
};
