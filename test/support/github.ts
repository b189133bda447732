import { createHmac, sign, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Octokit } from "@octokit/rest";
import type { EmulatedGitHub } from "../rig/github/server.ts";

/** Clients of the emulated GitHub for tests: the App, an installation, a runner program, and a receiver of webhooks. */

export type Jwt = { iat?: number; exp?: number; iss?: number | string; key?: string };

/** A JWT as the App makes it; times in seconds from now. */
export function jwt(github: EmulatedGitHub, { iat = -5, exp = 300, iss, key }: Jwt = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iat: now + iat, exp: now + exp, iss: iss ?? github.app.id })}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), key ?? github.app.privateKey).toString("base64url")}`;
}

/** The App itself. */
export const appClient = (github: EmulatedGitHub, options: Jwt = {}): Octokit =>
  new Octokit({ baseUrl: github.apiUrl, auth: jwt(github, options), log: quiet });

/** The App on the account of a repository, with a fresh token. */
export async function installationClient(github: EmulatedGitHub, repo: string): Promise<Octokit> {
  const app = appClient(github);
  const { data: installation } = await app.rest.apps.getRepoInstallation(named(repo));
  const { data } = await app.rest.apps.createInstallationAccessToken({ installation_id: installation.id });
  return new Octokit({ baseUrl: github.apiUrl, auth: data.token, log: quiet });
}

/** `owner/name` as the two parameters of the API. */
export function named(repo: string): { owner: string; repo: string } {
  const [owner = "", name = ""] = repo.split("/");
  return { owner, repo: name };
}

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** The status an API call fails with. Throws if it succeeds, or fails in another way. */
export async function refusal(call: Promise<unknown>): Promise<{ status: number; message: string }> {
  const error: unknown = await call.then(
    () => new Error("it was not refused"),
    (reason: unknown) => reason,
  );
  if (error instanceof Error && "status" in error)
    return { status: Number(error.status), message: error.message };
  throw error;
}

export type RunnerProgram = {
  name: string;
  call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response>;
  openSession(version?: string): Promise<Response>;
  /** Waits for a job, for so many seconds. */
  message(seconds: number): Promise<Response>;
  /** Takes a job and ends it. */
  runOneJob(result?: "Succeeded" | "Failed" | "Canceled"): Promise<number>;
};

/** Registers a just-in-time runner, and answers its program, which has not connected yet. */
export async function jitRunner(
  octokit: Octokit,
  repo: string,
  order: { name: string; labels: string[] },
): Promise<RunnerProgram & { id: number }> {
  const { data } = await octokit.rest.actions.generateRunnerJitconfigForRepo({
    ...named(repo),
    ...order,
    runner_group_id: 1,
  });
  return { id: data.runner.id, ...runnerProgram(data.encoded_jit_config) };
}

/** A runner program that was given this just-in-time configuration. It speaks the protocol of the rig's job service. */
export function runnerProgram(encodedJitConfig: string): RunnerProgram {
  const files = unbase64(encodedJitConfig);
  const settings = unbase64(String(files[".runner"]));
  const { ClientId } = unbase64(String(files[".credentials"])).Data as { ClientId: string };
  return runnerWith(String(settings.ServerUrl), ClientId, String(settings.AgentName));
}

/** A runner program that has registered itself. */
export function runnerWith(serverUrl: string, clientId: string, name: string): RunnerProgram {
  const call = (method: string, path: string, body?: unknown, signal?: AbortSignal) =>
    fetch(`${serverUrl}${path}`, {
      method,
      signal: signal ?? null,
      headers: { authorization: `Bearer ${clientId}` },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  const message = (seconds: number) => call("GET", `/message?wait=${seconds}`);
  return {
    name,
    call,
    message,
    openSession: (version = "2.337.0") => call("POST", "/session", { agentName: name, version }),
    async runOneJob(result = "Succeeded") {
      const { jobId } = (await (await message(10)).json()) as { jobId: number };
      await call("POST", `/jobs/${jobId}/complete`, { result });
      return jobId;
    },
  };
}

const unbase64 = (text: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(text, "base64").toString());

export type ReceivedWebhook = {
  event: string;
  action: string;
  guid: string;
  signed: boolean;
  payload: Record<string, unknown>;
};

export type WebhookReceiver = {
  webhook: { url: string; secret: string };
  received: ReceivedWebhook[];
  /** What it answers from now on; a function that never resolves is a receiver that hangs. */
  answer: (status: number) => void;
  hang(): void;
  close(): Promise<void>;
};

/** Receives webhooks, checks their signature over the raw bytes, and keeps them. */
export async function webhookReceiver(): Promise<WebhookReceiver> {
  const secret = "a secret for tests";
  const received: ReceivedWebhook[] = [];
  let status: number | "hang" = 202;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const header = (name: string) => String(request.headers[name] ?? "");
    const expected = Buffer.from(`sha256=${createHmac("sha256", secret).update(body).digest("hex")}`);
    const given = Buffer.from(header("x-hub-signature-256"));
    const payload = JSON.parse(body.toString());
    received.push({
      event: header("x-github-event"),
      action: payload.action,
      guid: header("x-github-delivery"),
      signed: given.length === expected.length && timingSafeEqual(given, expected),
      payload,
    });
    if (status !== "hang") response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    webhook: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, secret },
    received,
    answer(next) {
      status = next;
    },
    hang() {
      status = "hang";
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
