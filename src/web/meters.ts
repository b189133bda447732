import { Counter, Histogram, Registry } from "prom-client";
import type { Fact, State } from "../core/facts.ts";
import { type Counted, measurer, OTHER, type Stage } from "../core/measure.ts";
import { FAILURES } from "../core/turn.ts";
import type { Catalogue } from "../core/types.ts";

/** Counters and histograms: what happened since the start of the process. They are fed here, and nowhere else. */
export type Meters = {
  registry: Registry;
  /** To be called for each fact as it is recorded, with the state before it. */
  noteFact: (fact: Fact, before: State) => void;
  /** The store committed a transaction. */
  noteCommit: (tookMs: number) => void;
  /** The ring has turned once. */
  notePass: (tookMs: number) => void;
  /** A webhook that never came was fetched from GitHub's delivery log. */
  noteFetched: () => void;
};

type Name = `mayfly_${string}`;
type Metric = { name: Name; help: string; labels?: readonly string[] };

const STAGES: Record<Stage, Metric & { buckets: readonly number[] }> = {
  "queued-to-ordered": {
    name: "mayfly_queued_to_ordered_seconds",
    help: "From a job's queueing at GitHub to the order of the first VM made for it.",
    buckets: [0.5, 1, 2.5, 5, 15, 60, 300, 900, 1800, 3600, 7200, 21_600, 72_000],
  },
  "ordered-to-booted": {
    name: "mayfly_ordered_to_booted_seconds",
    help: "From a VM's order to its guest's first call.",
    buckets: [2.5, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200],
  },
  "booted-to-claimed": {
    name: "mayfly_booted_to_claimed_seconds",
    help: "From a guest's first call to its registration, for machines that were made for a job.",
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600],
  },
  "claimed-to-working": {
    name: "mayfly_claimed_to_working_seconds",
    help: "From a guest's registration to the start of a job in it.",
    buckets: [0.5, 1, 2.5, 5, 10, 15, 20, 30, 60, 120, 180, 600],
  },
  "queued-to-running": {
    name: "mayfly_queued_to_running_seconds",
    help: "From a job's queueing at GitHub to its start: what people wait.",
    buckets: [2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 72_000],
  },
  job: {
    name: "mayfly_job_seconds",
    help: "How long jobs ran, by how they ended.",
    labels: ["image", "conclusion"],
    buckets: [10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 21_600],
  },
  destroy: {
    name: "mayfly_destroy_seconds",
    help: "From a machine's retirement to the end of its VM.",
    buckets: [0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900],
  },
};

const COUNTS: Record<Counted, Metric> = {
  "machine-created": { name: "mayfly_machines_created_total", help: "Machines that were wanted." },
  "machine-adopted": {
    name: "mayfly_machines_adopted_total",
    help: "VMs and runners that bore our name and had no row, and were taken down.",
  },
  "machine-failed": {
    name: "mayfly_machines_failed_total",
    help: "Machines that failed, by why.",
    labels: ["image", "why"],
  },
  "job-done": {
    name: "mayfly_jobs_done_total",
    help: "Jobs of ours that ended, by GitHub's conclusion; gone are those that GitHub does not know any more.",
    labels: ["image", "conclusion"],
  },
  "job-given-up": { name: "mayfly_jobs_given_up_total", help: "Jobs that were given up." },
  "check-run-written": {
    name: "mayfly_check_runs_written_total",
    help: "Check runs written at GitHub, by the stage that they tell.",
    labels: ["stage"],
  },
};

const BY_IMAGE = ["image"];
/** Of what happens many times a second. */
const QUICK_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export function newMeters(catalogue: Catalogue): Meters {
  const registry = new Registry();
  const measure = measurer(catalogue);
  const stages = mapValues(STAGES, (metric) => newHistogram(metric, registry));
  const counts = mapValues(COUNTS, (metric) => newCounter(metric, registry));
  zero(counts, catalogue);
  const commit = newHistogram(
    {
      name: "mayfly_store_commit_seconds",
      help: "Transactions of the store.",
      labels: [],
      buckets: QUICK_BUCKETS,
    },
    registry,
  );
  const pass = newHistogram(
    { name: "mayfly_pass_seconds", help: "Passes of the ring.", labels: [], buckets: QUICK_BUCKETS },
    registry,
  );
  const fetched = newCounter(
    {
      name: "mayfly_deliveries_fetched_total",
      help: "Webhooks that never came, and were fetched from GitHub's delivery log.",
      labels: [],
    },
    registry,
  );
  return {
    registry,
    noteFact: (fact, before) => {
      for (const one of measure(fact, before)) {
        if ("stage" in one) stages[one.stage].observe(one.labels, one.ms / 1000);
        else counts[one.counted].inc(one.labels);
      }
    },
    noteCommit: (tookMs) => commit.observe(tookMs / 1000),
    notePass: (tookMs) => pass.observe(tookMs / 1000),
    noteFetched: () => fetched.inc(),
  };
}

const newHistogram = (
  { name, help, labels = BY_IMAGE, buckets }: Metric & { buckets: readonly number[] },
  registry: Registry,
): Histogram =>
  new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [registry] });

const newCounter = ({ name, help, labels = BY_IMAGE }: Metric, registry: Registry): Counter =>
  new Counter({ name, help, labelNames: [...labels], registers: [registry] });

/** NB: Prometheus sees no increase in a series that begins with 1, so the first failure of all would go unseen. */
function zero(counts: Record<Counted, Counter>, { images }: Catalogue): void {
  for (const image of [...images.map(({ name }) => name), OTHER]) {
    counts["machine-created"].inc({ image }, 0);
    counts["machine-adopted"].inc({ image }, 0);
    counts["job-given-up"].inc({ image }, 0);
    for (const why of FAILURES) counts["machine-failed"].inc({ image, why }, 0);
  }
}

const mapValues = <Key extends string, From, To>(
  from: Record<Key, From>,
  change: (value: From) => To,
): Record<Key, To> =>
  Object.fromEntries(Object.entries<From>(from).map(([key, value]) => [key, change(value)])) as Record<
    Key,
    To
  >;
