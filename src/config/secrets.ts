import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import type { KeptApp } from "../ports/app.ts";
import { SetupError } from "../ports.ts";
import { signatureCheck } from "../webhook/signature.ts";
import { isAppKept, readAppFile } from "./app-file.ts";
import { relayFault } from "./relay.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** What only the environment may say, or the file that `mayfly setup` wrote. Never logged, never shown. */
export type Secrets = {
  appId: number;
  /** PEM. */
  privateKey: string;
  /** One, or two while it is being changed. None where no webhook comes in. */
  webhookSecrets: readonly string[];
  /** What people sign in with. None: they cannot. */
  signIn: { clientId: string; clientSecret: string } | undefined;
};

type Intake = "webhook" | "poll" | undefined;

/** The App's own variables. NB: WEBHOOK_SECRET_OLD and RELAY_URL may stand beside the file. */
const OF_APP = [
  "APP_ID",
  "PRIVATE_KEY",
  "PRIVATE_KEY_PATH",
  "WEBHOOK_SECRET",
  "CLIENT_ID",
  "CLIENT_SECRET",
] as const;

/** Is there anything of an App, right or wrong? If not, `mayfly setup` makes one. `file`: where that would keep it. */
export const isAppGiven = (env: Env, file: string): boolean => setIn(env).length > 0 || isAppKept(file);

/** Which of the App's variables the environment sets. */
export const setIn = (env: Env): string[] => OF_APP.filter((variable) => env[variable]);

/**
 * Reads the secrets, or answers what is wrong with them, one sentence each. With the intake `poll` no webhook secret is wanted.
 * `file`: what the environment does not say is in there, all of it or nothing.
 */
export function readSecrets(env: Env, intake: Intake, file?: string): { secrets: Secrets; faults: string[] } {
  const found = withFile(env, intake, file);
  if (typeof found !== "string") return readVariables(found, intake);
  return { secrets: NONE, faults: [found, ...relayFaults(env)] };
}

const NONE: Secrets = { appId: 0, privateKey: "", webhookSecrets: [], signIn: undefined };

const NO_APP =
  "There is no GitHub App yet: APP_ID is not set. mayfly setup makes one in the browser, and keeps its credentials.";

/** The environment, with what the file holds if it says nothing of the App itself; or what is wrong. */
function withFile(env: Env, intake: Intake, file: string | undefined): Env | string {
  const set = setIn(env);
  const isKept = file !== undefined && isAppKept(file);
  if (set.length === 0 && !isKept) return NO_APP;
  if (!isKept || isWhole(env, intake)) return env;
  if (set.length > 0) {
    return `${set.join(", ")} ${set.length === 1 ? "is" : "are"} set, and there is an App in ${file}, too. Take one of them: unset what is set, or set APP_ID, PRIVATE_KEY_PATH and WEBHOOK_SECRET, and what is in the file is not used.`;
  }
  try {
    return { ...env, ...variablesFrom(readAppFile(file), intake, file) };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return error.message;
  }
}

const isWhole = (env: Env, intake: Intake): boolean =>
  Boolean(
    env.APP_ID && (env.PRIVATE_KEY || env.PRIVATE_KEY_PATH) && (intake === "poll" || env.WEBHOOK_SECRET),
  );

function variablesFrom(app: KeptApp | undefined, intake: Intake, file: string): Env {
  if (app?.webhookSecret === undefined && intake !== "poll") {
    throw new SetupError(
      `The App in ${file} was made without a webhook. Give it one on its settings page at GitHub, with a secret of its own (openssl rand -hex 32), and write that into the file as "webhookSecret"; or set intake: poll.`,
    );
  }
  return {
    APP_ID: String(app?.appId),
    PRIVATE_KEY: app?.privateKey,
    WEBHOOK_SECRET: app?.webhookSecret,
    CLIENT_ID: app?.clientId,
    CLIENT_SECRET: app?.clientSecret,
  };
}

function relayFaults({ RELAY_URL }: Env): string[] {
  const fault = RELAY_URL ? relayFault(RELAY_URL) : undefined;
  return fault === undefined ? [] : [`RELAY_URL ${fault}`];
}

