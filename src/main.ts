import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import type { Logger } from "pino";
import { actor } from "./act.ts";
import { mayflyApp, receive } from "./app.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { startControl } from "./control.ts";
import { findRepository } from "./core/labels.ts";
import { machineName } from "./core/name.ts";
import type { Host } from "./core/types.ts";
import { DRIVERS } from "./drivers/index.ts";
import { evidence } from "./evidence.ts";
import { githubPort } from "./github/port.ts";
import { openAuthority } from "./guest/authority.ts";
import { startGuestListener } from "./guest/listener.ts";
import { startWebListener } from "./intake/listener.ts";
import { startReader } from "./intake/reader.ts";
import { sweepJobs } from "./intake/sweep.ts";
import { webhookRoutes } from "./intake/webhook.ts";
import { observer } from "./observe.ts";
import type { Clock, Driver, Ring } from "./ports.ts";
import { reconciler } from "./reconcile.ts";
import { openStore } from "./store/sqlite.ts";

/** Mayfly, running. */
export type Mayfly = {
  /** Where the web listener and the guest listener are. */
  webUrl: string;
  guestUrl: string;
  /** Settles when Mayfly has ended: after `close`, or by itself when a pass could not be written down (then it rejects). */
  ended: Promise<void>;
  /** Takes no more work, lets effects under way end, leaves VMs as they are. */
  close(): Promise<void>;
};

/** Mayfly's own folder, which holds `vagrant/` and `guest/`. */
const PROJECT = resolve(import.meta.dirname, "..");
const PRUNE_MS = 3_600_000;
const DAY_MS = 24 * PRUNE_MS;

/**
 * Puts everything together and starts it: the only place where the abstract meets the concrete.
 * Throws `SetupError` when an address, the store or a key cannot be had.
 */
export async function startMayfly(config: Config, log: Logger, clock: Clock = systemClock): Promise<Mayfly> {
  const { catalogue, data } = config;
  const opened: (() => Promise<void>)[] = [];
  const closing = new AbortController();
  const closeAll = async () => {
    closing.abort();
    for (const close of opened.toReversed()) await close();
  };
  let ring: Ring = () => {};
  const ringLater = () => ring();

  try {
    const store = await openStore({
      file: join(data, "mayfly.sqlite"),
      controller: catalogue.controller,
      now: clock.now,
      log,
    });
    opened.push(() => store.close());
    const hosts = catalogue.hosts.map(({ guestUrl }) => new URL(guestUrl).hostname);
    const tls = await openAuthority(join(data, "authority"), hosts, clock.now());
    const listener = await startGuestListener({
      listen: config.guests,
      tls,
      state: () => store.state,
      record: store.record,
      ring: ringLater,
      clock,
      log,
    });
    opened.push(() => listener.close());
    const { github, probot } = githubPort({ ...config.github, log, clock });
    const drivers = makeDrivers(config, log, clock, ringLater);
    opened.push(async () => void (await Promise.all([...drivers.values()].map((driver) => driver.close()))));
    const kept = evidence(join(data, "evidence"));
    const repositories = catalogue.repositories.map(({ name }) => name);
    const shared = { drivers, github, guests: listener.guests, clock, log };
    const watch = observer({ ...shared, controller: catalogue.controller, repositories, ring: ringLater });
    const act = actor({ ...shared, catalogue, store, observer: watch, ca: tls.ca, keepEvidence: kept.keep });
    const newName = (image: string) => machineName(catalogue.controller, image, randomBytes(8));
    const rings = reconciler({
      catalogue,
      patience: config.patience,
      store,
      observer: watch,
      act,
      clock,
      log,
      newName,
    });
    ring = rings.ring;

    const serves = (repo: string) => findRepository(repo, catalogue) !== undefined;
    await probot.load(mayflyApp({ record: store.record, ring, lookUp: github.job, serves, clock, log }));
    const reader = startReader({ store, receive: (delivery) => receive(probot, delivery), clock, log });
    opened.push(() => reader.close());
    const routes = webhookRoutes({
      secrets: config.github.webhookSecrets,
      keep: store.keep,
      wake: reader.wake,
      clock,
      log,
    });
    const web = await startWebListener({ listen: config.web, routes });
    opened.push(() => web.close());
    const control = await startControl({
      path: join(data, "control.sock"),
      store,
      world: rings.world,
      ring,
      clock,
      log,
    });
    opened.push(() => control.close());

    const { signal } = closing;
    const sweep = sweepJobs(
      { github, repositories, state: () => store.state, record: store.record, clock, ring, log },
      signal,
    );
    const passes = rings.run(signal);
    opened.push(async () => void (await Promise.allSettled([sweep, passes])));
    const pruning = setInterval(() => void prune(), PRUNE_MS).unref();
    opened.push(async () => clearInterval(pruning));
    const prune = async () => {
      const before = clock.now() - config.evidenceDays * DAY_MS;
      await Promise.all([kept.prune(before), store.prune(before)]).catch((err: unknown) =>
        log.error({ err }, "what is old could not be deleted"),
      );
    };
    log.info({ controller: catalogue.controller, web: web.url, guests: listener.url }, "Mayfly is running");
    return { webUrl: web.url, guestUrl: listener.url, ended: passes, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function makeDrivers(
  { catalogue, data }: Config,
  log: Logger,
  clock: Clock,
  ring: Ring,
): Map<string, Driver> {
  const make = (host: Host) =>
    DRIVERS[host.driver]({
      host,
      controller: catalogue.controller,
      folder: join(data, "hosts", host.name),
      log: log.child({ driver: host.driver, host: host.name }),
      ring,
      project: PROJECT,
      clock,
    });
  return new Map(catalogue.hosts.map((host) => [host.name, make(host)]));
}
