import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { SetupError } from "../ports.ts";
import { signatureCheck } from "../webhook/signature.ts";
import { relayFault } from "./relay.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** What only the environment may say. Never logged, never shown. */
export type Secrets = {
  appId: number;
  /** PEM. */
  privateKey: string;
  /** One, or two while it is being changed. None where no webhook comes in. */
  webhookSecrets: readonly string[];
  /** What people sign in with. None: they cannot. */
  signIn: { clientId: string; clientSecret: string } | undefined;
};

/** Reads the secrets, or answers what is wrong with them, one sentence each. With the intake `poll` no webhook secret is wanted. */
export function readSecrets(
  env: Env,
  intake: "webhook" | "poll" | undefined,
): { secrets: Secrets; faults: string[] } {
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
  const relay = env.RELAY_URL ? relayFault(env.RELAY_URL) : undefined;
  if (relay !== undefined) faults.push(`RELAY_URL ${relay}`);
  return { secrets, faults };
}

function variablesOf(env: Env, intake: "webhook" | "poll" | undefined): string[] {
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
