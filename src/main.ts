import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import type { Logger } from "pino";
import { actor } from "./act.ts";
import { SYSTEM_TIME, steadyClock, withLimit } from "./clock.ts";
import type { Config } from "./config.ts";
import { startControl } from "./control.ts";
import { imagesOn } from "./core/labels.ts";
import { machineName } from "./core/name.ts";
import { DRIVERS } from "./drivers/index.ts";
import { type Evidence, evidence, fileReader } from "./evidence.ts";
import type { LimitParts } from "./github/octokit.ts";
import { githubPort } from "./github/port.ts";
import { openAuthority } from "./guest/authority.ts";
import { type GuestListener, startGuestListener } from "./guest/listener.ts";
import { startIntake } from "./main/intake.ts";
import { repositoriesOf, type Site } from "./main/site.ts";
import { observer } from "./observe.ts";
import type { Clock, Driver, GitHub, Store } from "./ports.ts";
import { type Reconciler, reconciler } from "./reconcile.ts";
import { openStore, type StoreOptions } from "./store/sqlite.ts";
import { changesOf } from "./web/changes.ts";
import { newSigns } from "./web/health.ts";
import type { WebListener } from "./web/listener.ts";
import { newMeters } from "./web/meters.ts";

/** Mayfly, running. */
export type Mayfly = {
  /** Where the web listener and the guest listener are. */
  webUrl: string;
  guestUrl: string;
  /** Settles when the passes have ended: after `close`, or by itself when one could not be written down (then it rejects). */
  ended: Promise<void>;
  /** Takes no more work, gives effects under way a while to end, leaves VMs as they are. */
  close(): Promise<void>;
};

/** Mayfly's own folder, which holds `vagrant/` and `guest/`. */
const PROJECT = resolve(import.meta.dirname, "..");
const PRUNE_MS = 3_600_000;
const DAY_MS = 24 * PRUNE_MS;
/** For effects under way, when Mayfly ends. */
const GRACE_MS = 30_000;

/**
 * Puts everything together and starts it: the only place where the abstract meets the concrete.
 * `open`: a web listener that is open already, and serves Mayfly's own routes from then on.
 * Throws `SetupError` when an address, the store or a key cannot be had.
 */
