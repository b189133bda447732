import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createAdaptorServer } from "@hono/node-server";
import { type Context, Hono } from "hono";
import type { Logger } from "pino";
import { z } from "zod";
import { answerWhy, answerWhyRun, usualMachines } from "./control/answer.ts";
import { approveById } from "./control/approve.ts";
import { answerHistory, answerReport } from "./control/history.ts";
import { imagesOf } from "./control/images.ts";
import { answerJobLogs, answerMachineLogs, type LogParts } from "./control/logs.ts";
import { type OutsideParts, outsideOf, overviewOf } from "./control/overview.ts";
import {
  AN_OPERATOR,
  destroyMachine,
  drainHost,
  holdMachine,
  MOST_MINUTES,
  pauseOrders,
  retryJob,
  type Told,
  unknownWords,
} from "./control/verbs.ts";
import { ALL } from "./core/facts.ts";
import type { World } from "./core/world.ts";
import { type Clock, type GitHub, GitHubUnavailable, type Ring, SetupError, type Store } from "./ports.ts";

export type ControlParts = OutsideParts & {
  /** Path of the Unix socket. Its folder belongs to us alone. */
  path: string;
  store: Pick<
    Store,
    "record" | "history" | "findJob" | "findMachine" | "lately" | "closedJobs" | "pastMachines" | "state"
  >;
  world: () => World;
  github: Pick<GitHub, "job" | "run" | "rerunRun">;
  filesOf: LogParts["filesOf"];
  /** For how long closed jobs and past machines are known. */
  historyMs: number;
  ring: Ring;
  clock: Clock;
  log: Logger;
};

/** See: unix(7). `sun_path` has 108 bytes on Linux and 104 on macOS, with the zero at its end. */
const LONGEST_PATH = 103;

/**
 * Answers the command line on a Unix socket that only our own user can open. Throws `SetupError` when its path is too long.
 * NB: the store's lock says that nobody else is there, so a socket that lies around is a dead one's.
 */
