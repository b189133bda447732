import { z } from "zod";
import { TimeLimitError, withLimit } from "../../clock.ts";
import type { Clock } from "../../ports.ts";
import { printable, redact } from "../exec.ts";
import type { Received, Send } from "./wire.ts";

/** A service of the cloud, as its people call it. */
export type Title = "Keystone" | "Nova" | "Glance" | "Neutron" | "Cinder";

export type Request = {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  /** It is where the version ends in the service's address, which may have a project's id behind it. */
  isVersionDocument?: boolean | undefined;
  query?: Query | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  body?: unknown;
  /** None: `LIMIT_MS`. */
  limitMs?: number | undefined;
  /** Never to be seen in an error, in whole or in part. */
  secrets?: readonly string[] | undefined;
};

export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** How a request gets to its service. */
export type Way = { title: Title; base: string; send: Send; clock: Clock; signal: AbortSignal };

export type Answer = { status: number; headers: Received["headers"]; body: unknown };

/** A service of the cloud refused, or could not be reached. The text holds no secret. */
export class CloudError extends Error {
  override name = "CloudError";
  readonly title: Title;
  /** None: there was no answer. */
  readonly status: number | undefined;
  /** The service's own words. */
  readonly said: string;
  /** How long the service asks to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(
    text: string,
    facts: { title: Title; status?: number | undefined; said: string; retryAfterMs?: number | undefined },
    options?: ErrorOptions,
  ) {
    super(text, options);
    this.title = facts.title;
    this.status = facts.status;
    this.said = facts.said;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** A cloud under load takes seconds for a list; what takes longer than this does not come. */
const LIMIT_MS = 20_000;

/** Makes one call. Throws `CloudError` if there is no answer, or one that is no success. It is never tried again here. */
export async function call(way: Way, request: Request): Promise<Answer> {
  const { method, body } = request;
  const headers = {
    accept: "application/json",
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...request.headers,
  };
  const received = await withLimit(
    way.clock,
    request.limitMs ?? LIMIT_MS,
    (signal) => way.send(urlOf(way, request), { method, headers, body: textOf(body), signal }),
    way.signal,
  ).catch((error: unknown) => {
    way.signal.throwIfAborted();
    throw unreachable(way, request, error);
  });
  if (received.status < 200 || received.status >= 300) throw refusal(way, request, received);
  return { status: received.status, headers: received.headers, body: parse(received.text) };
}

function urlOf(way: Way, { path, query = {}, isVersionDocument }: Request): string {
  const base = isVersionDocument ? way.base.replace(/(\/v\d[\d.]*)\/[^/]+$/, "$1") : way.base;
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [value].flat().map((one) => [key, one] as [string, string]),
  );
  return `${base}${path}${pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`}`;
}

const textOf = (body: unknown): string | undefined => (body === undefined ? undefined : JSON.stringify(body));

function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

function unreachable({ title, base }: Way, { method, path }: Request, error: unknown): CloudError {
  const why = error instanceof TimeLimitError ? error.message : causeOf(error);
  const text = `${title} (${new URL(base).host}) did not answer ${method} ${path}: ${why}`;
  return new CloudError(text, { title, said: why }, { cause: error });
}

/** NB: fetch itself says "fetch failed", and its cause what happened. */
function causeOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : {};
  const inner = cause instanceof Error ? cause : error;
  if (!(inner instanceof Error)) return String(inner);
  return inner.message || ("code" in inner ? String(inner.code) : inner.name);
}

function refusal({ title, clock }: Way, request: Request, received: Received): CloudError {
  const { method, path, secrets = [] } = request;
  const { status, headers } = received;
  const said = withoutPieces(wordsOf(received.text), secrets).slice(0, SAID_MOST);
  const id = headers.get("x-openstack-request-id") ?? headers.get("x-compute-request-id");
  const text = `${title} answered ${method} ${path} with ${status}: ${said || "no words"}${id ? ` (${id})` : ""}`;
  const retryAfterMs = afterMs(headers.get("retry-after"), clock.now());
  return new CloudError(text, { title, status, said, retryAfterMs });
}

const SAID_MOST = 600;

const FAULT = z.record(z.string(), z.union([z.object({ message: z.string() }), z.string()]).catch(""));

/** What a refusal says. Each service wraps it in its own way; Glance's is a web page. */
function wordsOf(text: string): string {
  const read = FAULT.safeParse(parse(text));
  const faults = read.success ? Object.values(read.data) : [];
  const said = faults.map((fault) => (typeof fault === "string" ? fault : fault.message)).find(Boolean);
  const plain = (said ?? text.replace(/<(title|h1)>.*?<\/\1>/gs, " ")).replace(/<\/?\w[^>]*>/g, " ");
  return printable(plain).replace(/\s+/g, " ").trim();
}

/** NB: Nova shows what it could not read: the whole of a user data, or as much of it as its message takes. */
function withoutPieces(text: string, secrets: readonly string[]): string {
  const pieces = text
    .split(/[^\w+/=]+/)
    .filter((piece) => piece.length >= PIECE && secrets.some((secret) => secret.includes(piece)));
  return redact(text, [...secrets, ...pieces]);
}

const PIECE = 12;

/** Seconds, or a date. See: RFC 9110, 10.2.3. */
function afterMs(header: string | null, now: number): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
