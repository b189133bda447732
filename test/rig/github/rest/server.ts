import { createHash } from "node:crypto";
import { type Context, Hono } from "hono";
import { type AnswerFault, takeAnswerFault } from "../faults.ts";
import type { Call } from "../model.ts";
import { connectionOf } from "../node.ts";
import { loadOperations, type Operation } from "../schemas.ts";
import { changed, later, type World } from "../world.ts";
import { access, isOpen, type Outgoing } from "./access.ts";
import { isRefusal, type Refusal, type RefusalStatus, refuse } from "./answer.ts";
import { authenticate, type Caller } from "./auth.ts";
import { beginCall, limitNow, secondaryLimit } from "./limits.ts";
import { type Account, chargeCall, isExhausted } from "./rate.ts";

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
  const ended = beginCall(world, installationOf(world, c));
  try {
    return await respond(world, operation, c, noted);
  } finally {
    ended();
  }
}

/** Whose token the call bears, whether it is in force or not. */
function installationOf(world: World, c: Context): number | undefined {
  const token = c.req.header("authorization")?.replace(/^(bearer|token) /i, "") ?? "";
  return world.installationTokens.get(token)?.installation.id;
}

async function respond(world: World, operation: Operation, c: Context, noted: Noted): Promise<Response> {
  const fault = takeAnswerFault(world.faults, operation.id, world.random);
  if (fault && !fault.afterEffect) {
    const instead = await befall(world, c, fault, noted);
    if (instead) return instead;
  }
  const outgoing = await answerOf(world, operation, c, noted);
  const instead = fault?.afterEffect ? await befall(world, c, fault, noted) : undefined;
  return instead ?? finish(world, c, noted, outgoing);
}

/** Lets a fault happen: a wait, and what is answered instead, if anything. */
async function befall(
  world: World,
  c: Context,
  fault: AnswerFault,
  noted: Noted,
): Promise<Response | undefined> {
  const { delayMs } = fault;
  if (delayMs) await new Promise<void>((resolve) => later(world, delayMs, resolve));
  if (fault.cut) {
    connectionOf(c).destroy();
    return finish(world, c, noted, { status: 599, body: undefined });
  }
  if (fault.status === undefined) return undefined;
  const headers = fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) };
  const { body } = refuse(500, fault.message ?? "Server Error");
  return finish(world, c, noted, { status: fault.status, body, headers });
}

type Accounted = Outgoing & { account?: Account };

async function answerOf(world: World, operation: Operation, c: Context, noted: Noted): Promise<Accounted> {
  if (!c.req.header("user-agent")) {
    return violation(
      world,
      noted,
      refuse(403, "Request forbidden by administrative rules. A User-Agent header is needed."),
    );
  }
  const caller: Caller | Refusal = isOpen(operation)
    ? { kind: "anybody" }
    : authenticate(world, c.req.header("authorization"));
  if ("status" in caller) return caller;
  const account = accountFor(operation, caller);
  if (isExhausted(world, account)) {
    return { ...refuse(403, "API rate limit exceeded for installation."), account };
  }
  const limited = secondaryLimitOf(world, operation, { c, caller });
  if (limited) return { ...limited, account };
  return { ...(await checkedAnswer(world, operation, { c, caller, noted })), account };
}

/** NB: what the App itself may do in a minute is not documented. */
function secondaryLimitOf(world: World, operation: Operation, { c, caller }: Omit<Incoming, "noted">) {
  if (caller.kind !== "installation") return undefined;
  const { owner = "", repo = "" } = c.req.param() as Record<string, string>;
  const call = { operation: operation.id, method: c.req.method, repo: `${owner}/${repo}`.toLowerCase() };
  return secondaryLimit(world, { ...call, installation: caller.token.installation.id });
}

const accountFor = (operation: Operation, caller: Caller): Account => ({
  who: whoPays(caller),
  bucket:
    operation.id === "actions/generate-runner-jitconfig-for-repo" ? "actions_runner_registration" : "core",
});

function whoPays(caller: Caller): Account["who"] {
  if (caller.kind === "user") return `user ${caller.login}`;
  return caller.kind === "installation" ? caller.token.installation.id : "app";
}

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
    return violation(world, noted, refuse(422, `Invalid request. ${wrong}`));
  }
  const outgoing = await allowed.handle({ ...call, ...allowed.more } as never);
  const amiss = checkOutgoing(operation, outgoing);
  if (amiss !== undefined) return violation(world, noted, refuse(500, amiss));
  return { ...outgoing, body: dropEntries(world, outgoing.body) };
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

/** What the fault `listDrop` leaves of a list. NB: `total_count` stays, as in a list that lags behind. */
function dropEntries(world: World, body: unknown): unknown {
  const { listDrop } = world.faults;
  if (listDrop === 0 || typeof body !== "object" || body === null) return body;
  const thin = (value: unknown) =>
    Array.isArray(value) ? value.filter(() => world.random() >= listDrop) : value;
  if (Array.isArray(body)) return thin(body);
  if (!("total_count" in body)) return body;
  return Object.fromEntries(Object.entries(body).map(([key, value]) => [key, thin(value)]));
}

/** Statuses that GitHub may answer to any operation, declared or not. See: "Troubleshooting the REST API". */
const GENERAL: ReadonlySet<RefusalStatus> = new Set([400, 401, 403, 404, 422, 429]);

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

/**
 * Writes the answer down and sends it. An answer that did not change since the caller's last look costs nothing.
 * See: docs.github.com, "Best practices for using the REST API", on ETag and 304.
 */
function finish(world: World, c: Context, noted: Noted, outgoing: Accounted): Response {
  const text = outgoing.body === undefined ? undefined : JSON.stringify(outgoing.body);
  const isGet = c.req.method === "GET";
  const etag = text && `W/"${createHash("sha256").update(text).digest("hex")}"`;
  const unchanged = outgoing.status === 200 && isGet && c.req.header("if-none-match") === etag;
  const isFree = unchanged || noted.operation === "rate-limit/get";
  const status = unchanged ? 304 : outgoing.status;
  world.calls.push({ ...noted, status });
  changed(world);
  const headers = new Headers({
    date: new Date(limitNow(world)).toUTCString(),
    "x-github-request-id": String(world.calls.length),
    ...(outgoing.account && chargeCall(world, outgoing.account, isFree ? 0 : 1)),
    ...outgoing.headers,
  });
  if (text !== undefined && !unchanged) headers.set("content-type", "application/json; charset=utf-8");
  if (etag && isGet) headers.set("etag", etag);
  return new Response(unchanged || text === undefined ? null : text, { status, headers });
}
