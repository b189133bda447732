import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export type StubJob = { script: string; env?: Record<string, string> | undefined };

/** The least of a job service that the stand-in runner can talk to: one runner, one job. The whole one is in test/rig/github. */
export type JobService = {
  url: string;
  /** The just-in-time configuration, as GitHub would make it for the runner. */
  jit: string;
  /** What is worth hiding in it. */
  clientId: string;
  registrationToken: string;
  /** Hands a job to the runner, now or when it asks. */
  give(job: StubJob): void;
  cancel(): void;
  /** Status that the next session is answered with. */
  sessionStatus: number;
  /** How often the runner has asked for a job. */
  messages(): number;
  /** The job's output so far. */
  output(): string;
  /** The last registration that was asked for with a token. */
  registered(): unknown;
  result: Promise<string>;
  close(): Promise<void>;
};

export async function startJobService(name: string): Promise<JobService> {
  const clientId = "client-id-that-nobody-may-see";
  const registrationToken = "registration-token-that-nobody-may-see";
  const given = Promise.withResolvers<StubJob>();
  const result = Promise.withResolvers<string>();
  const closing = new AbortController();
  let output = "";
  let cancelled = false;
  let messages = 0;
  let registered: unknown;

  const answer = async (incoming: IncomingMessage, body: string): Promise<[number, unknown?]> => {
    const call = `${incoming.method} ${incoming.url?.replace("/_runner", "").replace(/\?.*/, "")}`;
    if (call === "POST /register") {
      registered = JSON.parse(body);
      return [200, { agentId: 1, clientId, serverUrl: `${url}/_runner` }];
    }
    if (incoming.headers.authorization !== `Bearer ${clientId}`) return [401];
    switch (call) {
      case "POST /session":
        return [service.sessionStatus, { sessionId: "1" }];
      case "GET /message": {
        messages += 1;
        const job = await Promise.race([given.promise, once(closing.signal, "abort").then(() => undefined)]);
        if (!job) return [404];
        const details = { jobId: 1, runId: 2, runAttempt: 1, repository: "octo/spinw", jobName: "build" };
        return [200, { ...details, headSha: "0".repeat(40), script: job.script, env: job.env ?? {} }];
      }
      case "POST /jobs/1/log":
        output += body;
        return [204];
      case "GET /jobs/1/state":
        return [200, { cancelled }];
      case "POST /jobs/1/complete":
        result.resolve(JSON.parse(body).result);
        return [204];
      case "DELETE /session":
        return [204];
      default:
        return [400];
    }
  };

  const server = createServer(async (incoming, outgoing) => {
    const [status, content] = await answer(incoming, await text(incoming));
    outgoing.writeHead(status).end(content === undefined ? "" : JSON.stringify(content));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const service: JobService = {
    url,
    jit: jitConfiguration(url, name, clientId),
    clientId,
    registrationToken,
    give: given.resolve,
    cancel: () => {
      cancelled = true;
    },
    sessionStatus: 200,
    messages: () => messages,
    output: () => output,
    registered: () => registered,
    result: result.promise,
    close: async () => {
      closing.abort();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return service;
}

function jitConfiguration(url: string, name: string, clientId: string): string {
  const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64");
  return base64({
    ".runner": base64({
      AgentId: 1,
      AgentName: name,
      PoolId: 1,
      ServerUrl: `${url}/_runner`,
      GitHubUrl: `${url}/octo/spinw`,
      WorkFolder: "_work",
      Ephemeral: true,
    }),
    ".credentials": base64({ Scheme: "OAuth", Data: { ClientId: clientId } }),
    ".credentials_rsaparams": base64({ d: "private-number-that-nobody-may-see" }),
  });
}
