import { type Context, Hono } from "hono";
import { z } from "zod";
import { handOut } from "./handout.ts";
import { beginJob, completeJob } from "./jobs.ts";
import type { Conclusion, Job, Runner } from "./model.ts";
import { findRepo } from "./population.ts";
import { closeSession, hear, openSession, registerRunner, removeRunner } from "./runners.ts";
import { changed, later, newSecret, noteSecret, type World } from "./world.ts";

/**
 * What the stand-in runner talks to, in place of GitHub's private job service. The words on the wire are this project's own;
 * what the calls mean (session, long poll, hand-over, conflict, too old) follows the runner as seen from outside.
 * See: README.md, here, for the protocol; actions/runner's exit codes and its 50 s poll for the meaning.
 */
export function jobService(world: World): Hono {
  const service = new Hono();
  service.post("/register", (c) => register(world, c));
  service.post("/session", (c) => asRunner(world, c, (runner) => startSession(world, c, runner)));
  service.delete("/session", (c) =>
    asRunner(world, c, (runner) => {
      closeSession(world, runner);
      return c.body(null, 204);
    }),
  );
  service.get("/message", (c) => asRunner(world, c, (runner) => nextMessage(world, c, runner)));
  service.post("/jobs/:id/log", (c) =>
    withJob(world, c, async (job) => {
      job.log += await c.req.text();
      changed(world);
      return c.body(null, 204);
    }),
  );
  service.get("/jobs/:id/state", (c) => withJob(world, c, (job) => c.json({ cancelled: mustStop(job) })));
  service.post("/jobs/:id/complete", (c) =>
    withJob(world, c, (job, runner) => finish(world, c, job, runner)),
  );
  return service;
}

type JitOrder = { runner: Runner; workFolder: string };

/**
 * The just-in-time configuration: a map of the runner's own settings files, each in base64. It is a secret.
 * See: actions/runner, the option `--jitconfig`, for the file names.
 */
