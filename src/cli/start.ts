import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Logger } from "pino";
import { channelOf } from "../config/relay.ts";
import { type Config, readConfig } from "../config.ts";
import { newLog } from "../log.ts";
import { startMayfly } from "../main.ts";
import { SetupError } from "../ports.ts";
import type { WebListener } from "../web/listener.ts";
import { needsApp, setUpFirst } from "./setup.ts";

/** Longer than what is under way may take when Mayfly ends, and shorter than script/mayfly.service waits. */
const END_MS = 45_000;
/** What was cut off may keep the process alive. */
const LINGER_MS = 1000;

const SHORTEST_CHANNEL = 8;

/** `mayfly start`: runs until it is told to end. Without an App it has one made first. */
export async function start({ config: file }: { config: string }): Promise<void> {
  const where = { file, env: process.env };
  const settings = needsApp(where);
  const open = settings && (await setUpFirst(settings, where));
  if (open === "ended") return;
  try {
    await run(readConfig(where), open);
  } finally {
    await open?.close();
  }
}

async function run(config: Config, open: WebListener | undefined): Promise<void> {
  const log = newLog({ level: config.logLevel, secrets: secretsOf(config) });
  const told = whenToldToEnd(log);
  const mayfly = await startMayfly(config, log, undefined, open);
  try {
    await Promise.race([mayfly.ended, told]);
  } finally {
    exitAfter(END_MS);
    await mayfly.close();
    exitAfter(LINGER_MS);
  }
}

/** Whatever still hangs by then. NB: the timer by itself keeps nothing alive. */
function exitAfter(ms: number): void {
  setTimeout(() => process.exit(), ms).unref();
}

/** NB: a short name of a channel may be a word that stands for other things in the log, and can be guessed anyway. */
function secretsOf({ github: { privateKey, webhookSecrets, signIn }, relayUrl }: Config): string[] {
  const channel = relayUrl === undefined ? "" : channelOf(relayUrl);
  const relay = [relayUrl ?? "", channel.length < SHORTEST_CHANNEL ? "" : channel];
  return [privateKey, ...webhookSecrets, signIn?.clientSecret ?? "", ...relay];
}

/** Resolves at the first signal. The second one does not wait for what is under way. */
function whenToldToEnd(log: Logger): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals += 1;
    if (signals > 1) process.exit(1);
    log.info({ why: signal }, "Mayfly is ending");
    resolve();
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  return promise;
}

type Demo = { runDemo: (options: { driver: "vagrant" | "fake"; stay: boolean }) => Promise<number> };

/** `mayfly demo`: answers the exit code. The demo is not part of what is installed: it comes with the emulated GitHub of the tests. */
export async function demo(options: { driver: "vagrant" | "fake"; stay?: boolean }): Promise<number> {
  const file = resolve(import.meta.dirname, "../../test/rig/demo.ts");
  if (!existsSync(file))
    throw new SetupError(`The demo needs the whole source of Mayfly: ${file} is not there.`);
  const { runDemo } = (await import(pathToFileURL(file).href)) as Demo;
  return await runDemo({ driver: options.driver, stay: options.stay ?? false });
}
