import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { stringify } from "yaml";
import type { BuiltBox } from "./box/build-box.ts";
import { type EmulatedGitHub, type GitHubOptions, startGitHub } from "./github/server.ts";
import { issuedSecrets } from "./github/world.ts";
import { type SiteRelay, startSiteRelay } from "./relay/site-relay.ts";
import {
  addressesForVms,
  catalogue,
  LOOPBACK,
  repositoriesOf,
  SITE_LABELS,
  SITE_REPO,
  type SiteCloud,
} from "./site-catalogue.ts";
import { leftoversOf } from "./site-leftovers.ts";

export { SITE_LABELS, SITE_REPO } from "./site-catalogue.ts";

/** What a site is made with. */
export type SiteOptions = {
  driver: "fake" | "vagrant" | "openstack";
  /** Everything the site writes. A site on the folder of an earlier one goes on where that one ended. */
  folder: string;
  controller: string;
  /** How it hears of jobs: by webhooks, if not said otherwise. Who only asks has no webhook, and no secret of one. */
  intake?: "webhook" | "poll" | undefined;
  /** Most VMs at a time. */
  machines?: number | undefined;
  /** The box of the VMs; needed for `vagrant`. */
  box?: BuiltBox | undefined;
  /** Where the VMs are servers; needed for `openstack`. */
  cloud?: SiteCloud | undefined;
  /** libvirt's storage pool for their disks, if not `default`. */
  storage?: string | undefined;
  /** Whom it serves, if not SITE_REPO alone. */
  repositories?: readonly string[] | undefined;
  /** Laid over the image of mayfly.yml. */
  image?: Record<string, unknown> | undefined;
  /** Laid over mayfly.yml. */
  settings?: Record<string, unknown> | undefined;
  /** GitHub's waiting times, shortened. */
  times?: GitHubOptions["times"];
  /** Laid over the environment of the controller. */
  env?: Record<string, string> | undefined;
  /** Webhooks go through a relay, and no other way. */
  relay?: boolean | undefined;
  /** There is no App yet: the controller has one made first, and logs where. Nothing is installed, and no webhook is sent. */
  isNew?: boolean | undefined;
  /** Secondary limits of the emulated GitHub. */
  limits?: GitHubOptions["limits"];
  /** Each line that the controller logs. */
  onLog?: ((entry: LogEntry) => void) | undefined;
  /** The controller ended without being told to, and is started again. */
  onDeath?: (() => void) | undefined;
};

export type LogEntry = Record<string, unknown> & { msg?: string; time?: number };

/** An emulated GitHub and a real Mayfly that serves it, as a process of its own. */
export type Site = {
  github: EmulatedGitHub;
  /** Where the option asked for one. */
  relay: SiteRelay | undefined;
  /** Base address of the pages. */
  web: string;
  repo: string;
  repositories: readonly string[];
  labels: readonly string[];
  config: string;
  data: string;
  /** Process id of the controller that runs now. */
  pid: () => number;
  /** As the power plug would: SIGKILL. It is started again. */
  kill: () => void;
  /** Tells it to end, as an operator does. It is started again. */
  end: () => void;
  /** From now on a controller that ends stays down. Answers how to have one started again. */
  holdDown: () => () => void;
  /** A command of the CLI against this site; resolves to what it printed. Rejects if it fails. */
  mayfly: (...args: string[]) => Promise<string>;
  /** Names of what the site's machines have left: VMs, disks, folders, processes. */
  leftovers: () => Promise<string[]>;
  /** All that must never be seen in a log, an argument or a file. */
  secrets: () => string[];
  close: () => Promise<void>;
};

const PROJECT = resolve(import.meta.dirname, "../..");
/** What a controller logs when it runs, or waits for its App. */
const READY = /^Mayfly is running|^there is no GitHub App yet/;
/** How long a controller that was told to stop may take. */
const STOP_MS = 60_000;

const run = promisify(execFile);