export function jitConfiguration(world: World, { runner, workFolder }: JitOrder): string {
  const files = {
    ".runner": {
      AgentId: runner.id,
      AgentName: runner.name,
      PoolId: 1,
      ServerUrl: `${world.publicUrl}/_runner`,
      GitHubUrl: `${world.publicUrl}/${runner.repo.fullName}`,
      WorkFolder: workFolder,
      Ephemeral: runner.ephemeral,
    },
    ".credentials": {
      Scheme: "OAuth",
      Data: { ClientId: runner.clientId, AuthorizationUrl: `${world.publicUrl}/_runner/token` },
    },
    ".credentials_rsaparams": { exponent: "AQAB", modulus: newSecret("rsa_") },
  };
  const encoded = Object.entries(files).map(([name, content]) => [name, base64(JSON.stringify(content))]);
  return noteSecret(base64(JSON.stringify(Object.fromEntries(encoded))));
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const Registration = z.object({
  url: z.url(),
  token: z.string(),
  name: z.string().min(1),
  labels: z.array(z.string()),
  ephemeral: z.boolean(),
});

async function register(world: World, c: Context): Promise<Response> {
  const order = Registration.safeParse(await c.req.json());
  if (!order.success) return c.json({ message: z.prettifyError(order.error) }, 400);
  const { url, token, ...runnerOrder } = order.data;
  const granted = world.registrationTokens.get(token);
  const repo = findRepo(world, new URL(url).pathname.slice(1));
  if (!granted || granted.repo !== repo || granted.expiresAt < Date.now()) {
    return c.json({ message: "the registration token is not valid" }, 401);
  }
  const runner = registerRunner(world, repo, runnerOrder);
  if (runner === "taken") return c.json({ message: `a runner named ${order.data.name} exists` }, 409);
  return c.json({ agentId: runner.id, clientId: runner.clientId, serverUrl: `${world.publicUrl}/_runner` });
}

type Answer = Response | Promise<Response>;

/** Lets in who knows the client id of a registered runner, and notes that it is alive. */
async function asRunner(world: World, c: Context, answer: (runner: Runner) => Answer): Promise<Response> {
  const clientId = c.req.header("authorization")?.replace(/^Bearer /, "") ?? "";
  const runner = [...world.runners.values()].find((one) => one.clientId === clientId);
  if (!runner) return asStranger(world, c, clientId);
  const silent = hear(world, runner);
  try {
    return await answer(runner);
  } finally {
    silent();
  }
}

/** NB: a runner that was removed is told so when it listens, and is refused a session; a ghost is left to listen. */
async function asStranger(world: World, c: Context, clientId: string): Promise<Response> {
  const listens = c.req.path.endsWith("/message");
  if (listens && world.ghosts.has(clientId)) {
    await new Promise<void>((resolve) => later(world, pollMs(c), resolve));
    return c.body(null, 202);
  }
  return c.json({ message: "the registration has been deleted" }, listens ? 404 : 401);
}

function withJob(world: World, c: Context, answer: (job: Job, runner: Runner) => Answer): Promise<Response> {
  return asRunner(world, c, (runner) => {
    const job = world.jobs.get(Number(c.req.param("id")));
    if (job?.runner?.id !== runner.id) return c.json({ message: "this job is not yours" }, 404);
    return answer(job, runner);
  });
}

const SessionOrder = z.object({ agentName: z.string(), version: z.string() });

async function startSession(world: World, c: Context, runner: Runner): Promise<Response> {
  const order = SessionOrder.safeParse(await c.req.json());
  if (!order.success) return c.json({ message: z.prettifyError(order.error) }, 400);
  const { version } = order.data;
  // See: actions/runner, exit code 7; GitHub has refused runners below 2.329.0 since September 2026 (community discussion 194762).
  if (isOlder(version, world.minimumRunnerVersion)) {
    return c.json({ message: `runner ${version} is too old; ${world.minimumRunnerVersion} is needed` }, 426);
  }
  const sessionId = openSession(world, runner, version);
  if (sessionId === "taken") return c.json({ message: "another session of this runner is open" }, 409);
  return c.json({ sessionId });
}

function isOlder(version: string, minimum: string): boolean {
  return version.localeCompare(minimum, "en", { numeric: true }) < 0;
}

const LONGEST_POLL_SECONDS = 50;

const pollMs = (c: Context): number =>
  Math.min(Number(c.req.query("wait") ?? LONGEST_POLL_SECONDS), LONGEST_POLL_SECONDS) * 1000;

/** Hands the offered job over as soon as there is one. */
async function nextMessage(world: World, c: Context, runner: Runner): Promise<Response> {
  if (!runner.session) return c.json({ message: "open a session first" }, 401);
  if (runner.missedOffer) asksAgain(world, runner);
  if (!runner.job) await anOffer(world, runner, { ms: pollMs(c), signal: c.req.raw.signal });
  if (!world.runners.has(runner.id)) return asStranger(world, c, runner.clientId);
  const { job } = runner;
  if (job?.status !== "queued" || c.req.raw.signal.aborted) return c.body(null, 202);
  beginJob(world, job);
  return c.json(message(job));
}

/** It missed an offer and is back. */
function asksAgain(world: World, runner: Runner): void {
  runner.missedOffer = false;
  handOut(world);
}

/** Resolves when the runner is woken, the time is over, or the caller has hung up. */
function anOffer(world: World, runner: Runner, wait: { ms: number; signal: AbortSignal }): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      if (runner.wake === end) runner.wake = undefined;
      resolve();
    };
    const timer = setTimeout(end, wait.ms);
    runner.wake = end;
    wait.signal.addEventListener("abort", end, { once: true });
    changed(world);
  });
}

const message = (job: Job) => ({
  jobId: job.id,
  runId: job.run.id,
  runAttempt: job.attempt,
  repository: job.run.repo.fullName,
  jobName: job.name,
  headSha: job.run.headSha,
  script: job.script,
  env: job.env,
});

const CONCLUSIONS: Record<"Succeeded" | "Failed" | "Canceled", Conclusion> = {
  Succeeded: "success",
  Failed: "failure",
  Canceled: "cancelled",
};

const Completion = z.object({ result: z.enum(["Succeeded", "Failed", "Canceled"]) });

async function finish(world: World, c: Context, job: Job, runner: Runner): Promise<Response> {
  const order = Completion.safeParse(await c.req.json());
  if (!order.success) return c.json({ message: z.prettifyError(order.error) }, 400);
  completeJob(world, job, CONCLUSIONS[order.data.result]);
  if (runner.ephemeral) removeRunner(world, runner);
  return c.json({});
}

const mustStop = (job: Job): boolean => job.cancelRequested || job.status === "completed";
