import type { Logger } from "pino";
import type { ApplicationFunction, Probot } from "probot";
import { approveJob } from "./control/approve.ts";
import { SETTINGS_FILE } from "./core/name.ts";
import type { JobSeen, RepoName } from "./core/types.ts";
import type { World } from "./core/world.ts";
import { mayChange, movedDefaultBranch } from "./github/pushes.ts";
import { type Click, clickFromWebhook, jobFromWebhook, repositoryOf } from "./github/webhooks.ts";
import type { Clock, Delivery, GitHub, Ring, Store } from "./ports.ts";

/** For what a click on a check run takes of GitHub. */
const CLICK_MS = 30_000;

export type AppOptions = {
  record: Store["record"];
  findJob: Store["findJob"];
  ring: Ring;
  /** Asks for a look at where the App is installed, and at the open jobs. */
  sweepSoon: Ring;
  /** Has a look at the repository's settings file, and rejects if there could be none. */
  readSettings: (repo: RepoName) => Promise<void>;
  github: Pick<GitHub, "job" | "run" | "rerunJob" | "rerunRun" | "mayWrite">;
  /** Is the repository in the catalogue? All others are ignored. */
  serves: (repo: RepoName) => boolean;
  world: () => World;
  clock: Clock;
  log: Logger;
};

/**
 * The Probot app: which events, and which facts they become. A webhook is a hint: nothing depends on one coming, coming once or coming
 * in order, and every handler may run twice for the same webhook.
 */
export function mayflyApp(options: AppOptions): ApplicationFunction {
  const { record, findJob, ring, sweepSoon, readSettings, github, serves, world, clock, log } = options;
  return (app) => {
    app.on("workflow_job", async ({ payload }) => {
      if (serves(repositoryOf(payload))) await see(jobFromWebhook(payload));
    });

    // "Retry", "Approve" and "Re-run" on one of our check runs.
    app.on(["check_run.rerequested", "check_run.requested_action"], async ({ payload }) => {
      const click = clickFromWebhook(payload);
      if (!click || !serves(click.repo)) return;
      await answer(click);
      sweepSoon();
    });

    // What GitHub refused us before it may allow now, and the other way round: the sweep finds out.
    app.on(["installation", "installation_repositories"], ({ payload }) => {
      log.info({ installation: payload.installation.id, action: payload.action }, "installation changed");
      sweepSoon();
      ring();
    });

    // A push is the earliest sign of jobs to come, so a pass looks whether all is in order.
    app.on("push", async ({ payload }) => {
      const repo = repositoryOf(payload);
      if (!serves(repo)) return;
      ring();
      if (mayChange(payload, SETTINGS_FILE)) await readSettings(repo);
    });

    app.on("repository.edited", async ({ payload }) => {
      const repo = repositoryOf(payload);
      if (serves(repo) && movedDefaultBranch(payload)) await readSettings(repo);
    });
  };

  /** NB: who may see a button is GitHub's page's affair; who may use it is ours. */
  async function answer({ repo, job: id, by, wants }: Click): Promise<void> {
    const signal = AbortSignal.timeout(CLICK_MS);
    const about = { repo, job: id, by };
    if (wants !== "look" && !(await github.mayWrite(repo, by, signal)))
      return log.warn(about, `${wants} refused: this person may not write to the repository`);
    const job = await github.job(repo, id, signal);
    if (job === "gone") return log.info(about, "the job to look at anew is gone");
    await see(job);
    if (wants === "hold-next") return holdNext(job, by);
    if (wants === "approve") {
      const parts = { store: { record, findJob }, github, clock, log, ring, world };
      await approveJob({ job, by }, parts, signal);
      return;
    }
    if (wants === "look" || job.conclusion === "success") return;
    if (job.status === "done")
      log.info({ ...about, rerun: await github.rerunJob(repo, id, signal) }, "retry");
    else await retry(id, by);
  }

  /** It waits still: it was given up, and gets its tries anew. */
  async function retry(job: number, by: string): Promise<void> {
    await record([{ kind: "job-retried", at: clock.now(), job, by }]);
    log.info({ job, by }, "retry");
    ring();
  }

  /** NB: what is held is a machine like the one that failed, whichever job it is made for. */
  async function holdNext({ id: job, repo }: JobSeen, by: string): Promise<void> {
    const failure = (await findJob(job))?.failure;
    if (!failure) return log.info({ repo, job, by }, "nothing to hold: no machine of this job has failed");
    const { image } = failure;
    await record([{ kind: "hold-asked", at: clock.now(), job, repo, image, by }]);
    log.info({ repo, job, image, by }, "the next machine that fails will be held");
    ring();
  }

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
