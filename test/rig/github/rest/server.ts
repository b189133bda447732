import { createHash } from "node:crypto";
import { type Context, Hono } from "hono";
import { type AnswerFault, takeAnswerFault } from "../faults.ts";
import type { Call, Repo } from "../model.ts";
import { findRepo, installationOf } from "../population.ts";
import { loadOperations, type Operation } from "../schemas.ts";
import type { World } from "../world.ts";
import { changed } from "../world.ts";
import { isRefusal, type OperationId, type Refusal, type RefusalStatus, refuse } from "./answer.ts";
import { apps, installations } from "./apps.ts";
import { allows, authenticate, type Caller } from "./auth.ts";
import { checks } from "./checks.ts";
import { deliveries } from "./deliveries.ts";
import { NEEDED } from "./handlers.ts";
import { countCall } from "./rate.ts";
import { repos } from "./repos.ts";
import { runners } from "./runners.ts";
import { runs } from "./runs.ts";

const ofApp: Table = { ...apps, ...deliveries };
const ofInstallation: Table = { ...installations };
const ofRepository: Table = { ...repos, ...runners, ...runs, ...checks };

/** Ids of all operations that have a handler. */
export const HANDLED: readonly string[] = [ofApp, ofInstallation, ofRepository].flatMap(Object.keys);

/** The handlers as the dispatcher sees them. NB: what they are given fits their own types, since the gate has checked it. */
type Table = Record<string, ((call: never) => Outgoing | Promise<Outgoing>) | undefined>;
type Outgoing = { status: number; body: unknown; headers?: Record<string, string> };

/**
 * GitHub's REST API. Each exchange is checked both ways against GitHub's description: a request that does not fit is refused and an
 * answer that does not fit becomes a 500, and both are noted in `world.violations`.
 */
export function restApi(world: World): Hono {
  const api = new Hono();
  for (const operation of loadOperations()) {
    const path = operation.path.replaceAll(/\{(\w+)\}/g, ":$1");
    api.on(operation.method.toUpperCase(), path, (c) => exchange(world, operation, c));
  }
  api.all("*", async (c) => {
    const path = new URL(c.req.url).pathname;
    world.violations.push(
      `${c.req.method} ${path}: no such operation at GitHub, or not one that is emulated`,
    );
    return finish(world, c, { method: c.req.method, path, at: Date.now() }, refuse(404, "Not Found"));
  });
  return api;
}

type Noted = Omit<Call, "status">;

async function exchange(world: World, operation: Operation, c: Context): Promise<Response> {
  const noted: Noted = {
    method: c.req.method,
    path: new URL(c.req.url).pathname,
    operation: operation.id,
    at: Date.now(),
  };
  const fault = takeAnswerFault(world.faults, operation.id, world.random);
  if (fault?.delayMs) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
  if (fault && !fault.afterEffect) {
    const instead = await replaced(world, c, fault, noted);
    if (instead) return instead;
  }
  const outgoing = await answerOf(world, operation, c, noted);
  return (
    (fault?.afterEffect && (await replaced(world, c, fault, noted))) || finish(world, c, noted, outgoing)
  );
}

/** What the fault puts in place of an answer. A cut connection is one that stays silent until the caller gives up. */
async function replaced(
  world: World,
  c: Context,
  fault: AnswerFault,
  noted: Noted,
): Promise<Response | undefined> {
  if (fault.cut) {
    await new Promise((resolve) => c.req.raw.signal.addEventListener("abort", resolve, { once: true }));
    return finish(world, c, noted, refuse(500, "cut"));
  }
  if (fault.status === undefined) return undefined;
  const headers = fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) };
  const body = refuse(500, fault.message ?? "Server Error").body;
  return finish(world, c, noted, { status: fault.status, body, headers });
}

async function answerOf(world: World, operation: Operation, c: Context, noted: Noted): Promise<Outgoing> {
  if (!c.req.header("user-agent")) {
    return violation(
      world,
      noted,
      refuse(403, "Request forbidden by administrative rules. A User-Agent header is needed."),
    );
  }
  const caller = authenticate(world, c.req.header("authorization"));
  if ("status" in caller) return caller;
  const counted = countCall(
    world,
    caller.kind === "app" ? "app" : caller.token.installation,
    bucketOf(operation),
  );
  const answer = counted.refused ?? (await checkedAnswer(world, operation, { c, caller, noted }));
  return { ...answer, headers: { ...counted.headers, ...answer.headers } };
}

const bucketOf = (operation: Operation) =>
  operation.id === "actions/generate-runner-jitconfig-for-repo" ? "actions_runner_registration" : "core";

type Incoming = { c: Context; caller: Caller; noted: Noted };

