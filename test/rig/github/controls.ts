import { requestAction, rerequestCheckRun } from "./checks.ts";
import { type PushOrder, push, setDefaultBranch } from "./commits.ts";
import type { Faults } from "./faults.ts";
import { approveJob, cancelJob, queueRun, type RunOrder, rerun } from "./jobs.ts";
import { jobsOf } from "./payloads/actions.ts";
import { addRepository, type RepositorySettings, repoNamed, suspend, uninstall } from "./population.ts";
import { limitInstallation } from "./rest/limits.ts";
import { dropRunner } from "./runners.ts";
import { redeliver } from "./webhooks.ts";
import { changed, type World } from "./world.ts";

export type QueuedRun = { runId: number; headSha: string; jobs: number[] };

type FaultChange = Partial<Omit<Faults, "webhooks">> & { webhooks?: Partial<Faults["webhooks"]> };

/** What people and circumstances do at GitHub. All verbs throw an `Error` with a sentence when something is not there. */
export type Controls = {
  /** Where webhooks go from now on; null: nowhere, and none is made. */
  setWebhook(webhook: { url: string; secret: string } | null): void;
  /** Adds a repository; installs the App on it unless told not to. */
  addRepository(name: string, settings?: RepositorySettings): void;
  addCollaborator(repo: string, login: string, permission: "admin" | "write" | "read"): void;
  removeCollaborator(repo: string, login: string): void;
  /** `team`: org/team. */
  addTeamMember(team: string, login: string): void;
  removeTeamMember(team: string, login: string): void;
  /** An account that has no right anywhere. */
  addStranger(login: string): void;
  /** Pushes one commit; answers its sha. */
  push(repo: string, order: PushOrder): string;
  /** Makes a branch that is there the default one. */
  setDefaultBranch(repo: string, branch: string): void;
  uninstall(repo: string): void;
  /** Suspends the installation that the repository is part of, or lets it go on. */
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
  /** GitHub forgets a runner whose program goes on listening: a ghost. */
  dropRunner(runnerId: number): void;
  /** Refuses all calls for the repository's installation for a while, for reasons that are not told. Limits must be on. */
  limitCalls(repo: string): void;
  /** Changes the faults that are named, and leaves the others. */
  setFaults(change: FaultChange): void;
};

/** The verbs, on this world. */
export function controls(world: World): Controls {
  return {
    setWebhook(webhook) {
      world.webhook = webhook ?? undefined;
    },
    addRepository(name, settings) {
      addRepository(world, name, settings);
    },
    addCollaborator(repo, login, permission) {
      repoNamed(world, repo).collaborators.set(login, permission);
      changed(world);
    },
    removeCollaborator(repo, login) {
      repoNamed(world, repo).collaborators.delete(login);
      changed(world);
    },
    addTeamMember(team, login) {
      const key = team.toLowerCase();
      world.teams.set(key, new Set([...(world.teams.get(key) ?? []), login]));
      changed(world);
    },
    removeTeamMember(team, login) {
      world.teams.get(team.toLowerCase())?.delete(login);
      changed(world);
    },
    addStranger(login) {
      world.strangers.add(login);
      changed(world);
    },
    push: (repo, order) => push(world, repo, order).sha,
    setDefaultBranch: (repo, branch) => setDefaultBranch(world, repo, branch),
    uninstall: (repo) => uninstall(world, repoNamed(world, repo)),
    suspend: (repo, suspended) => suspend(world, repoNamed(world, repo), suspended),
    queueRun(repo, order) {
      const run = queueRun(world, repo, order);
      return { runId: run.id, headSha: run.headSha, jobs: jobsOf(world, run).map((job) => job.id) };
    },
    cancelJob: (id) => cancelJob(world, found(world.jobs, id)),
    cancelRun(id) {
      for (const job of jobsOf(world, found(world.runs, id))) cancelJob(world, job);
    },
    approveJob: (id) => approveJob(world, found(world.jobs, id)),
    rerunJob(id) {
      const [fresh] = rerun(world, found(world.jobs, id).run, (job) => job.id === id);
      if (!fresh) throw new Error(`job ${id} is not part of its run's newest attempt`);
      return fresh.id;
    },
    requestAction: (id, identifier, sender) =>
      requestAction(world, found(world.checkRuns, id), identifier, sender),
    rerequestCheckRun: (id, sender) => rerequestCheckRun(world, found(world.checkRuns, id), sender),
    redeliver(id) {
      const delivery = world.deliveries.find((one) => one.id === id);
      if (!delivery) throw new Error(`there is no delivery ${id}`);
      redeliver(world, delivery);
    },
    dropRunner: (id) => dropRunner(world, found(world.runners, id)),
    limitCalls(name) {
      const repo = repoNamed(world, name);
      const of = [...world.installations.values()].find(({ repos }) => repos.has(repo));
      if (of) limitInstallation(world, of.id, "undisclosed");
    },
    setFaults({ webhooks, ...others }) {
      Object.assign(world.faults.webhooks, webhooks);
      Object.assign(world.faults, others);
    },
  };
}

/** The thing of this id. Throws if there is none. */
export function found<T>(things: Map<number, T>, id: number): T {
  const thing = things.get(id);
  if (thing === undefined) throw new Error(`GitHub has nothing with the id ${id}`);
  return thing;
}
