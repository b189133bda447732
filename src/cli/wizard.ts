import { resolve } from "node:path";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Logger } from "pino";
import { systemClock as clock } from "../clock.ts";
import { appFileIn, keepApp, readAppFile, tryAppFile } from "../config/app-file.ts";
import { relayFault } from "../config/relay.ts";
import type { Settings } from "../config.ts";
import { appMaking } from "../github/app-manifest.ts";
import { githubPort } from "../github/port.ts";
import { newChannel } from "../intake/channel.ts";
import type { MadeApp } from "../ports/app.ts";
import type { GitHub } from "../ports.ts";
import { startWebListener, type WebListener } from "../web/listener.ts";
import { setupRoutes } from "../web/setup/routes.ts";

const PROJECT = resolve(import.meta.dirname, "../..");
const SMEE = "https://smee.io";

export type WizardOptions = {
  settings: Settings;
  /** The relay that the environment or mayfly.yml names. */
  relayUrl: string | undefined;
  /** Mayfly begins to run when the wizard is done. */
  runsNext: boolean;
  /** The addresses by which one browser can come in, once: as mayfly.yml says, and on this machine. */
  onAddress: (url: string, local: string) => void;
  log: Logger;
};

export type Wizard = {
  /** Resolves when the person has come to the end. Who comes then is told that Mayfly is starting, until somebody else serves. */
  done: Promise<void>;
  web: WebListener;
  close(): Promise<void>;
};

/** Opens the web listener with the set-up wizard and nothing else. Throws `SetupError` if the address cannot be had. */
export async function startWizard({
  settings,
  relayUrl,
  runsNext,
  ...options
}: WizardOptions): Promise<Wizard> {
  const { catalogue, intake, publicUrl, github, operators, data } = settings;
  const { log, onAddress } = options;
  const file = appFileIn(data);
  const closing = new AbortController();
  const { promise: done, resolve: onDone } = Promise.withResolvers<void>();
  let token = "";
  let localUrl: string | undefined;
  const tell = () => {
    if (localUrl !== undefined)
      onAddress(`${publicUrl ?? localUrl}/setup?token=${token}`, `${localUrl}/setup?token=${token}`);
  };
  const pages = setupRoutes({
    ...{ catalogue, intake, publicUrl, relayUrl, relayFault, runsNext, file, clock, log, onDone },
    webUrl: github.webUrl,
    making: appMaking({ ...github, publicUrl, operators, project: PROJECT }),
    kept: readAppFile(file),
    keep: (app) => keepApp(file, app),
    tryFile: () => tryAppFile(file),
    installed: installedWith(settings, log),
    newChannel: () => newChannel(process.env.MAYFLY_SMEE ?? SMEE, clock),
    onToken: (fresh) => {
      token = fresh;
      tell();
    },
    closing: closing.signal,
  });
  const routes = new Hono<{ Bindings: HttpBindings }>().route("/", pages);
  const web = await startWebListener({ listen: settings.web, routes });
  localUrl = web.url;
  tell();
  return {
    done,
    web,
    close: async () => {
      closing.abort();
      await web.close();
    },
  };
}

/** NB: the App is known only when it is made. */
function installedWith({ github }: Settings, log: Logger) {
  let port: Pick<GitHub, "installed"> | undefined;
  return async ({ appId, privateKey }: MadeApp, signal: AbortSignal): Promise<readonly string[]> => {
    port ??= githubPort({ ...github, appId, privateKey, clock, log }).github;
    return await port.installed("all", signal);
  };
}
