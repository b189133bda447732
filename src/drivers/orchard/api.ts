import { readFileSync } from "node:fs";
import { z } from "zod";
import { TimeLimitError, withLimit } from "../../clock.ts";
import type { OrchardPlace } from "../../core/macs.ts";
import { type Clock, SetupError } from "../../ports.ts";
import { printable, redact } from "../exec.ts";
import { type Account, type Env, readAccount, secretsOf } from "./account.ts";
import { handshake, type Socket, socketOver } from "./socket.ts";
import { type Received, type Wire, wireTo } from "./wire.ts";

/**
 * Orchard's controller, as far as we need it.
 * See: openai/orchard, api/openapi.yaml, and pkg/resource/v1 for what that leaves out.
 */
export type Orchard = {
  version: (signal: AbortSignal) => Promise<string>;
  vms: (signal: AbortSignal) => Promise<OrchardVm[]>;
  workers: (signal: AbortSignal) => Promise<Worker[]>;
  create: (vm: object, signal: AbortSignal) => Promise<void>;
  /** Removing what is not there succeeds. */
  remove: (name: string, signal: AbortSignal) => Promise<void>;
  /** What Orchard noted about a VM, the oldest first. */
  events: (name: string, signal: AbortSignal) => Promise<string[]>;
  /** Runs a command in a VM, which is waited for. `none`: there is no such VM. */
  exec: (name: string, command: string, waitSeconds: number, signal: AbortSignal) => Promise<Socket | "none">;
  /** Read anew at each use, so that what was replaced is used without a restart. Throws `SetupError`. */
  account: () => Account;
};

/** The controller refused, or could not be reached. The text holds no secret. */
export class OrchardError extends Error {
  override name = "OrchardError";
  /** None: there was no answer. */
  readonly status: number | undefined;

  constructor(text: string, status: number | undefined, options?: ErrorOptions) {
    super(text, options);
    this.status = status;
  }
}

const VM = z.object({
  name: z.string(),
  status: z.string().default(""),
  status_message: z.string().default(""),
  worker: z.string().default(""),
  resources: z.record(z.string(), z.number()).nullish(),
});
export type OrchardVm = z.output<typeof VM>;

const WORKER = z.object({
  name: z.string(),
  last_seen: z.string().optional(),
  scheduling_paused: z.boolean().default(false),
  resources: z.record(z.string(), z.number()).nullish(),
});
export type Worker = z.output<typeof WORKER>;

const EVENT = z.object({ payload: z.string().default("") });
const FAULT = z.object({ message: z.string() });

const LIMIT_MS = 20_000;
const EVENTS_MOST = 200;

export function orchardAt(place: OrchardPlace, clock: Clock, env: Env): Orchard {
  let wire: Wire | undefined;
  const account = () => readAccount(place.credentials, env);
  const way = (): Way => {
    wire ??= wireTo(readCa(place.ca));
    return { wire, place, account: account(), clock };
  };
  const call = (request: Request, signal: AbortSignal) => callOver(way(), request, signal);

  return {
    account,
    version: async (signal) => {
      const { body } = await call({ method: "GET", path: "/controller/info" }, signal);
      return z.object({ version: z.string().default("unknown") }).parse(body).version;
    },
    vms: async (signal) => z.array(VM).parse((await call({ method: "GET", path: "/vms" }, signal)).body),
    workers: async (signal) =>
      z.array(WORKER).parse((await call({ method: "GET", path: "/workers" }, signal)).body),
    create: async (body, signal) => void (await call({ method: "POST", path: "/vms", body }, signal)),
    remove: async (name, signal) =>
      void (await call({ method: "DELETE", path: `/vms/${name}`, missing: true }, signal)),
    events: async (name, signal) => {
      const path = `/vms/${name}/events?order=desc&limit=${EVENTS_MOST}`;
      const { status, body } = await call({ method: "GET", path, missing: true }, signal);
      if (status === 404) return [];
      return (z.array(EVENT).nullable().parse(body) ?? []).map(({ payload }) => payload).reverse();
    },
    exec: (name, command, waitSeconds, signal) => {
      const query = new URLSearchParams({ command, interactive: "true", wait: String(waitSeconds) });
      return openExec(way(), `/vms/${name}/exec?${query}`, signal);
    },
  };
}

function readCa(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new SetupError(`The certificate of Orchard's controller is not there: ${file}.`, { cause });
  }
}

type Way = { wire: Wire; place: OrchardPlace; account: Account; clock: Clock };
type Request = {
  method: "GET" | "POST" | "DELETE";
  path: string;
  body?: object | undefined;
  /** 404 is an answer. */
  missing?: boolean | undefined;
};

/** Makes one call. It is never tried again here. */
async function callOver(
  way: Way,
  request: Request,
  signal: AbortSignal,
): Promise<{ status: number; body: unknown }> {
  const { method, path, body, missing = false } = request;
  const sent = {
    ...{ method, url: urlOf(way, path) },
    headers: { ...headersOf(way), ...(body ? { "content-type": "application/json" } : {}) },
    body: body && JSON.stringify(body),
  };
  const received = await withLimit(
    way.clock,
    LIMIT_MS,
    (limited) => way.wire.send({ ...sent, signal: limited }),
    signal,
  ).catch((error: unknown) => {
    signal.throwIfAborted();
    throw unreachable(way, error);
  });
  const { status, text } = received;
  if ((status < 200 || status >= 300) && !(missing && status === 404)) throw refusal(way, request, received);
  return { status, body: parse(text) };
}

/** NB: the answer comes when the VM does, so only the caller's signal limits it. */
async function openExec(way: Way, path: string, signal: AbortSignal): Promise<Socket | "none"> {
  const { headers, accept } = handshake();
  const sent = { method: "GET", url: urlOf(way, path), headers: { ...headersOf(way), ...headers }, signal };
  const answer = await way.wire.upgrade(sent).catch((error: unknown) => {
    signal.throwIfAborted();
    throw unreachable(way, error);
  });
  if ("connection" in answer) {
    if (answer.headers["sec-websocket-accept"] === accept) return socketOver(answer.connection);
    answer.connection.destroy();
    throw new OrchardError("Orchard's controller answered with something that is no WebSocket", undefined);
  }
  if (answer.status === 404) return "none";
  throw refusal(way, { method: "GET", path }, answer);
}

const urlOf = ({ place }: Way, path: string): string => `${place.url}/v1${path}`;

const headersOf = ({ account: { name, token } }: Way): Record<string, string> => ({
  accept: "application/json",
  authorization: `Basic ${Buffer.from(`${name}:${token}`).toString("base64")}`,
});

function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

function unreachable({ place }: Way, error: unknown): OrchardError {
  const why = error instanceof TimeLimitError || error instanceof Error ? error.message : String(error);
  return new OrchardError(`Orchard's controller ${place.url} did not answer: ${why}`, undefined, {
    cause: error,
  });
}

const SAID_MOST = 600;

function refusal({ account }: Way, { method, path }: Request, { status, text }: Received): OrchardError {
  const read = FAULT.safeParse(parse(text));
  const said = redact(printable(read.success ? read.data.message : text), secretsOf(account));
  const words = said.replace(/\s+/g, " ").trim().slice(0, SAID_MOST);
  const where = path.replace(/\?.*$/, "");
  return new OrchardError(
    `Orchard answered ${method} ${where} with ${status}: ${words || "no words"}`,
    status,
  );
}