export async function startMayfly(
  config: Config,
  log: Logger,
  clock = clockOf(log),
  open?: WebListener,
): Promise<Mayfly> {
  const opened: (() => unknown)[] = [];
  const closing = new AbortController();
  const close = async () => {
    closing.abort();
    for (const end of opened.splice(0).toReversed()) await end();
  };
  // NB: everything rings, and the ring that is rung is made from all of them.
  let rings: Reconciler | undefined;
  const site: Site = {
    config,
    clock,
    log,
    ring: () => rings?.ring(),
    onClose: (end) => void opened.push(end),
    closing: closing.signal,
    changes: changesOf(clock),
    meters: newMeters(config.catalogue),
    signs: newSigns(clock),
    open,
  };
  try {
    const store = await openStore({
      file: join(config.data, "mayfly.sqlite"),
      ...naming(site),
      now: clock.now,
      log,
      ...storeWatch(site),
    });
    site.onClose(store.close);
    const { listener, ca } = await startGuests(site, store);
    const { publicUrl } = config;
    const port = githubPort({ ...config.github, ...limitParts(site, store), publicUrl, log });
    const { github, standing } = port;
    const kept = evidence(join(config.data, "evidence"));
    const drivers = makeDrivers(site);
    rings = makeRing(site, { store, github, guests: listener.guests, ca, kept, drivers });
    const filesOf = fileReader({ drivers, kept, clock });
    const parts = { ...port, store, filesOf, world: rings.world };
    const { web, relay, rounds, setAside } = await startIntake(site, parts);
    const path = join(config.data, "control.sock");
    const asked = { relay: relay?.health, standing, setAside };
    const historyMs = config.historyDays * DAY_MS;
    const told = { path, store, github, filesOf, historyMs };
    const control = await startControl({ ...told, ...asked, ...site, ...rings });
    site.onClose(control.close);
    pruneOldThings(site, store, kept);
    const ended = rings.run(closing.signal);
    site.onClose(() => withinGrace(Promise.allSettled([rounds, ended]), site, rings));
    log.info({ ...naming(site), web: web.url, guests: listener.url }, "Mayfly is running");
    return { webUrl: web.url, guestUrl: listener.url, ended, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const clockOf = (log: Logger): Clock =>
  steadyClock({
    ...SYSTEM_TIME,
    onStep: (stepMs) =>
      log.warn(
        `the machine's clock was stepped by ${Math.round(stepMs / 1000)} s; time limits go on as before`,
      ),
  });

/** NB: what does not end by then is cut off, which does no more harm than a crash: the next start does it again. */
async function withinGrace(
  ended: Promise<unknown>,
  { clock, log }: Site,
  rings: Reconciler | undefined,
): Promise<void> {
  const limited = withLimit(clock, GRACE_MS, () => ended);
  await limited.catch(() => log.warn({ step: rings?.underWay() }, "cut off, since it did not end in time"));
}

const naming = ({ config }: Site) => ({ controller: config.catalogue.controller });

/** What the store tells to those who watch. NB: a number that cannot be counted must not keep a fact from being folded. */
function storeWatch({ meters, signs, changes, log }: Site): Pick<StoreOptions, "onFact" | "onCommit"> {
  return {
    onFact: (fact, before) => {
      try {
        meters.noteFact(fact, before);
      } catch (err) {
        log.error({ err }, "a fact could not be counted in the metrics");
      }
    },
    onCommit: (tookMs, failure) => {
      signs.noteCommit(failure);
      if (failure === undefined) meters.noteCommit(tookMs);
      changes.note();
    },
  };
}

/** The guest listener, under the certificate authority that the seeds name. */
async function startGuests(site: Site, store: Store): Promise<{ listener: GuestListener; ca: string }> {
  const { config, clock, log, ring, onClose } = site;
  const hosts = config.catalogue.hosts.map(({ guestUrl }) => new URL(guestUrl).hostname);
  const tls = await openAuthority(join(config.data, "authority"), hosts, clock.now());
  const state = () => store.state;
  const listener = await startGuestListener({
    listen: config.guests,
    tls,
    state,
    record: store.record,
    ring,
    clock,
    log,
  });
  onClose(listener.close);
  return { listener, ca: tls.ca };
}

/** GitHub's limits are kept: a restart in the middle of one must not provoke the next. */
function limitParts({ clock, log, ring }: Site, { state, record }: Store): LimitParts {
  const limits = Array.from(state.limited).filter(([, { until }]) => until > clock.now());
  return {
    clock,
    limitedUntil: new Map(limits.map(([installation, { until }]) => [installation, until])),
    onLimited: (installation, until) => {
      const at = clock.now();
      log.warn({ installation, until: new Date(until).toISOString() }, "GitHub limits our calls");
      record([{ kind: "github-limited", at, installation, until }])
        .then(ring)
        .catch((err: unknown) => log.error({ err }, "that GitHub limits our calls could not be written"));
    },
  };
}

type RingParts = {
  store: Store;
  github: GitHub;
  guests: GuestListener["guests"];
  ca: string;
  kept: Evidence;
  drivers: ReadonlyMap<string, Driver>;
};

/** Observe, plan, act. */
function makeRing(site: Site, { kept, ...parts }: RingParts): Reconciler {
  const { config, clock, log, ring, signs, meters } = site;
  const { catalogue, patience, publicUrl } = config;
  const shared = { ...parts, catalogue, publicUrl, clock, log };
  const watch = observer({ ...shared, ...naming(site), repositories: repositoriesOf(site), ring });
  const act = actor({ ...shared, observer: watch, keepEvidence: kept.keep });
  const newName = (image: string) => machineName(catalogue.controller, image, randomBytes(8));
  const onPass = (tookMs: number) => {
    signs.notePass();
    meters.notePass(tookMs);
  };
  return reconciler({ ...shared, patience, observer: watch, act, newName, onPass });
}

function makeDrivers({ config, clock, log, ring, onClose }: Site): Map<string, Driver> {
  const { catalogue, data } = config;
  const drivers = new Map<string, Driver>();
  for (const host of catalogue.hosts) {
    const driver = DRIVERS[host.driver]({
      host,
      images: imagesOn(host, catalogue),
      controller: catalogue.controller,
      folder: join(data, "hosts", host.name),
      log: log.child({ driver: host.driver, host: host.name }),
      ring,
      project: PROJECT,
      runnerMirror: process.env.MAYFLY_RUNNER_MIRROR,
      clock,
    });
    drivers.set(host.name, driver);
    onClose(driver.close);
  }
  return drivers;
}

/** Evidence and history are kept for the set number of days. */
function pruneOldThings({ config, clock, log, onClose }: Site, store: Store, kept: Evidence): void {
  const prune = () => {
    const facts = clock.now() - config.evidenceDays * DAY_MS;
    const rows = clock.now() - config.historyDays * DAY_MS;
    Promise.all([kept.prune(facts), store.prune({ facts, rows })]).catch((err: unknown) =>
      log.error({ err }, "what is old could not be deleted"),
    );
  };
  prune();
  const timer = setInterval(prune, PRUNE_MS);
  onClose(() => clearInterval(timer));
}