export async function startControl(parts: ControlParts): Promise<{ close(): Promise<void> }> {
  const { path } = parts;
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new SetupError(
      `The path ${path} is too long for a socket, which may have ${LONGEST_PATH} bytes. Choose a shorter "data" in mayfly.yml.`,
    );
  }
  await rm(path, { force: true });
  const server = createAdaptorServer({ fetch: controlRoutes(parts).fetch });
  server.listen({ path });
  await once(server, "listening");
  await chmod(path, 0o600);
  return {
    close: async () => {
      server.close();
      if ("closeAllConnections" in server) server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const historyQuery = z.object({
  since: z.coerce.number().int(),
  repo: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(10_000),
});
const reportQuery = z.object({ month: z.string().regex(/^20\d\d-(?:0[1-9]|1[0-2])$/) });
const holdBody = z.object({ minutes: z.number().int().min(0).max(MOST_MINUTES) });
const pauseBody = z.object({ repo: z.string().default(ALL), paused: z.boolean() });
const drainBody = z.object({ drained: z.boolean() });

function controlRoutes(parts: ControlParts): Hono {
  const { store, world } = parts;
  const routes = new Hono();
  routes.get("/ps", async (c) => {
    const past = await usualMachines(store, world());
    return c.json(overviewOf(world(), outsideOf(parts), past));
  });
  routes.get("/why/:job{[0-9]{1,16}}", async (c) => {
    const id = Number(c.req.param("job"));
    const answer = await answerWhy(id, parts);
    return answer ? c.json(answer) : refuse(c, 404, unknownJob(id, world()));
  });
  routes.get("/runs/:run{[0-9]{1,16}}/why", async (c) => {
    const run = Number(c.req.param("run"));
    const answers = await answerWhyRun(run, parts);
    return answers.length > 0 ? c.json(answers) : refuse(c, 404, unknownRun(run, world()));
  });
  routes.get("/jobs/:job{[0-9]{1,16}}/logs", async (c) => {
    const id = Number(c.req.param("job"));
    const answer = await answerJobLogs(id, parts);
    return answer ? c.json(answer) : refuse(c, 404, unknownJob(id, world()));
  });
  routes.get("/machines/:name/logs", async (c) => {
    const name = c.req.param("name");
    const answer = await answerMachineLogs(name, parts);
    return answer
      ? c.json(answer)
      : refuse(c, 404, unknownWords("machine", name, [...store.state.machines.keys()]));
  });
  routes.get("/images", (c) => c.json(imagesOf(world())));
  routes.get("/history", async (c) => {
    const query = historyQuery.safeParse(c.req.query());
    return query.success ? c.json(await answerHistory(query.data, parts)) : refuse(c, 400, MISSHAPEN);
  });
  routes.get("/report", async (c) => {
    const query = reportQuery.safeParse(c.req.query());
    if (!query.success) return refuse(c, 400, "A month is written as 2026-11.");
    return c.json(await answerReport(query.data.month, parts.clock.now() - parts.historyMs, parts));
  });
  routes.post("/machines/:name/destroy", (c) =>
    tell(c, destroyMachine(c.req.param("name"), undefined, parts)),
  );
  routes.post("/hosts/:name/drain", (c) => drain(c, parts));
  routes.post("/machines/:name/hold", (c) => hold(c, parts));
  routes.post("/orders", (c) => pause(c, parts));
  routes.post("/jobs/:job{[0-9]{1,16}}/retry", (c) =>
    tell(c, retryJob(Number(c.req.param("job")), AN_OPERATOR, parts)),
  );
  routes.post("/jobs/:job{[0-9]{1,16}}/approve", (c) =>
    tell(c, approveById(Number(c.req.param("job")), AN_OPERATOR, parts)),
  );
  routes.notFound((c) =>
    refuse(c, 404, "The controller does not know this command; perhaps it is older than you."),
  );
  routes.onError((err, c) => {
    if (err instanceof GitHubUnavailable) return refuse(c, 502, NOT_ASKED);
    parts.log.error({ err }, "command failed");
    return refuse(c, 500, `The controller failed: ${err.message}. Its log says more.`);
  });
  return routes;
}

const NOT_ASKED = "GitHub could not be asked just now, so nothing was done. Try again in a minute.";
const MISSHAPEN = "A part of the question has another form than it should.";

/** Why nothing was done, in a sentence. */
const refuse = (c: Context, status: 400 | 404 | 409 | 500 | 502, sentence: string) =>
  c.json({ sentence }, status);

const unknownRun = (id: number, world: World): string =>
  `No job of run ${id} is known that is open, or that ended in the last week. ${whyUnknown(world)}`;

const unknownJob = (id: number, world: World): string =>
  `Nothing is known of job ${id}. ${whyUnknown(world)}`;

function whyUnknown({ catalogue }: World): string {
  const served = catalogue.repositories.map(({ name }) => name).join(", ");
  return `Either GitHub has not told of it yet (lost webhooks are made up for within a few minutes), or its repository is not served, or it is too old. Served are ${served}.`;
}

async function tell(c: Context, verb: Promise<Told>): Promise<Response> {
  const { status, sentence } = await verb;
  return status === 200 ? c.json({ sentence }) : refuse(c, status, sentence);
}

async function drain(c: Context, parts: ControlParts): Promise<Response> {
  const host = c.req.param("name") ?? "";
  const body = drainBody.safeParse(await c.req.json().catch(() => undefined));
  if (!body.success) return refuse(c, 400, 'The body must be {"drained": true} or {"drained": false}.');
  const { drained } = body.data;
  const { status, sentence } = await drainHost({ host, drained }, undefined, parts);
  const hint = drained && status === 200 ? ` Open it again with: mayfly drain ${host} --off` : "";
  return tell(c, Promise.resolve({ status, sentence: `${sentence}${hint}` }));
}

async function hold(c: Context, parts: ControlParts): Promise<Response> {
  const machine = c.req.param("name") ?? "";
  const body = holdBody.safeParse(await c.req.json().catch(() => undefined));
  if (!body.success) return refuse(c, 400, "A machine is held for a number of minutes, a day at most.");
  const { status, sentence } = await holdMachine({ machine, ...body.data }, AN_OPERATOR, parts);
  const hint =
    body.data.minutes > 0 && status === 200 ? ` Let it go with: mayfly hold ${machine} --for 0` : "";
  return tell(c, Promise.resolve({ status, sentence: `${sentence}${hint}` }));
}

async function pause(c: Context, parts: ControlParts): Promise<Response> {
  const body = pauseBody.safeParse(await c.req.json().catch(() => undefined));
  if (!body.success) return refuse(c, 400, 'The body must be {"repo": "owner/name", "paused": true} or so.');
  return tell(c, pauseOrders(body.data, AN_OPERATOR, parts));
}
