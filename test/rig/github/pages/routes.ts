import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Context, Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { requestAction, rerequestCheckRun } from "../checks.ts";
import type { CheckRun } from "../model.ts";
import { onlyThisMachine } from "../node.ts";
import { findRepo } from "../population.ts";
import type { World } from "../world.ts";
import { commitPage } from "./commit.ts";
import { frontPage } from "./front.ts";
import { manifestPages } from "./manifest.ts";
import { signInPages } from "./sign-in.ts";

/** What people look at, under the addresses that GitHub uses. */
export function pages(world: World): Hono {
  const site = new Hono();
  // NB: these have a policy of their own.
  site.route("/", signInPages(world));
  site.route("/", manifestPages(world));
  const none = ["'none'"];
  const own = ["'self'"];
  site.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: none,
        styleSrc: own,
        imgSrc: ["data:"],
        formAction: own,
        frameAncestors: none,
      },
      strictTransportSecurity: false,
    }),
  );
  site.get("/_assets/:file", asset);
  site.get("/", (c) => c.html(frontPage(world)));
  site.get("/:owner/:repo/commit/:sha/checks", (c) => {
    const repo = findRepo(world, `${c.req.param("owner")}/${c.req.param("repo")}`);
    const page = repo && commitPage(world, repo, c.req.param("sha"));
    return page ? c.html(page) : c.notFound();
  });
  site.get("/:owner/:repo/runs/:id", (c) => c.redirect(pageOf(checkRun(world, c))));
  site.get("/:owner/:repo/actions/runs/:run/job/:id", (c) => {
    const job = world.jobs.get(Number(c.req.param("id")));
    if (!job) return c.notFound();
    return c.redirect(pageOf({ id: job.id, repo: job.run.repo, headSha: job.run.headSha }));
  });
  site.post("/:owner/:repo/runs/:id/rerequest", onlyThisMachine, (c) => {
    const check = checkRun(world, c);
    rerequestCheckRun(world, check);
    return c.redirect(pageOf(check), 303);
  });
  site.post("/:owner/:repo/runs/:id/actions/:identifier", onlyThisMachine, (c) => {
    const check = checkRun(world, c);
    requestAction(world, check, c.req.param("identifier") ?? "");
    return c.redirect(pageOf(check), 303);
  });
  return site;
}

const pageOf = ({ id, repo, headSha }: Pick<CheckRun, "id" | "repo" | "headSha">): string =>
  `/${repo.fullName}/commit/${headSha}/checks#check-${id}`;

/** The check run of the address. Throws if it is not there; the page then says so. */
function checkRun(world: World, c: Context): CheckRun {
  const check = world.checkRuns.get(Number(c.req.param("id")));
  if (!check) throw new Error(`there is no check run ${c.req.param("id")}`);
  return check;
}

const FILES: Record<string, string> = {
  "pico.min.css": fileURLToPath(import.meta.resolve("@picocss/pico/css/pico.min.css")),
  "style.css": fileURLToPath(new URL("style.css", import.meta.url)),
};

function asset(c: Context): Response {
  const file = FILES[c.req.param("file") ?? ""];
  if (!file) return c.body(null, 404);
  return c.body(readFileSync(file), 200, { "content-type": "text/css; charset=utf-8" });
}
