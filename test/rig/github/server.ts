import { generateKeyPairSync } from "node:crypto";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { requestAction, rerequestCheckRun } from "./checks.ts";
import type { Faults } from "./faults.ts";
import { approveJob, cancelJob, queueRun, type RunOrder, rerun } from "./jobs.ts";
import { jobService } from "./jobservice.ts";
import type { Call, CheckRun, Delivery, Job, Permissions, Run, Runner, Times } from "./model.ts";
import { jobsOf } from "./payloads/actions.ts";
import { addRepository, type RepositorySettings, repoNamed, suspend, uninstall } from "./population.ts";
import { restApi } from "./rest/server.ts";
import { runnersOf } from "./runners.ts";
import { redeliver } from "./webhooks.ts";
import { createWorld, describe, newSecret, until, type World } from "./world.ts";

export type GitHubOptions = {
  /** Default 127.0.0.1. */
  host?: string | undefined;
  /** Default: any free one. */
  port?: number | undefined;
  /** Base address that runners are told, if they reach the emulator by another way. */
  publicUrl?: string | undefined;
  webhook?: { url: string; secret: string } | undefined;
  /** Default: id 123456 with a new key, and the permissions of app.yml. */
  app?: { id: number; privateKey: string; permissions?: Permissions | undefined } | undefined;
  /** GitHub's waiting times, shortened. */
  times?: Partial<Times> | undefined;
  /** Seed of everything that is left to chance. */
  seed?: number | undefined;
  minimumRunnerVersion?: string | undefined;
  /** Calls an installation may make in an hour. */
  hourlyLimit?: number | undefined;
};

export type QueuedRun = { runId: number; headSha: string; jobs: number[] };

export type EmulatedGitHub = {
  /** Base address of the pages. */
  url: string;
  /** Base address of the REST API, for Octokit's `baseUrl`. */
  apiUrl: string;
  app: { id: number; privateKey: string; webhookSecret: string };
  /** Where webhooks go from now on; none: nowhere, and none is made. */
  setWebhook(webhook: { url: string; secret: string } | undefined): void;
  addRepository(name: string, settings?: RepositorySettings): void;
  addCollaborator(repo: string, login: string, permission: "admin" | "write" | "read"): void;
  uninstall(repo: string): void;
  suspend(repo: string, suspended: boolean): void;
  /** Queues the jobs of a run, with a `workflow_job` webhook each. */
  queueRun(repo: string, order: RunOrder): QueuedRun;
  /** A waiting job ends at once; one that runs is asked to end. */
  cancelJob(jobId: number): void;
  cancelRun(runId: number): void;
  /** Approves the environment a job waits for. */
  approveJob(jobId: number): void;
  /** Runs one job of a run again; answers its new id. */
  rerunJob(jobId: number): number;
  /** Clicks a button of a completed check run. */
  requestAction(checkRunId: number, identifier: string, sender?: string): void;
  rerequestCheckRun(checkRunId: number, sender?: string): void;
  /** Sends a delivery again, as a person does on the App's page. */
  redeliver(deliveryId: number): void;
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
  /** What did not fit GitHub's own description. Tests assert that it stays empty. */
  violations: readonly string[];
  faults: Faults;
  /** For what this interface does not offer. */
  world: World;
  close(): Promise<void>;
};

/** Starts an emulated GitHub with nothing in it. See: ./README.md for what it copies of GitHub, and from where it is known. */
export async function startGitHub(options: GitHubOptions = {}): Promise<EmulatedGitHub> {
  const world = createWorld({ ...options, app: appOf(options) });
  const host = options.host ?? "127.0.0.1";
  const site = new Hono();
  site.route("/api/v3", restApi(world));
  site.route("/_runner", jobService(world));
  const { port, stop } = await listen(site, host, options.port ?? 0);
  world.url = `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`;
  world.apiUrl = `${world.url}/api/v3`;
  world.publicUrl = options.publicUrl ?? world.url;
  world.webhook = options.webhook;
  return {
    url: world.url,
    apiUrl: world.apiUrl,
    app: {
      id: world.app.id,
      privateKey: world.app.privateKey,
      webhookSecret: options.webhook?.secret ?? newSecret(""),
    },
    ...controls(world),
    ...views(world),
    async close() {
      world.closing.abort();
      for (const timer of world.timers) clearTimeout(timer);
      for (const runner of world.runners.values()) runner.wake?.();
      await stop();
    },
  };
}

function controls(world: World) {
  return {
    setWebhook(webhook: World["webhook"]) {
      world.webhook = webhook;
    },
    addRepository(name: string, settings?: RepositorySettings) {
      addRepository(world, name, settings);
    },
    addCollaborator(repo: string, login: string, permission: "admin" | "write" | "read") {
      repoNamed(world, repo).collaborators.set(login, permission);
    },
    uninstall: (repo: string) => uninstall(world, repoNamed(world, repo)),
    suspend: (repo: string, suspended: boolean) => suspend(world, repoNamed(world, repo), suspended),
    queueRun(repo: string, order: RunOrder): QueuedRun {
      const run = queueRun(world, repo, order);
      return { runId: run.id, headSha: run.headSha, jobs: jobsOf(world, run).map((job) => job.id) };
    },
    cancelJob: (id: number) => cancelJob(world, known(world.jobs, id)),
    cancelRun(id: number) {
      for (const job of jobsOf(world, known(world.runs, id))) cancelJob(world, job);
    },
    approveJob: (id: number) => approveJob(world, known(world.jobs, id)),
    rerunJob(id: number): number {
      const [fresh] = rerun(world, known(world.jobs, id).run, (job) => job.id === id);
      if (!fresh) throw new Error(`job ${id} is not part of its run's newest attempt`);
      return fresh.id;
    },
    requestAction: (id: number, identifier: string, sender?: string) =>
      requestAction(world, known(world.checkRuns, id), identifier, sender),
    rerequestCheckRun: (id: number, sender?: string) =>
      rerequestCheckRun(world, known(world.checkRuns, id), sender),
    redeliver(id: number) {
      const delivery = world.deliveries.find((one) => one.id === id);
      if (!delivery) throw new Error(`there is no delivery ${id}`);
      redeliver(world, delivery);
    },
  };
}

function views(world: World) {
  return {
    job: (id: number): Job => known<Job>(world.jobs, id),
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
    violations: world.violations,
    faults: world.faults,
    world,
  };
}

function known<T extends Run | Job | CheckRun>(things: Map<number, T>, id: number): T {
  const thing = things.get(id);
  if (!thing) throw new Error(`GitHub has nothing with the id ${id}`);
  return thing;
}

/** See: app.yml, the App's manifest. */
const PERMISSIONS: Permissions = {
  administration: "write",
  checks: "write",
  actions: "read",
  contents: "read",
  metadata: "read",
};

function appOf({ app }: GitHubOptions): World["app"] {
  return {
    id: app?.id ?? 123_456,
    slug: "mayfly",
    privateKey: app?.privateKey ?? ownKey(),
    permissions: app?.permissions ?? PERMISSIONS,
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
