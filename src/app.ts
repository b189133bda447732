import type { Logger } from "pino";
import type { ApplicationFunction, Probot } from "probot";
import type { JobSeen, RepoName } from "./core/types.ts";
import { jobFromWebhook, jobOfCheckRun, repositoryOf } from "./github/webhooks.ts";
import type { Clock, Delivery, GitHub, Ring, Store } from "./ports.ts";

const LOOK_UP_MS = 30_000;

export type AppOptions = {
  record: Store["record"];
  ring: Ring;
  /** Asks for a look at where the App is installed, and at the open jobs. */
  sweepSoon: Ring;
  /** Looks one job up at GitHub. */
  lookUp: GitHub["job"];
  /** Is the repository in the catalogue? All others are ignored. */
  serves: (repo: RepoName) => boolean;
  clock: Clock;
  log: Logger;
};

/**
 * The Probot app: which events, and which facts they become. A webhook is a hint: nothing depends on one coming, coming once or coming
 * in order, and every handler may run twice for the same webhook.
 */
export function mayflyApp(options: AppOptions): ApplicationFunction {
  const { record, ring, sweepSoon, lookUp, serves, clock, log } = options;
  return (app) => {
    app.on("workflow_job", async ({ payload }) => {
      if (serves(repositoryOf(payload))) await see(jobFromWebhook(payload));
    });

    // The "re-run" button of one of our check runs: somebody doubts what it says, so the job is looked at anew.
    app.on("check_run.rerequested", async ({ payload }) => {
      const repo = repositoryOf(payload);
      const id = jobOfCheckRun(payload);
      if (!serves(repo) || id === undefined) return;
      const job = await lookUp(repo, id, AbortSignal.timeout(LOOK_UP_MS));
      if (job === "gone") log.info({ repo, job: id }, "job to look at anew is gone");
      else await see(job);
      sweepSoon();
    });

    // What GitHub refused us before it may allow now, and the other way round: the sweep finds out.
    app.on(["installation", "installation_repositories"], ({ payload }) => {
      log.info({ installation: payload.installation.id, action: payload.action }, "installation changed");
      sweepSoon();
      ring();
    });

    // What is pushed is not read in this version. A push is the earliest sign of jobs to come, so a pass looks whether all is in order.
    app.on("push", ({ payload }) => {
      if (serves(repositoryOf(payload))) ring();
    });
  };

  async function see(job: JobSeen): Promise<void> {
    await record([{ kind: "job-seen", at: clock.now(), job }]);
    log.debug({ repo: job.repo, job: job.id, status: job.status }, "job seen");
    ring();
  }
}

/** Hands a webhook that was kept to the app's handlers. Rejects if one of them does. */
export async function receive(probot: Probot, { id, event, payload }: Delivery): Promise<void> {
  // NB: the signature was verified by the intake, and each handler checks what it reads; Probot's types only promise it.
  await probot.receive({ id, name: event, payload: JSON.parse(payload) } as Parameters<Probot["receive"]>[0]);
}
