import { curesFor } from "../core/cures.ts";
import { explainJob, explainLimit } from "../core/explain.ts";
import { ALL, type Fact } from "../core/facts.ts";
import { holdWords } from "../core/holds.ts";
import { matchLabels } from "../core/labels.ts";
import { likelyWaits, likelyWords, usualBoots } from "../core/likely.ts";
import { storiesOf } from "../core/plan.ts";
import type { Story } from "../core/story.ts";
import { titleOf } from "../core/title.ts";
import type { Job, JobSeen, Machine } from "../core/types.ts";
import { WHY_WORDS } from "../core/words.ts";
import type { World } from "../core/world.ts";
import type { Standing, Store } from "../ports.ts";
import { closedJobs } from "./history.ts";

/** The answer to "why is my job not running?", and what has happened so far. `title`: as on its check run. */
export type WhyAnswer = {
  job: Pick<JobSeen, "id" | "repo" | "name" | "url" | "labels">;
  title: string;
  sentences: string[];
  history: { at: number; text: string }[];
};

export type WhyParts = {
  store: Pick<Store, "history" | "findJob" | "findMachine" | "lately">;
  world: () => World;
  standing: () => readonly Standing[];
};

/** Below so many calls Mayfly writes fewer check runs, and reads less. See: src/github/budget.ts. */
const FEW_CALLS = 1000;
/** Enough machines to know what is usual. */
const REMEMBERED = 200;

/** Explains a job that is open, or one that was. Undefined: nothing is known of it. */
export async function answerWhy(id: number, parts: WhyParts): Promise<WhyAnswer | undefined> {
  const history = await parts.store.history({ job: id });
  const told = history.map((fact) => ({ at: fact.at, text: factWords(fact) }));
  const world = parts.world();
  const open = world.state.jobs.get(id);
  const past = await usualMachines(parts.store, world);
  if (open) return { ...explainOpen(open, { world, past, standing: parts.standing() }), history: told };
  const closed = await parts.store.findJob(id);
  const last = history.findLast((fact) => fact.kind === "job-seen")?.job;
  if (closed) return { ...(await explainClosed(closed, last, world, parts)), history: told };
  return last && { job: pick(last), title: overWords(last), sentences: [overWords(last)], history: told };
}

/** Those that tell what is usual. */
export async function usualMachines({ lately }: Pick<Store, "lately">, { state }: World): Promise<Machine[]> {
  return [...(await lately(REMEMBERED)).machines, ...state.machines.values()];
}

type Explained = Omit<WhyAnswer, "history">;
type OpenParts = { world: World; past: readonly Machine[]; standing: readonly Standing[] };

function explainOpen(job: Job, { world, past, standing }: OpenParts): Explained {
  const story = storiesOf(world)(job);
  const sentences = [
    ...explainJob(job, story, world.catalogue, world.now),
    ...explainLikely(job, story, past, world),
    ...curesFor(job, story, world.catalogue),
    ...holdWords(job, story.machine, world),
    ...explainLimit(job, story, world),
    ...explainBudget(job, standing, world.now),
  ];
  return { job: pick(job), title: titleOf(job, story, { ...world, boots: usualBoots(past) }), sentences };
}

/** NB: what was told last may be newer than the row, which was closed before. */
async function explainClosed(
  job: Job,
  last: JobSeen | undefined,
  world: World,
  { store }: WhyParts,
): Promise<Explained> {
  const machine = job.ranOn === undefined ? undefined : await store.findMachine(job.ranOn);
  const story = { ...storiesOf(world)(job), machine };
  const sentences = [overWords(last ?? job), ...holdWords(job, machine, world)];
  return { job: pick(job), title: titleOf(job, story, { ...world, boots: new Map() }), sentences };
}

function explainLikely(job: Job, story: Story, past: readonly Machine[], world: World): string[] {
  const { image } = matchLabels(job.labels, job.repo, world.catalogue);
  const likelyMs = image && likelyWaits(past, world)({ repo: job.repo, image: image.name }, story);
  return likelyMs === undefined ? [] : [`Likely wait: ${likelyWords(likelyMs)}.`];
}

/** How long a run may lie back. NB: each of its closed jobs has to be looked for. */
const LOOK_BACK_MS = 7 * 24 * 3_600_000;

/** Explains each job of the newest attempt of a run that is known. */
export async function answerWhyRun(
  run: number,
  parts: WhyParts & { store: Pick<Store, "closedJobs"> },
): Promise<WhyAnswer[]> {
  const { store, world } = parts;
  const ofRun = new Map(Array.from(world().state.jobs).filter(([, { runId }]) => runId === run));
  for await (const job of closedJobs(store, { since: world().now - LOOK_BACK_MS })) {
    if (job.runId === run) ofRun.set(job.id, job);
  }
  const newest = Math.max(...Array.from(ofRun.values(), ({ attempt }) => attempt));
  const answers: WhyAnswer[] = [];
  for (const { id, attempt } of Array.from(ofRun.values()).toSorted((a, b) => a.id - b.id)) {
    const answer = attempt === newest && (await answerWhy(id, parts));
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
    case "job-admitted":
      return "the rule for forks lets it run, and no change of the rule ends it any more";
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
    case "hold-asked":
      return `${fact.by} asked for the next machine of the image ${fact.image} that fails to be held`;
    case "orders-paused":
      return `${fact.repo === ALL ? "all repositories were" : `${fact.repo} was`} ${fact.paused ? "paused" : "resumed"}${byWords(fact)}`;
    case "repository-access":
      return `the App was ${fact.granted ? "installed on" : "removed from, or suspended on,"} ${fact.repo}`;
    case "settings-saved":
      return `${fact.by} changed the settings of ${fact.repo}`;
    case "settings-file":
      return `the settings file of ${fact.repo} ${settingsFileWords(fact)}`;
    case "trial-ended":
      return fact.verdict === "promoted"
        ? `the candidate ${fact.cloudImage} became the current cloud image of ${fact.family} on ${fact.host}`
        : `the candidate ${fact.cloudImage} of ${fact.family} on ${fact.host} failed, and is not tried any more`;
    case "trial-forgotten":
      return `the trial of ${fact.cloudImage} on ${fact.host} is over, since it was put away`;
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
