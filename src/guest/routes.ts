import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { Logger } from "pino";
import type { z } from "zod";
import type { Fact, State } from "../core/facts.ts";
import type { Machine, MachineName } from "../core/types.ts";
import type { Clock, Ring } from "../ports.ts";
import type { Allowance } from "./allowance.ts";
import { callerOf } from "./caller.ts";
import { answerOf, claimCall, factOfLog, factsOfReport, reportCall } from "./calls.ts";
import type { Polls } from "./polls.ts";

export type GuestRouteParts = {
  state: () => State;
  record: (facts: readonly Fact[]) => Promise<void>;
  ring: Ring;
  clock: Clock;
  log: Logger;
  polls: Polls;
  allowance: Allowance;
  /** Notes the time of a guest's call. */
  hear: (name: MachineName) => void;
};

type Env = { Bindings: HttpBindings; Variables: { machine: Machine } };
type Call = Context<Env>;

const BODY_BYTES = 64 * 1024;

/** The guest's calls, as guest/contract.md has them. Facts are durable before a call is answered. */
export function guestRoutes(parts: GuestRouteParts): Hono<Env> {
  const app = new Hono<Env>();
  app.use("/guest/v1/*", async (call, next) => {
    const machine = caller(call, parts);
    if (!machine) return refuse(call, 401, "the token is unknown");
    if (!parts.allowance.call(machine.name)) return refuse(call, 429, "too many calls");
    parts.hear(machine.name);
    call.set("machine", machine);
    return next();
  });
  app.use(bodyLimit({ maxSize: BODY_BYTES, onError: (call) => refuse(call, 413, "the body is too long") }));
  app.post("/guest/v1/claim", (call) => claim(call, parts));
  app.post("/guest/v1/report", (call) => report(call, parts));
  app.post("/guest/v1/log", (call) => log(call, parts));
  app.notFound((call) => refuse(call, 404, "there is no such call"));
  app.onError((err, call) => {
    parts.log.error({ machine: call.get("machine")?.name, err }, "a guest's call failed");
    return refuse(call, 503, "try again");
  });
  return app;
}

async function claim(call: Call, parts: GuestRouteParts): Promise<Response> {
  const { name } = call.var.machine;
  const asked = await read(call, claimCall);
  if (!asked) return refuse(call, 400, "this is no claim");
  if (asked.machine !== name) return refuse(call, 401, "the token is another machine's");
  if (call.var.machine.askedAt === undefined && mayAsk(parts, name)) {
    await parts.record([
      { kind: "guest-asked", machine: name, runnerVersion: asked.runnerVersion, at: parts.clock.now() },
    ]);
  }
  // NB: looked at again: it may have been retired while the fact was written.
  if (!mayAsk(parts, name)) return refuse(call, 410, "there is no work for this machine");
  const ended = parts.polls.open(name, call.req.raw.signal);
  parts.ring();
  const end = await ended;
  if (typeof end === "object") return call.json(answerOf(end));
  return end === "closing" ? refuse(call, 503, "try again") : call.body(null, 204);
}

function mayAsk({ state }: GuestRouteParts, name: MachineName): boolean {
  const machine = state().machines.get(name);
  return machine !== undefined && machine.configuredAt === undefined && machine.retired === undefined;
}

async function report(call: Call, parts: GuestRouteParts): Promise<Response> {
  const { machine } = call.var;
  const told = await read(call, reportCall);
  if (!told) return refuse(call, 400, "this is no report");
  const facts = factsOfReport(machine.name, told, parts.clock.now());
  return await write(
    call,
    parts,
    facts.filter((fact) => isNews(fact, machine)),
  );
}

async function log(call: Call, parts: GuestRouteParts): Promise<Response> {
  const { machine } = call.var;
  return await write(call, parts, [factOfLog(machine.name, await call.req.text(), parts.clock.now())]);
}

/** What is known already is not written again. */
function isNews(fact: Fact, machine: Machine): boolean {
  if (fact.kind === "guest-working") return machine.workingAt === undefined;
  if (fact.kind === "guest-ended") return machine.endedAt === undefined;
  return true;
}

async function write(call: Call, parts: GuestRouteParts, facts: readonly Fact[]): Promise<Response> {
  if (facts.length > 0) {
    if (!parts.allowance.write(call.var.machine.name)) return refuse(call, 429, "too many reports");
    await parts.record(facts);
    parts.ring();
  }
  return call.body(null, 204);
}

function caller(call: Call, { state }: GuestRouteParts): Machine | undefined {
  const token = /^Bearer ([\w.~-]{1,200})$/i.exec(call.req.header("authorization") ?? "")?.[1];
  return token === undefined ? undefined : callerOf(state().machines.values(), token);
}

async function read<T>(call: Call, schema: z.ZodType<T>): Promise<T | undefined> {
  const parsed = schema.safeParse(parseJson(await call.req.text()));
  return parsed.success ? parsed.data : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type Refusal = 400 | 401 | 404 | 410 | 413 | 429 | 503;
const refuse = (call: Context, status: Refusal, error: string): Response => call.json({ error }, status);
