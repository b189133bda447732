import { type Logger, pino } from "pino";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where lines go, such as `process.stdout`. */
export type LogTarget = { write(line: string): unknown; isTTY?: boolean | undefined };

export type LogOptions = {
  level: LogLevel;
  /** Never to be seen, whatever field or text they are in. */
  secrets?: readonly string[] | undefined;
  to?: LogTarget | undefined;
};

/**
 * The log: one JSON object a line, or a readable line when a person looks at a terminal. Fields come from one list: job machine
 * pool driver step why tookMs delivery err. Secrets are taken out twice, by the name of their field and by their looks.
 */
export function newLog({ level, secrets = [], to = process.stdout }: LogOptions): Logger {
  const write = to.isTTY ? (line: string) => to.write(readable(line)) : (line: string) => to.write(line);
  return pino(
    {
      level,
      base: null,
      serializers: { err: describeError },
      redact: { paths: SECRET_PATHS, censor: HIDDEN },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    { write: (line: string) => void write(scrub(line, secrets)) },
  );
}

const HIDDEN = "[hidden]";

/** Names of fields that hold secrets, up to three records deep. */
const SECRET_FIELDS = [
  "authorization",
  "cookie",
  '["set-cookie"]',
  '["x-hub-signature-256"]',
  "token",
  "jit",
  "encoded_jit_config",
  "privateKey",
  "secret",
  "secrets",
  "webhookSecrets",
  "password",
];
const SECRET_PATHS = SECRET_FIELDS.flatMap((field) => {
  const step = field.startsWith("[") ? field : `.${field}`;
  return [field, `*${step}`, `*.*${step}`];
});

/**
 * GitHub's tokens, web tokens and just-in-time configurations (both begin as base64 of `{"`), and keys in PEM.
 * See: github.blog, "Behind GitHub's new authentication token formats".
 */
const SECRET_LOOKS =
  /\bgh[pousr]_\w{16,}|\bgithub_pat_\w{20,}|\bey[IJ][\w.+/=-]{40,}[\w+/=-]|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----/gs;

function scrub(line: string, secrets: readonly string[]): string {
  // NB: the line is JSON already, in which a line break within a secret is written as \n.
  const known = secrets
    .filter((secret) => secret !== "")
    .map((secret) => JSON.stringify(secret).slice(1, -1));
  return known.reduce((text, secret) => text.replaceAll(secret, HIDDEN), line.replace(SECRET_LOOKS, HIDDEN));
}

type Described = {
  type: string;
  message: string;
  stack?: string;
  cause?: Described;
  errors?: Described[];
} & Details;
type Details = { code?: string | number; status?: number; exitCode?: number };
const CAUSES = 4;

/** WARN: pino's own serializer writes every field of an error. Octokit's hold the request, Probot's the whole webhook. */
function describeError(thrown: unknown, depth = 0): Described {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: String(thrown) };
  const { name, message, stack, cause } = thrown;
  return {
    type: name,
    message,
    ...details(thrown),
    ...(stack === undefined ? {} : { stack }),
    ...(cause === undefined || depth >= CAUSES ? {} : { cause: describeError(cause, depth + 1) }),
    ...(thrown instanceof AggregateError && depth < CAUSES
      ? { errors: thrown.errors.map((error) => describeError(error, depth + 1)) }
      : {}),
  };
}

function details(error: Error): Details {
  const found: Details = {};
  if ("code" in error && (typeof error.code === "string" || typeof error.code === "number"))
    found.code = error.code;
  if ("status" in error && typeof error.status === "number") found.status = error.status;
  if ("exitCode" in error && typeof error.exitCode === "number") found.exitCode = error.exitCode;
  return found;
}

/** `12:03:04 info  machine retired  machine=… why=…`, with the stack of an error below it. */
function readable(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Line;
  const at = new Date(time).toTimeString().slice(0, 8);
  const pairs = Object.entries(fields).map(([key, value]) => `  ${key}=${shown(value)}`);
  const trace = err === undefined ? "" : `\n${traceOf(err)}`;
  return `${at} ${level.padEnd(5)} ${msg ?? ""}${pairs.join("")}${trace}\n`;
}

type Line = { level: string; time: string; msg?: string; err?: Described; [field: string]: unknown };

/** NB: names come from outside; a terminal must not obey them. */
const shown = (value: unknown): string =>
  typeof value === "string" && /^[\x21-\x7e]+$/.test(value) ? value : JSON.stringify(value);

function traceOf({ stack, type, message, cause }: Described): string {
  const text = (stack ?? `${type}: ${message}`).replaceAll(/[^\P{Cc}\n\t]/gu, "?");
  const own = text.replaceAll(/^/gm, "    ");
  return cause === undefined ? own : `${own}\n    caused by\n${traceOf(cause)}`;
}
