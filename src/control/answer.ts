import { curesFor } from "../core/cures.ts";
import { explainJob, explainLimit } from "../core/explain.ts";
import { ALL, type Fact } from "../core/facts.ts";
import { storiesOf } from "../core/plan.ts";
import type { Job, JobSeen } from "../core/types.ts";
import { WHY_WORDS } from "../core/words.ts";
import type { World } from "../core/world.ts";
import type { Standing, Store } from "../ports.ts";
import { closedJobs } from "./history.ts";

/** The answer to "why is my job not running?", and what has happened so far. */
export type WhyAnswer = {
  job: Pick<JobSeen, "id" | "repo" | "name" | "url" | "labels">;
  sentences: string[];
  history: { at: number; text: string }[];
};

/** Below so many calls Mayfly writes fewer check runs, and reads less. See: src/github/budget.ts. */
const FEW_CALLS = 1000;

/** Explains a job that is open, or one that was. Undefined: nothing is known of it. */
export function answerWhy(
  id: number,
  world: World,
  history: readonly Fact[],
  standing: readonly Standing[],
): WhyAnswer | undefined {
  const told = history.map((fact) => ({ at: fact.at, text: factWords(fact) }));
  const open = world.state.jobs.get(id);
  if (open) {
    const story = storiesOf(world)(open);
    const sentences = [
      ...explainJob(open, story, world.catalogue, world.now),
      ...curesFor(open, story, world.catalogue),
      ...explainLimit(open, story, world),
      ...explainBudget(open, standing, world.now),
    ];
    return { job: pick(open), sentences, history: told };
  }
  const last = history.findLast((fact) => fact.kind === "job-seen");
  return last && { job: pick(last.job), sentences: [overWords(last.job)], history: told };
}

type RunParts = {
  store: Pick<Store, "history" | "closedJobs">;
  world: () => World;
  standing: () => readonly Standing[];
};

/** How long a run may lie back. NB: each of its closed jobs has to be looked for. */
const LOOK_BACK_MS = 7 * 24 * 3_600_000;

/** Explains each job of the newest attempt of a run that is known. */
export async function answerWhyRun(run: number, { store, world, standing }: RunParts): Promise<WhyAnswer[]> {
  const ofRun = new Map(Array.from(world().state.jobs).filter(([, { runId }]) => runId === run));
  for await (const job of closedJobs(store, { since: world().now - LOOK_BACK_MS })) {
    if (job.runId === run) ofRun.set(job.id, job);
  }
  const newest = Math.max(...Array.from(ofRun.values(), ({ attempt }) => attempt));
  const answers: WhyAnswer[] = [];
  for (const { id, attempt } of Array.from(ofRun.values()).toSorted((a, b) => a.id - b.id)) {
    const answer = attempt === newest && answerWhy(id, world(), await store.history({ job: id }), standing());
    if (answer) answers.push(answer);
  }
  return answers;
}

function explainBudget(job: Job, standing: readonly Standing[], now: number): string[] {
  const calls = standing.find(({ installation }) => installation === job.installation)?.calls;
  if (!calls || calls.left >= FEW_CALLS || calls.resetAt <= now) return [];
  const time = new Date(calls.resetAt).toISOString().slice(11, 19);
  return [
    `GitHub allows only ${calls.left} more calls for this installation until ${time} (UTC), so what its check run says may be late. The job itself does not wait for that.`,
  ];
}

const pick = ({ id, repo, name, url, labels }: JobSeen): WhyAnswer["job"] => ({
  id,
  repo,
  name,
  url,
  labels,
});

function overWords({ conclusion, ranOn }: JobSeen): string {
  const end = `It is over: ${conclusion ?? "unknown"}`;
  return ranOn === undefined ? `${end}. No machine ran it.` : `${end}. It ran on ${ranOn}.`;
}

/** A fact in words. */
export function factWords(fact: Fact): string {
  switch (fact.kind) {
    case "job-seen":
      return jobWords(fact.job);
    case "job-given-up":
      return `the job was given up. ${fact.cause}`;
    case "job-retried":
      return `${fact.by} asked for the job to be tried again`;
    case "run-cancelled":
      return `GitHub was asked to cancel the job's run${fact.isForced ? " by force" : ""}`;
    case "run-seen":
      return `its run ${fact.run.id} was looked up: ${fact.run.event}, from ${fact.run.head ?? "a repository that is gone"}`;
    case "run-approved":
      return `${fact.by} let attempt ${fact.attempt} of its run ${fact.run} run, at commit ${fact.sha}`;
    case "job-closed":
      return "the job's story was closed";
    case "check-published":
      return `its check run says ${fact.digest}`;
    case "machine-created":
      return `machine ${fact.machine} was wanted on ${fact.host}`;
    case "machine-adopted":
      return `machine ${fact.machine} was found and adopted`;
    case "machine-started":
      return `the VM ${fact.machine} was ordered`;
    case "vm-up":
      return `the VM ${fact.machine} is running`;
    case "guest-asked":
      return `the guest asked for work (runner ${fact.runnerVersion})`;
    case "machine-configured":
      return "the guest was given its registration";
    case "guest-stage":
      return `the guest: ${fact.stage}${fact.text === "" ? "" : ` (${fact.text})`}`;
    case "guest-working":
      return "the guest's runner began a job";
    case "guest-ended":
      return `the guest's runner ended with ${fact.outcome.exitCode}`;
    case "guest-log":
      return "the guest sent its log";
    case "machine-retired":
      return `machine ${fact.machine} was retired. ${fact.by === undefined ? WHY_WORDS[fact.why] : `${fact.by} had it destroyed.`}`;
    case "vm-destroyed":
      return `the VM ${fact.machine} was destroyed`;
    case "machine-forgotten":
      return `machine ${fact.machine} is over`;
    case "host-drained":
      return `host ${fact.host} was ${fact.drained ? "drained" : "opened again"}${byWords(fact)}`;
    case "machine-held":
      return `${fact.by} had the VM kept until ${new Date(fact.until).toISOString().slice(11, 19)}`;
    case "orders-paused":
      return `${fact.repo === ALL ? "all repositories were" : `${fact.repo} was`} ${fact.paused ? "paused" : "resumed"}${byWords(fact)}`;
    case "repository-access":
      return `the App was ${fact.granted ? "installed on" : "removed from, or suspended on,"} ${fact.repo}`;
    case "settings-saved":
      return `${fact.by} changed the settings of ${fact.repo}`;
    case "settings-file":
      return `the settings file of ${fact.repo} ${settingsFileWords(fact)}`;
    case "github-limited":
      return `GitHub refuses calls until ${new Date(fact.until).toISOString()}`;
  }
}

function settingsFileWords({ sha, settings, faults }: Extract<Fact, { kind: "settings-file" }>): string {
  if (faults) return `has faults since commit ${sha.slice(0, 7)}, so it is not in force`;
  return settings ? `is in force as of commit ${sha.slice(0, 7)}` : "is gone";
}

const byWords = ({ by }: { by?: string | undefined }): string => (by === undefined ? "" : ` by ${by}`);

function jobWords({ status, conclusion, ranOn }: JobSeen): string {
  switch (status) {
    case "waiting":
      return "GitHub holds the job back";
    case "queued":
      return "the job is queued";
    case "running":
      return `the job runs on ${ranOn ?? "a runner"}`;
    case "done":
      return `the job is done: ${conclusion ?? "unknown"}`;
  }
}
