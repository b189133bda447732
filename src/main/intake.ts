import { join } from "node:path";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Probot } from "probot";
import { mayflyApp, receive } from "../app.ts";
import { readRepositoryFile } from "../config/repository-file.ts";
import { findRepository } from "../core/labels.ts";
import type { World } from "../core/world.ts";
import { githubSignIn } from "../github/sign-in.ts";
import { watchDeliveries } from "../intake/delivery-log.ts";
import { closeOrphans } from "../intake/orphans.ts";
import { type Reader, startReader } from "../intake/reader.ts";
import { followRelay, type Relay } from "../intake/relay.ts";
import { followSettingsFiles, type SettingsFiles } from "../intake/settings-file.ts";
import { sweepJobs } from "../intake/sweep.ts";
import { type WebhookOptions, webhookRoutes } from "../intake/webhook.ts";
import type { RepoFiles } from "../ports/files.ts";
import type { GitHub, Ring, Standing, Store } from "../ports.ts";
import { healthRoutes } from "../web/health.ts";
import { openKey } from "../web/key.ts";
import { startWebListener, type WebListener } from "../web/listener.ts";
import { metricsRoutes } from "../web/metrics.ts";
import { pageRoutes } from "../web/pages.ts";
import type { PagesParts } from "../web/parts.ts";
import { repositoriesOf, type Site } from "./site.ts";

type IntakeParts = {
  store: Store;
  github: GitHub;
  files: RepoFiles;
  probot: Probot;
  standing: () => Standing[];
  answeredAt: () => number | undefined;
  filesOf: PagesParts["filesOf"];
  world: () => World;
};

type Intake = {
  web: WebListener;
  relay: Relay | undefined;
  rounds: Promise<unknown>;
  setAside: Reader["setAside"];
};

/** From the webhook's arrival, or from the look for what did not arrive, to the facts that Probot's handlers make of it. */
export async function startIntake(
  site: Site,
  { store, github, files, probot, ...asked }: IntakeParts,
): Promise<Intake> {
  const { config, clock, log, ring, onClose, closing: signal, meters } = site;
  const serves = (repo: string) => findRepository(repo, config.catalogue) !== undefined;
  const parts = { github, repositories: repositoriesOf(site), state: () => store.state, clock, ring, log };
  const { record, findJob } = store;
  const { world } = asked;
  const isNew = (await store.logPosition()) === undefined;
  const sweep = sweepJobs({ ...parts, record, everyMs: config.sweepMs }, signal);
  const settings = followSettings(site, { store, files });
  const sweepSoon = () => {
    sweep.soon();
    settings.soon();
  };
  const readSettings = settings.look;
  const rings = { ring, sweepSoon, readSettings };
  await probot.load(mayflyApp({ ...rings, record, findJob, github, serves, world, clock, log }));
  const reader = startReader({ store, receive: (delivery) => receive(probot, delivery), clock, log });
  onClose(reader.close);
  const { wake, setAside } = reader;
  const onFetched = meters.noteFetched;
  const deliveries = watchDeliveries({ github, store, wake, onFetched, clock, log }, signal);
  const tidied = Promise.all([sweep.first, deliveries.first]).then(
    () => closeOrphans({ ...parts, isNew }, signal).ended,
  );
  const rounds = Promise.allSettled([sweep.ended, settings.ended, deliveries.ended, tidied]);
  const taking = { secrets: config.github.webhookSecrets, keep: store.keep, wake, clock, log };
  const relay = startRelay(site, taking, deliveries.soon);
  const web = await startWeb(site, { ...asked, store, github, taking, relay, setAside });
  return { web, relay, rounds, setAside };
}

function followSettings(
  { config, clock, log, ring, closing }: Site,
  { store, files }: Pick<IntakeParts, "store" | "files">,
): SettingsFiles {
  const { catalogue, sweepMs: everyMs } = config;
  const { record } = store;
  const state = () => store.state;
  const parse = readRepositoryFile;
  return followSettingsFiles({ files, catalogue, state, record, parse, everyMs, clock, ring, log }, closing);
}

function startRelay(
  { config: { relayUrl: url, intake }, onClose }: Site,
  taking: WebhookOptions,
  lookSoon: Ring,
): Relay | undefined {
  if (url === undefined || intake === "poll") return undefined;
  const relay = followRelay({ ...taking, url, lookSoon });
  onClose(relay.close);
  return relay;
}

type WebParts = Omit<IntakeParts, "probot" | "files"> &
  Pick<Intake, "relay" | "setAside"> & { taking: WebhookOptions };

/** NB: who polls takes no webhooks; the rest of the web listener is for people and for Prometheus. */
async function startWeb(site: Site, { taking, ...parts }: WebParts): Promise<WebListener> {
  const { config, onClose } = site;
  const asked = { ...site, ...parts, relay: parts.relay?.health };
  const routes = new Hono<{ Bindings: HttpBindings }>();
  if (config.intake === "webhook") routes.route("/", webhookRoutes(taking));
  else routes.post("/webhook", (c) => c.text("no webhook is taken here", 404));
  routes.route("/", healthRoutes({ ...asked, sweepMs: config.sweepMs }));
  routes.route("/", metricsRoutes(asked));
  // NB: the pages answer every address, so they come last.
  routes.route("/", pageRoutes({ ...asked, ...(await signingIn(site)) }));
  const web = site.open ?? (await startWebListener({ listen: config.web, routes }));
  web.serve(routes);
  onClose(web.close);
  return web;
}

/** Who may sign in, and with what. */
async function signingIn({ config: { github, publicUrl, operators, data }, log }: Site) {
  const key = await openKey(join(data, "web.key"));
  const signIn = github.signIn && githubSignIn({ ...github, ...github.signIn, log });
  return { key, signIn, publicUrl, operators, webUrl: github.webUrl };
}
