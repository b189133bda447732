import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { z } from "zod";
import { approveById } from "../control/approve.ts";
import {
  destroyMachine,
  drainHost,
  holdMachine,
  MOST_MINUTES,
  pauseOrders,
  retryJob,
  type Told,
} from "../control/verbs.ts";
import { ALL } from "../core/facts.ts";
import { GitHubUnavailable } from "../ports.ts";
import { layout, link, type Viewer, wordPage } from "./layout.ts";
import type { PagesParts } from "./parts.ts";
import type { Rights } from "./rights.ts";
import { sentForm } from "./sent-form.ts";

export type ActionParts = {
  parts: PagesParts;
  rights: Rights;
  viewerOf: (c: Context) => Promise<Viewer | undefined>;
};

/** Something to do: for whom, what, and the page to go back to. */
type Action = {
  may: (login: string) => Promise<boolean>;
  run: (by: string) => Promise<Told | typeof BAD_TIME>;
  back: string;
};

/** What people do on the pages. NB: whether they may is asked when they do it, whatever the page had shown. */
export function actionRoutes({ parts, rights, viewerOf }: ActionParts): Hono {
  const routes = new Hono();
  const may = rights.isOperator;

  async function act(c: Context, action: Action): Promise<Response> {
    const viewer = await viewerOf(c);
    if (!viewer) return c.redirect("/sign-in", 303);
    try {
      if (!(await action.may(viewer.login))) return tell(c, viewer, NOT_ALLOWED, action.back);
      return tell(c, viewer, await action.run(viewer.login), action.back);
    } catch (err) {
      if (!(err instanceof GitHubUnavailable)) throw err;
      parts.log.warn({ by: viewer.login, err }, "GitHub could not be asked for what somebody wants to do");
      return tell(c, viewer, NOT_ASKED, action.back);
    }
  }

  routes.post("/jobs/:id{[0-9]{1,16}}/retry", (c) => {
    const id = Number(c.req.param("id"));
    const repo = parts.store.state.jobs.get(id)?.repo;
    return act(c, {
      may: async (login) =>
        (await may(login)) || (repo !== undefined && (await rights.mayWrite(repo, login))),
      run: (by) => retryJob(id, by, parts),
      back: `/jobs/${id}`,
    });
  });
  routes.post("/jobs/:id{[0-9]{1,16}}/approve", async (c) => {
    const id = Number(c.req.param("id"));
    const job = await parts.store.findJob(id);
    return act(c, {
      may: async (login) => job !== undefined && (await rights.mayWrite(job.repo, login)),
      run: (by) => approveById(id, by, parts),
      back: `/jobs/${id}`,
    });
  });
  routes.post("/machines/:name/destroy", (c) => {
    const name = c.req.param("name");
    return act(c, {
      may,
      run: (by) => destroyMachine(name, by, parts),
      back: `/machines/${encodeURIComponent(name)}`,
    });
  });
  for (const [verb, drained] of [
    ["drain", true],
    ["open", false],
  ] as const) {
    routes.post(`/hosts/:name/${verb}`, (c) => {
      const host = c.req.param("name") ?? "";
      return act(c, { may, run: (by) => drainHost({ host, drained }, by, parts), back: "/" });
    });
  }
  for (const [verb, paused] of [
    ["pause", true],
    ["resume", false],
  ] as const) {
    routes.post(`/${verb}`, (c) =>
      act(c, { may, run: (by) => pauseOrders({ repo: ALL, paused }, by, parts), back: "/" }),
    );
    routes.post(`/repositories/:owner/:name/${verb}`, (c) => {
      const repo = `${c.req.param("owner")}/${c.req.param("name")}`;
      return act(c, { may, run: (by) => pauseOrders({ repo, paused }, by, parts), back: "/" });
    });
  }
  routes.post("/machines/:name/hold", async (c) => {
    const machine = c.req.param("name");
    const run = async (by: string) => {
      const { data } = holdForm.safeParse(await sentForm(c));
      return data === undefined ? BAD_TIME : holdMachine({ machine, ...data }, by, parts);
    };
    return act(c, { may, run, back: `/machines/${encodeURIComponent(machine)}` });
  });
  return routes;
}

const holdForm = z.object({
  minutes: z
    .string()
    .regex(/^\d{1,4}$/)
    .transform(Number)
    .pipe(z.number().max(MOST_MINUTES)),
});
const BAD_TIME = {
  status: 400,
  sentence: "A machine is held for a number of minutes, a day at most.",
} as const;

type Answer = { status: Told["status"] | 400 | 403 | 502; sentence: string };

const NOT_ALLOWED: Answer = {
  status: 403,
  sentence:
    "You may not do this, or not any more. Operators are named in mayfly.yml; a job may be retried and approved by whoever may write to its repository.",
};
const NOT_ASKED: Answer = {
  status: 502,
  sentence: "GitHub did not answer, so this was not done, or not all of it. Try again in a minute.",
};

function tell(
  c: Context,
  viewer: Viewer,
  { status, sentence }: Answer,
  back: string,
): Response | Promise<Response> {
  const title = status === 200 ? "Done" : "Nothing was done";
  const body = wordPage(title, [sentence], html`<p>${link(back, "Back")} · ${link("/", "Status")}</p>`);
  return c.html(layout({ title, body, viewer }), status);
}