export async function startSite(options: SiteOptions): Promise<Site> {
  const { folder } = options;
  const { host, listen } = addressesForVms(options);
  const runnerHost = listen === LOOPBACK ? undefined : listen;
  const data = join(folder, "data");
  const config = join(folder, "mayfly.yml");
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const [webPort, guestPort] = [await freePort(), await freePort()];
  const webhookSecret = randomBytes(24).toString("hex");
  const relay = options.relay ? await startSiteRelay() : undefined;
  const webhook = { url: relay?.url ?? `http://127.0.0.1:${webPort}/webhook`, secret: webhookSecret };
  const isPolling = options.intake === "poll";
  const { limits, times } = options;
  const web = `http://127.0.0.1:${webPort}`;
  const callbacks = [`${web}/sign-in/callback`];
  const github = await startGitHub({
    runnerHost,
    limits,
    times,
    callbacks,
    webhook: isPolling || options.isNew ? undefined : webhook,
  });
  for (const name of repositoriesOf(options)) {
    github.addRepository(name, { private: true, installed: !options.isNew });
  }
  await writeFile(
    config,
    stringify(
      catalogue(options, { host, listen, webPort, guestPort, data, apiUrl: github.apiUrl, url: github.url }),
    ),
  );
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: process.env.HOME ?? "/root",
    NODE_ENV: "production",
    ...(!options.isNew && {
      ...appIn(github),
      ...(isPolling ? {} : { WEBHOOK_SECRET: webhookSecret }),
      ...(relay && { RELAY_URL: relay.url }),
    }),
    ...(options.cloud && { OS_CLIENT_CONFIG_FILE: options.cloud.file }),
  };
  const leftovers = await leftoversOf(options, data);
  const log = join(folder, "mayfly.log");
  const controller = keepRunning({ ...options, config, env: { ...env, ...options.env }, log });
  const closeOthers = async () => {
    await github.close();
    await relay?.close();
  };
  await controller.ready.catch(async (error: unknown) => {
    await closeOthers();
    throw error;
  });
  return {
    github,
    relay,
    web,
    repo: SITE_REPO,
    repositories: repositoriesOf(options),
    labels: SITE_LABELS,
    config,
    data,
    pid: controller.pid,
    kill: () => controller.signal("SIGKILL"),
    end: () => controller.signal("SIGTERM"),
    holdDown: controller.holdDown,
    mayfly: async (...args) =>
      (await run(process.execPath, [CLI, "--config", config, ...args], { env, cwd: PROJECT })).stdout,
    leftovers,
    secrets: () => [github.app.privateKey, webhookSecret, ...(relay ? [relay.token] : []), ...issuedSecrets],
    close: async () => {
      await controller.stop();
      await closeOthers();
    },
  };
}

const appIn = ({ app }: EmulatedGitHub) => ({
  APP_ID: String(app.id),
  PRIVATE_KEY: app.privateKey,
  CLIENT_ID: app.clientId,
  CLIENT_SECRET: app.clientSecret,
});

const CLI = join(PROJECT, "src/cli.ts");

type Keeper = {
  ready: Promise<void>;
  pid: () => number;
  signal: (signal: NodeJS.Signals) => void;
  holdDown: () => () => void;
  stop: () => Promise<void>;
};

type KeeperParts = {
  config: string;
  env: NodeJS.ProcessEnv;
  log: string;
  onLog?: ((entry: LogEntry) => void) | undefined;
  onDeath?: (() => void) | undefined;
};

/** Runs the controller, and starts it again whenever it ends before `stop`, as systemd would. */
function keepRunning({ config, env, log, onLog, onDeath }: KeeperParts): Keeper {
  const file = createWriteStream(log, { flags: "a", mode: 0o600 });
  const said: string[] = [];
  let isStopping = false;
  let isHeldDown = false;
  let isDown = false;
  let child = spawnController();
  let ended = untilExit(child);
  let resolveReady = () => {};
  let rejectReady = (_error: Error) => {};
  const ready = new Promise<void>((resolveIt, reject) => {
    resolveReady = resolveIt;
    rejectReady = reject;
  });

  function spawnController(): ChildProcess {
    // NB: with a site that is killed its controller ends too. See: setpriv(1), prctl(2), PR_SET_PDEATHSIG.
    const controller = [process.execPath, CLI, "--config", config, "start"];
    const started = spawn("setpriv", ["--pdeathsig", "TERM", ...controller], {
      env,
      cwd: PROJECT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    readLines(started, (line) => {
      file.write(`${line}\n`);
      const entry = parseEntry(line);
      if (!entry) return void said.push(line);
      if (READY.test(entry.msg ?? "")) resolveReady();
      onLog?.(entry);
    });
    started.once("exit", (code) => {
      if (isStopping) return;
      // Exit code 2: the set-up is wrong, and will be wrong the next time too.
      if (code === 2) return rejectReady(new Error(`Mayfly did not start:\n${said.join("\n")}`));
      isDown = true;
      onDeath?.();
      startAgain();
    });
    return started;
  }

  function startAgain(): void {
    if (!isDown || isHeldDown || isStopping) return;
    isDown = false;
    child = spawnController();
    ended = untilExit(child);
  }

  return {
    ready,
    pid: () => child.pid ?? 0,
    signal: (signal) => void child.kill(signal),
    holdDown: () => {
      isHeldDown = true;
      return () => {
        isHeldDown = false;
        startAgain();
      };
    },
    stop: async () => {
      isStopping = true;
      const hard = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
      clearTimeout(hard);
      file.end();
    },
  };
}

const untilExit = (child: ChildProcess): Promise<void> =>
  new Promise((done) => {
    child.once("exit", () => done());
    child.once("error", () => done());
  });

function readLines(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on("line", onLine);
  }
}

function parseEntry(line: string): LogEntry | undefined {
  if (!line.startsWith("{")) return undefined;
  const entry: unknown = JSON.parse(line);
  return typeof entry === "object" && entry !== null ? { ...entry } : undefined;
}

/** NB: between this answer and its use another process might take the port; nothing else on a test machine does. */
function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once("error", fail);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === "object" && address ? done(address.port) : fail(new Error("no port")),
      );
    });
  });
}