async function checkedAnswer(world: World, operation: Operation, incoming: Incoming): Promise<Outgoing> {
  const { c, caller, noted } = incoming;
  const path: Record<string, string> = c.req.param();
  const query = c.req.query();
  const body = await readBody(c);
  if (body === NOT_JSON) return violation(world, noted, refuse(400, "Problems parsing JSON"));
  if (body !== undefined) noted.body = body;
  const call = { world, path, query, body, url: new URL(c.req.url) };

  const allowed = access(world, operation, caller, path);
  if (isRefusal(allowed)) return allowed;
  const wrong = operation.checkParameters(path, query) ?? operation.checkBody(body);
  if (wrong !== undefined) {
    return violation(world, noted, refuse(operation.declares(422) ? 422 : 400, `Invalid request. ${wrong}`));
  }
  const outgoing = await allowed.handle({ ...call, ...allowed.more } as never);
  const amiss = checkOutgoing(operation, outgoing);
  return amiss === undefined ? outgoing : violation(world, noted, refuse(500, amiss));
}

const NOT_JSON = Symbol("not JSON");

async function readBody(c: Context): Promise<unknown> {
  const text = await c.req.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return NOT_JSON;
  }
}

type Allowed = { handle: (call: never) => Outgoing | Promise<Outgoing>; more: object };

/** Who may call what. See: docs.github.com, "Troubleshooting the REST API": what one may not see is not there. */
function access(
  world: World,
  operation: Operation,
  caller: Caller,
  path: Record<string, string>,
): Allowed | Refusal {
  const own = ofApp[operation.id];
  if (own) {
    return caller.kind === "app"
      ? { handle: own, more: {} }
      : refuse(401, "A JSON web token could not be decoded");
  }
  if (caller.kind === "app") return refuse(403, "Resource not accessible by integration");
  const general = ofInstallation[operation.id];
  if (general) return { handle: general, more: { token: caller.token } };
  const handle = ofRepository[operation.id];
  if (!handle) return refuse(500, `no handler for ${operation.id}`);
  const repo = findRepo(world, `${path.owner}/${path.repo}`);
  if (!repo || !mayTouch(world, operation, repo, caller)) {
    return repo && !repo.private
      ? refuse(403, "Resource not accessible by integration")
      : refuse(404, "Not Found");
  }
  const needed = NEEDED[operation.id as OperationId] ?? {};
  if (allows(caller.token.permissions, needed)) return { handle, more: { repo } };
  const wanted = Object.entries(needed).map(([name, level]) => `${name}=${level}`);
  return refuse(403, "Resource not accessible by integration", {
    "x-accepted-github-permissions": wanted.join(","),
  });
}

/** NB: a public repository can be read with any installation's token. */
function mayTouch(
  world: World,
  operation: Operation,
  repo: Repo,
  caller: Caller & { kind: "installation" },
): boolean {
  const needed = Object.entries(NEEDED[operation.id as OperationId] ?? {});
  const isOpen = needed.every(([name, level]) => level === "read" && name !== "administration");
  if (!repo.private && isOpen) return true;
  return caller.token.repos.has(repo) && installationOf(world, repo) === caller.token.installation;
}

/** Statuses that GitHub may answer to any operation, declared or not. See: "Troubleshooting the REST API". */
const GENERAL: ReadonlySet<RefusalStatus> = new Set([400, 401, 403, 404, 429]);

function checkOutgoing(operation: Operation, { status, body }: Outgoing): string | undefined {
  if (operation.declares(status)) return operation.checkAnswer(status, body);
  return GENERAL.has(status as RefusalStatus)
    ? undefined
    : `GitHub never answers ${operation.id} with ${status}`;
}

function violation(world: World, noted: Noted, refusal: Refusal): Refusal {
  world.violations.push(`${noted.method} ${noted.path}: ${refusal.body.message}`);
  return refusal;
}

/** Writes the answer down and sends it. See: docs.github.com, "Best practices for using the REST API", on ETag and 304. */
function finish(world: World, c: Context, noted: Noted, outgoing: Outgoing): Response {
  const text = outgoing.body === undefined ? undefined : JSON.stringify(outgoing.body);
  const etag = text && `W/"${createHash("sha256").update(text).digest("hex")}"`;
  const unchanged =
    outgoing.status === 200 && c.req.method === "GET" && c.req.header("if-none-match") === etag;
  const status = unchanged ? 304 : outgoing.status;
  world.calls.push({ ...noted, status });
  changed(world);
  const headers = new Headers({ "x-github-request-id": String(world.calls.length), ...outgoing.headers });
  if (text !== undefined && !unchanged) headers.set("content-type", "application/json; charset=utf-8");
  if (etag && c.req.method === "GET") headers.set("etag", etag);
  return new Response(unchanged || text === undefined ? null : text, { status, headers });
}
