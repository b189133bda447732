import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { adminApi } from "./admin.ts";
import { type Controls, controls, found } from "./controls.ts";
import type { Faults } from "./faults.ts";
import { jobService } from "./jobservice.ts";
import type {
  Call,
  CheckRun,
  Delivery,
  Job,
  LimitRefusal,
  Limits,
  Permissions,
  Runner,
  Times,
} from "./model.ts";
import { pages } from "./pages/routes.ts";
import { repoNamed } from "./population.ts";
import { REAL_LIMITS } from "./rest/limits.ts";
import { restApi } from "./rest/server.ts";
import { runnersOf } from "./runners.ts";
import { createWorld, describe, newSecret, until, type World } from "./world.ts";

export type GitHubOptions = {
  /** Default 127.0.0.1. */
  host?: string | undefined;
  /** Default: any free one. */
  port?: number | undefined;
  /** Base address that runners are told, if they reach the emulator by another way. */
  publicUrl?: string | undefined;
  /** A second address to listen on, at the same port: the one that runners are told, unless `publicUrl` says another. */
  runnerHost?: string | undefined;
  webhook?: { url: string; secret: string } | undefined;
  /** Default: id 123456 with a new key. */
  app?: { id: number; privateKey: string } | undefined;
  /** Where browsers that sign in may be sent back to. Default: nowhere. */
  callbacks?: string[] | undefined;
  /** What the App is granted. Default: what app.yml asks for. */
  permissions?: Permissions | undefined;
  /** GitHub's waiting times, shortened. */
  times?: Partial<Times> | undefined;
  /** Seed of everything that is left to chance. */
  seed?: number | undefined;
  minimumRunnerVersion?: string | undefined;
  /** Calls an installation may make in an hour. */
  hourlyLimit?: number | undefined;
  /** Secondary limits: GitHub's own, or changed. Default: none, so that no test needs to think of them. */
  limits?: "real" | Partial<Limits> | undefined;
};

/** A running emulated GitHub: verbs to make things happen, and views of what is. */
export type EmulatedGitHub = Controls & {
  /** Base address of the pages. */
  url: string;
  /** Base address of the REST API, for Octokit's `baseUrl`. */
  apiUrl: string;
  app: { id: number; privateKey: string; webhookSecret: string; clientId: string; clientSecret: string };
  job(id: number): Job;
  jobs(repo: string): Job[];
  runners(repo: string): Runner[];
  /** The App's check runs on a commit; on all commits if none is given. */
  checkRuns(repo: string, headSha?: string): CheckRun[];
  deliveries(): readonly Delivery[];
  /** Resolves when a change makes the predicate true; rejects after the time, with the state in the message. */
  until(predicate: () => boolean, timeoutMs: number): Promise<void>;
  /** The state in a few lines. */
  describe(): string;
  /** Every call of the REST API, oldest first. */
  calls: readonly Call[];
  /** Every call that a secondary limit refused, oldest first. */
  limited: readonly LimitRefusal[];
  /** What did not fit GitHub's own description. Tests assert that it stays empty. */
  violations: readonly string[];
  faults: Faults;
  /** For what this interface does not offer. */
  world: World;
  close(): Promise<void>;
};

/** Starts an emulated GitHub with nothing in it. See: ./README.md for what it copies of GitHub, and from where it is known. */
export async function startGitHub(options: GitHubOptions = {}): Promise<EmulatedGitHub> {
  const world = createWorld({ ...options, app: appOf(options), limits: limitsOf(options) });
  const host = options.host ?? "127.0.0.1";
  const site = new Hono();
  site.route("/api/v3", restApi(world));
  site.route("/_runner", jobService(world));
  site.route("/_admin", adminApi(world));
  site.route("/", pages(world));
  const { port, stop } = await listen(site, host, options.port ?? 0);
  const second = options.runnerHost === undefined ? undefined : await listen(site, options.runnerHost, port);
  world.url = `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`;
  world.apiUrl = `${world.url}/api/v3`;
  world.publicUrl = options.publicUrl ?? (second ? `http://${options.runnerHost}:${port}` : world.url);
  world.webhook = options.webhook;
  return {
    url: world.url,
    apiUrl: world.apiUrl,
    app: {
      id: world.app.id,
      privateKey: world.app.privateKey,
      webhookSecret: options.webhook?.secret ?? newSecret(""),
      clientId: world.app.clientId,
      clientSecret: world.app.clientSecret,
    },
    ...controls(world),
    ...views(world),
    async close() {
      for (const webhook of world.onTheirWay) webhook.abort();
      for (const timer of world.timers) clearTimeout(timer);
      for (const runner of world.runners.values()) runner.wake?.();
      await Promise.all([stop(), second?.stop()]);
    },
  };
}

function views(world: World) {
  return {
    job: (id: number): Job => found(world.jobs, id),
    jobs: (repo: string): Job[] =>
      [...world.jobs.values()].filter((job) => job.run.repo === repoNamed(world, repo)),
    runners: (repo: string): Runner[] => runnersOf(world, repoNamed(world, repo)),
    checkRuns: (repo: string, headSha?: string): CheckRun[] =>
      [...world.checkRuns.values()].filter(
        (check) =>
          check.repo === repoNamed(world, repo) && (headSha === undefined || check.headSha === headSha),
      ),
    deliveries: (): readonly Delivery[] => world.deliveries,
    until: (predicate: () => boolean, timeoutMs: number) => until(world, predicate, timeoutMs),
    describe: () => describe(world),
    calls: world.calls,
    limited: world.limited,
    violations: world.violations,
    faults: world.faults,
    world,
  };
}

function limitsOf({ limits }: GitHubOptions): Limits | undefined {
  return limits && { ...REAL_LIMITS, ...(limits === "real" ? {} : limits) };
}

/** See: app.yml, the App's manifest. */
const PERMISSIONS: Permissions = {
  administration: "write",
  checks: "write",
  actions: "write",
  contents: "read",
  metadata: "read",
  members: "read",
};

function appOf({ app, permissions, callbacks = [] }: GitHubOptions): World["app"] {
  return {
    id: app?.id ?? 123_456,
    slug: "mayfly",
    name: "Mayfly",
    owner: { id: 90_000_000, login: "mayfly-operators", kind: "Organization" },
    events: ["check_run", "push", "repository", "workflow_job"],
    privateKey: app?.privateKey ?? ownKey(),
    permissions: permissions ?? PERMISSIONS,
    clientId: `Iv23${randomBytes(8).toString("hex")}`,
    clientSecret: newSecret(""),
    callbacks,
  };
}

/** One key for a process: making one takes a tenth of a second. */
function ownKey(): string {
  key ??= generateKeyPairSync("rsa", { modulusLength: 2048 })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();
  return key;
}

let key: string | undefined;

async function listen(
  site: Hono,
  host: string,
  port: number,
): Promise<{ port: number; stop: () => Promise<void> }> {
  const server = serve({ fetch: site.fetch, hostname: host, port });
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", reject);
  });
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      if ("closeAllConnections" in server) server.closeAllConnections();
    });
  return { port: (server.address() as AddressInfo).port, stop };
}