function readVariables(env: Env, intake: Intake): { secrets: Secrets; faults: string[] } {
  const faults: string[] = [];
  const attempt = <T>(read: (env: Env) => T, otherwise: T): T => {
    try {
      return read(env);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      faults.push(error.message);
      return otherwise;
    }
  };
  const secrets: Secrets = {
    appId: attempt(readAppId, 0),
    privateKey: attempt(readPrivateKey, ""),
    webhookSecrets: variablesOf(env, intake).flatMap((variable) =>
      attempt<string[]>(() => [readWebhookSecret(env, variable)], []),
    ),
    signIn: attempt(readSignIn, undefined),
  };
  return { secrets, faults: [...faults, ...relayFaults(env)] };
}

function variablesOf(env: Env, intake: Intake): string[] {
  if (intake === "poll") return [];
  return env.WEBHOOK_SECRET_OLD ? ["WEBHOOK_SECRET", "WEBHOOK_SECRET_OLD"] : ["WEBHOOK_SECRET"];
}

function readAppId({ APP_ID }: Env): number {
  if (!APP_ID) {
    throw new SetupError(
      "APP_ID is not set. It is the number on the GitHub App's settings page, under About.",
    );
  }
  if (!/^[1-9]\d{0,14}$/.test(APP_ID))
    throw new SetupError("APP_ID is not a number. The client id, which begins with Iv, is another thing.");
  return Number(APP_ID);
}

function readSignIn({ CLIENT_ID: clientId, CLIENT_SECRET: clientSecret }: Env): Secrets["signIn"] {
  if (clientId && clientSecret) return { clientId, clientSecret };
  if (!clientId && !clientSecret) return undefined;
  const [there, missing] = clientId ? ["CLIENT_ID", "CLIENT_SECRET"] : ["CLIENT_SECRET", "CLIENT_ID"];
  throw new SetupError(
    `${there} is set and ${missing} is not. Both are on the GitHub App's settings page, under About and Client secrets; people sign in with them.`,
  );
}

function readPrivateKey({ PRIVATE_KEY, PRIVATE_KEY_PATH }: Env): string {
  if (PRIVATE_KEY && PRIVATE_KEY_PATH) {
    throw new SetupError(
      "PRIVATE_KEY and PRIVATE_KEY_PATH are both set. Keep one of them; the path is the safer.",
    );
  }
  const variable = PRIVATE_KEY ? "PRIVATE_KEY" : "PRIVATE_KEY_PATH";
  const pem = PRIVATE_KEY ? unfold(PRIVATE_KEY) : readKeyFile(PRIVATE_KEY_PATH);
  try {
    if (createPrivateKey(pem).asymmetricKeyType === "rsa") return pem;
  } catch (cause) {
    throw new SetupError(
      `${variable} holds no private key that can be read. Take the .pem file that GitHub gave out, as it is.`,
      // NB: the cause of a key that cannot be read may quote it.
      { cause: cause instanceof Error ? cause.name : undefined },
    );
  }
  throw new SetupError(
    `${variable} holds a key that is not an RSA key. Take the .pem file that GitHub gave out.`,
  );
}

function readKeyFile(path: string | undefined): string {
  if (!path) {
    throw new SetupError(
      "PRIVATE_KEY_PATH is not set. Make a private key on the GitHub App's settings page, and set it to the path of the .pem file that you get (PRIVATE_KEY may hold its text instead).",
    );
  }
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SetupError(`The file that PRIVATE_KEY_PATH names cannot be read (${reason}).`, { cause });
  }
}

/** In one line: with `\n` for line breaks, or as base64, as Probot takes it too. */
function unfold(key: string): string {
  const text = key.includes("-----BEGIN") ? key : Buffer.from(key, "base64").toString("utf8");
  return text.replaceAll("\\n", "\n");
}

/** Throws `SetupError` if it is not set, or can be guessed. */
export function readWebhookSecret(env: Env, variable: string): string {
  const secret = env[variable];
  if (!secret) {
    throw new SetupError(
      `${variable} is not set. Make one (openssl rand -hex 32), enter it in the GitHub App's settings, and set ${variable} to it.`,
    );
  }
  try {
    signatureCheck([secret]);
    return secret;
  } catch (cause) {
    if (!(cause instanceof SetupError)) throw cause;
    throw new SetupError(`${variable}: ${cause.message}`, { cause });
  }
}
