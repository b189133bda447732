import { once } from "node:events";
import { systemClock } from "../clock.ts";
import { type Env, readWebhookSecret } from "../config/secrets.ts";
import { LISTEN, type Listen, toListen } from "../config/units.ts";
import { LOG_LEVELS, newLog } from "../log.ts";
import { SetupError } from "../ports.ts";
import { relayServer } from "../relay/server.ts";
import { startWebListener } from "../web/listener.ts";

/** `mayfly relay`: runs until it is told to end. */
export async function relay({ listen }: { listen: string }): Promise<void> {
  const { token, secrets, level } = readEnvironment(process.env);
  const address = readAddress(listen);
  const log = newLog({ level, secrets: [token, ...secrets] });
  const server = relayServer({ token, secrets, clock: systemClock, log });
  const told = Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  const web = await startWebListener({ listen: address, routes: server.routes }).catch((error: unknown) => {
    server.close();
    throw error;
  });
  log.info({ url: web.url, checksSignatures: secrets.length > 0 }, "the relay is running");
  const [signal] = await told;
  log.info({ why: signal }, "the relay is ending");
  server.close();
  await web.close();
}

function readAddress(text: string): Listen {
  const address = LISTEN.test(text) ? toListen(text) : undefined;
  if (address && address.port <= 65_535) return address;
  throw new SetupError("--listen must be an address and a port, such as 127.0.0.1:8080.");
}

function readEnvironment(env: Env) {
  return {
    token: readToken(env),
    secrets: env.RELAY_WEBHOOK_SECRET ? [readWebhookSecret(env, "RELAY_WEBHOOK_SECRET")] : [],
    level: LOG_LEVELS.find((level) => level === env.LOG_LEVEL) ?? "info",
  };
}

function readToken({ RELAY_TOKEN = "" }: Env): string {
  if (/^[\w-]{16,}$/.test(RELAY_TOKEN)) return RELAY_TOKEN;
  throw new SetupError(
    `RELAY_TOKEN ${RELAY_TOKEN === "" ? "is not set" : "cannot be used"}. Make one (openssl rand -hex 32): at least 16 letters, digits, - and _. It is the path of the relay's address, and whoever knows it can listen.`,
  );
}
