import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { signed } from "../support/webhook.ts";

/** What the bench asks of its second process: a webhook for each job, from so many senders, each waiting `gapMs` after an answer. */
export type Order = { url: string; jobs: number[]; senders: number; gapMs: number };
/** One webhook: when it was sent and answered, in epoch milliseconds with fractions. */
export type Sent = { job: number; sentAt: number; answeredAt: number; status: number };

const epoch = () => performance.timeOrigin + performance.now();

/** GitHub's part, in a process of its own. */
process.on("message", async ({ url, jobs, senders, gapMs }: Order) => {
  const agent = new Agent({ keepAlive: true, maxSockets: senders });
  const waiting = jobs.map((job) => {
    const body = webhookOf(job);
    return { job, body, headers: { ...signed(body), "content-length": Buffer.byteLength(body) } };
  });
  const sent: Sent[] = [];
  const sendAll = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const sentAt = epoch();
      const post = request(url, { method: "POST", agent, headers: next.headers }).end(next.body);
      const [answer]: IncomingMessage[] = await once(post, "response");
      await once(answer?.resume() ?? post, "end");
      sent.push({ job: next.job, sentAt, answeredAt: epoch(), status: answer?.statusCode ?? 0 });
      if (gapMs > 0) await sleep(gapMs);
    }
  };
  await Promise.all(Array.from({ length: senders }, sendAll));
  agent.destroy();
  process.send?.(sent);
});

/** A webhook of the usual size, about 8 KiB. */
function webhookOf(job: number): string {
  const at = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  return JSON.stringify({
    action: "queued",
    workflow_job: {
      id: job,
      run_id: job,
      run_attempt: 1,
      name: `test (${job})`,
      workflow_name: "CI",
      labels: ["self-hosted", "bench"],
      head_sha: "0123456789abcdef0123456789abcdef01234567",
      html_url: `https://github.com/bench/bench/actions/runs/1/job/${job}`,
      status: "queued",
      conclusion: null,
      created_at: at,
      started_at: at,
      completed_at: null,
      runner_name: null,
      steps: [],
    },
    repository: { id: 1, full_name: "bench/bench", description: "x".repeat(7_000) },
    installation: { id: 1 },
  });
}
