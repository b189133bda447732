import type { Fact, State } from "./facts.ts";
import { matchLabels } from "./labels.ts";
import { settler } from "./settings.ts";
import { FAILURES } from "./turn.ts";
import type { Catalogue, Job, JobSeen, Machine } from "./types.ts";

/** Stages that are timed. `src/web/meters.ts` says of each from when to when. */
export type Stage =
  | "queued-to-ordered"
  | "ordered-to-booted"
  | "booted-to-claimed"
  | "claimed-to-working"
  | "queued-to-running"
  | "job"
  | "destroy";

/** What is counted. */
export type Counted =
  | "machine-created"
  | "machine-adopted"
  | "machine-failed"
  | "job-done"
  | "job-given-up"
  | "check-run-written";

/** A number for those who watch Mayfly from outside. NB: each label has few values, and none that somebody outside may choose. */
export type Measure = { labels: Readonly<Record<string, string>> } & (
  | { stage: Stage; ms: number }
  | { counted: Counted }
);

/** An image that is not in the catalogue (any more). */
export const OTHER = "other";
/** See: docs.github.com, REST, "Get a job for a workflow run"; `gone` is ours. */
export const CONCLUSIONS: readonly string[] = [
  "success",
  "failure",
  "cancelled",
  "timed_out",
  "skipped",
  "neutral",
  "action_required",
  "gone",
];

/** What one fact comes to, given the state before it. A fact that was told before comes to nothing. */
export type Measurer = (fact: Fact, before: State) => Measure[];

export function measurer(catalogue: Catalogue): Measurer {
  const settle = settler(catalogue);
  const known = new Set(catalogue.images.map(({ name }) => name));
  const bounded = (image: string) => (known.has(image) ? image : OTHER);

  return (fact, before) => {
    switch (fact.kind) {
      case "machine-created":
        return before.machines.has(fact.machine) ? [] : [count("machine-created", bounded(fact.image))];
      case "machine-adopted":
        return before.machines.has(fact.machine) ? [] : [count("machine-adopted", bounded(fact.image))];
      case "job-seen":
        return measureJob(fact.job, before, settle(before.settings));
      case "job-given-up":
        return measureGivenUp(before.jobs.get(fact.job), settle(before.settings));
      case "check-published":
        return measureCheck(before.jobs.get(fact.job), fact.digest);
      case "machine-started":
      case "guest-asked":
      case "machine-configured":
      case "guest-working":
      case "machine-retired":
      case "vm-destroyed": {
        const machine = before.machines.get(fact.machine);
        return machine ? measureMachine(fact, machine, before, bounded(machine.image)) : [];
      }
      default:
        return [];
    }
  };
}

type MachineFact = Extract<
  Fact,
  {
    kind:
      | "machine-started"
      | "guest-asked"
      | "machine-configured"
      | "guest-working"
      | "machine-retired"
      | "vm-destroyed";
  }
>;

function measureMachine(fact: MachineFact, machine: Machine, { jobs }: State, image: string): Measure[] {
  const { startedAt, askedAt, configuredAt, workingAt, destroyedAt, retired } = machine;
  switch (fact.kind) {
    case "machine-started": {
      const job = machine.forJob === undefined ? undefined : jobs.get(machine.forJob);
      // NB: the machines of later tries would tell how long the first ones took to fail.
      if (startedAt !== undefined || job?.tries !== 0) return [];
      return time("queued-to-ordered", waitsSince(job), fact.at, { image });
    }
    case "guest-asked":
      return askedAt === undefined ? time("ordered-to-booted", startedAt, fact.at, { image }) : [];
    case "machine-configured":
      // NB: one that is kept hot waits for a job, not for us.
      if (configuredAt !== undefined || machine.forJob === undefined) return [];
      return time("booted-to-claimed", askedAt, fact.at, { image });
    case "guest-working":
      return workingAt === undefined ? time("claimed-to-working", configuredAt, fact.at, { image }) : [];
    case "machine-retired":
      if (retired || !FAILURES.has(fact.why)) return [];
      return [{ counted: "machine-failed", labels: { image, why: fact.why } }];
    case "vm-destroyed":
      return destroyedAt === undefined ? time("destroy", retired?.at, fact.at, { image }) : [];
  }
}

/** NB: a job of which nothing but its end was heard has no row, and is not counted. */
function measureJob(seen: JobSeen, before: State, catalogue: Catalogue): Measure[] {
  const job = before.jobs.get(seen.id);
  const image = job && imageOf({ ...job, ranOn: job.ranOn ?? seen.ranOn }, before, catalogue);
  if (!job || image === undefined || job.status === "done") return [];
  const measures: Measure[] = [];
  const startedAt = job.startedAt ?? seen.startedAt;
  if (job.startedAt === undefined) {
    measures.push(...time("queued-to-running", waitsSince(job), seen.startedAt, { image }));
  }
  if (seen.status !== "done") return measures;
  const conclusion = CONCLUSIONS.find((word) => word === seen.conclusion) ?? OTHER;
  measures.push({ counted: "job-done", labels: { image, conclusion } });
  return [...measures, ...time("job", startedAt, seen.doneAt, { image, conclusion })];
}

function measureGivenUp(job: Job | undefined, catalogue: Catalogue): Measure[] {
  if (!job || job.gaveUpAt !== undefined) return [];
  return [count("job-given-up", matchLabels(job.labels, job.repo, catalogue).image?.name ?? OTHER)];
}

/** The digest without what may be counted up: `waiting/2` is a write about waiting. */
function measureCheck(job: Job | undefined, digest: string): Measure[] {
  if (!job || job.check?.digest === digest) return [];
  return [{ counted: "check-run-written", labels: { stage: digest.split("/")[0] ?? "" } }];
}

/** The image that ran a job, or that its labels lead to; undefined: the job is none of ours. */
function imageOf(job: Job, { machines }: State, catalogue: Catalogue): string | undefined {
  const ran = job.ranOn === undefined ? undefined : machines.get(job.ranOn)?.image;
  const isKnown = catalogue.images.some(({ name }) => name === ran);
  if (ran !== undefined) return isKnown ? ran : OTHER;
  return matchLabels(job.labels, job.repo, catalogue).image?.name;
}

/** Since when a job waits for us. NB: GitHub may have held it back for days before that. */
export const waitsSince = ({ queuedAt, heldAt, readyAt }: Job): number =>
  heldAt === undefined ? queuedAt : (readyAt ?? queuedAt);

const count = (counted: Counted, image: string): Measure => ({ counted, labels: { image } });

/** NB: some times are GitHub's, in whole seconds, and some are ours: what seems to be over before it began took no time. */
function time(
  stage: Stage,
  from: number | undefined,
  to: number | undefined,
  labels: Readonly<Record<string, string>>,
): Measure[] {
  return from === undefined || to === undefined ? [] : [{ stage, ms: Math.max(0, to - from), labels }];
}
