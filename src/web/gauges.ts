import { Counter, Gauge } from "prom-client";
import type { CloudImageSeen } from "../core/clouds.ts";
import { type Phase, phaseOf } from "../core/explain.ts";
import { poolKey } from "../core/facts.ts";
import { waitsSince } from "../core/measure.ts";
import { storiesOf, takenIn } from "../core/plan.ts";
import { type Blocked, type Load, matcher, type Taken } from "../core/pools.ts";
import type { Story } from "../core/story.ts";
import type { Host, Job } from "../core/types.ts";
import type { World } from "../core/world.ts";
import type { RelayHealth, Standing } from "../ports.ts";

/** What there is at the moment of a look. */
export type Look = {
  world: World;
  storyOf: (job: Job) => Story;
  taken: Taken;
  standing: readonly Standing[];
  /** When GitHub last did as it was asked; undefined: not yet. */
  answeredAt: number | undefined;
};

export const lookAt = (
  world: World,
  standing: readonly Standing[],
  answeredAt: number | undefined,
): Look => ({
  world,
  storyOf: storiesOf(world),
  taken: takenIn(world),
  standing,
  answeredAt,
});

/** A number that is computed when it is asked for. `labels`: few values each, and none that somebody outside may choose. */
export type Reading<From> = {
  name: `mayfly_${string}`;
  help: string;
  kind: typeof Gauge | typeof Counter;
  labels?: readonly string[];
  values: (from: From) => Value[];
};
type Value = { value: number; labels?: Record<string, string> };

/** So that a series is there, and 0, before the first of its kind. */
const PHASES: readonly Phase[] = [
  "ordered",
  "booting",
  "ready",
  "registered",
  "working",
  "ended",
  "leaving",
  "destroyed",
];
const STATES: readonly Story["is"][] = [
  "held",
  "waiting",
  "booting",
  "running",
  "given-up",
  "looked-at",
  "refused",
  "unapproved",
  "unserved",
  "no-access",
  "done",
];

export const GAUGES: readonly Reading<Look>[] = [
  {
    name: "mayfly_machines",
    help: "Machines by phase.",
    kind: Gauge,
    labels: ["phase"],
    values: ({ world }) => counted("phase", PHASES, [...world.state.machines.values()].map(phaseOf)),
  },
  {
    name: "mayfly_jobs",
    help: "Open jobs by where they stand; unserved are those that are not for Mayfly.",
    kind: Gauge,
    labels: ["state"],
    values: ({ world, storyOf }) =>
      counted(
        "state",
        STATES,
        [...world.state.jobs.values()].map((job) => storyOf(job).is),
      ),
  },
  {
    name: "mayfly_queue_jobs",
    help: "Jobs that wait to run, by why: booting, next, or what keeps them from a machine.",
    kind: Gauge,
    labels: ["repo", "image", "reason"],
    values: queueValues,
  },
  {
    name: "mayfly_queue_oldest_seconds",
    help: "How long the oldest job of a pool has waited to run; 0 if none waits.",
    kind: Gauge,
    labels: ["repo", "image"],
    values: oldestValues,
  },
  {
    name: "mayfly_pool_failures",
    help: "Machines of a pool that failed in a row.",
    kind: Gauge,
    labels: ["repo", "image"],
    values: ({ world }) =>
      poolsOf(world).map((labels) => ({
        labels,
        value: world.state.streaks.get(poolKey(labels))?.failures ?? 0,
      })),
  },
  {
    name: "mayfly_host_machines",
    help: "Machines by host.",
    kind: Gauge,
    labels: ["host"],
    values: ({ world: { catalogue, state } }) =>
      counted(
        "host",
        catalogue.hosts.map(({ name }) => name),
        [...state.machines.values()].map(({ host }) => host),
      ),
  },
  hostReading("mayfly_host_machines_limit", "Most machines of a host.", ({ machines }) => machines),
  hostReading("mayfly_host_cpus_used", "CPUs that the VMs of a host may use.", (_, { cpus }) => cpus),
  hostReading("mayfly_host_cpus_limit", "CPUs for VMs, where they are counted.", ({ cpus }) => cpus),
  hostReading(
    "mayfly_host_memory_used_bytes",
    "Memory that the VMs of a host may use.",
    (_, { memoryMiB }) => memoryMiB * MIB,
  ),
  hostReading("mayfly_host_memory_limit_bytes", "Memory for VMs, where it is counted.", ({ memoryMiB }) =>
    memoryMiB === undefined ? undefined : memoryMiB * MIB,
  ),
  imageReading(
    "mayfly_cloud_image_age_seconds",
    "How long ago the cloud image was built that machines are made from.",
    ({ builtAt }) => builtAt,
  ),
  imageReading(
    "mayfly_cloud_image_runner_age_seconds",
    "How long ago GitHub released the runner in the cloud image that machines are made from; where the image does not tell, how long ago it was built. GitHub refuses a runner 30 days after the next one was released.",
    ({ runnerReleasedAt, builtAt }) => runnerReleasedAt ?? builtAt,
  ),
  {
    name: "mayfly_host_reachable",
    help: "1 if the host could be asked at the last look.",
    kind: Gauge,
    labels: ["host"],
    values: ({ world }) => hostFlags(world, ({ name }) => world.reachable.has(name)),
  },
  {
    name: "mayfly_host_drained",
    help: "1 if the host was drained.",
    kind: Gauge,
    labels: ["host"],
    values: ({ world }) => hostFlags(world, ({ name }) => world.state.drained.has(name)),
  },
  installationReading(
    "mayfly_github_calls_left",
    "Calls left of GitHub's hour, as its last answer said.",
    ({ calls }) => calls?.left,
  ),
  installationReading(
    "mayfly_github_calls_limit",
    "Calls that GitHub allows in an hour.",
    ({ calls }) => calls?.limit,
  ),
  installationReading(
    "mayfly_github_calls_reset_timestamp_seconds",
    "When GitHub's next hour begins.",
    ({ calls }) => calls && calls.resetAt / 1000,
  ),
  installationReading(
    "mayfly_github_limited_until_timestamp_seconds",
    "Until when GitHub refuses all calls of the installation; 0: it does not.",
    ({ limitedUntil = 0 }) => limitedUntil / 1000,
  ),
  {
    name: "mayfly_github_last_answer_timestamp_seconds",
    help: "When GitHub last did as it was asked; 0 is never. It is asked every minute.",
    kind: Gauge,
    values: ({ answeredAt = 0 }) => [{ value: answeredAt / 1000 }],
  },
];

const MIB = 2 ** 20;
const NO_LOAD: Load = { machines: 0, cpus: 0, memoryMiB: 0 };

/** Undefined: that host has no such number. */
function hostReading(
  name: Reading<Look>["name"],
  help: string,
  read: (host: Host, load: Load) => number | undefined,
): Reading<Look> {
  return {
    ...{ name, help, kind: Gauge, labels: ["host"] },
    values: ({ world, taken }) =>
      world.catalogue.hosts.flatMap((host) => {
        const value = read(host, taken.onHost.get(host.name) ?? NO_LOAD);
        return value === undefined ? [] : [{ labels: { host: host.name }, value }];
      }),
  };
}

const hostFlags = ({ catalogue }: World, is: (host: Host) => boolean): Value[] =>
  catalogue.hosts.map((host) => ({ labels: { host: host.name }, value: Number(is(host)) }));

/** How long ago something of each cloud image was that machines are made from. */
function imageReading(
  name: Reading<Look>["name"],
  help: string,
  read: (image: CloudImageSeen) => number | undefined,
): Reading<Look> {
  return {
    ...{ name, help, kind: Gauge, labels: ["host", "family"] },
    values: ({ world }) =>
      [...world.cloudImages].flatMap(([host, images]) =>
        images.flatMap((image) => {
          const at = image.standing === "current" ? read(image) : undefined;
          const labels = { host, family: image.family };
          return at === undefined ? [] : [{ labels, value: Math.max(0, world.now - at) / 1000 }];
        }),
      ),
  };
}

function installationReading(
  name: Reading<Look>["name"],
  help: string,
  read: (standing: Standing) => number | undefined,
): Reading<Look> {
  return {
    ...{ name, help, kind: Gauge, labels: ["installation"] },
    values: ({ standing }) =>
      standing.flatMap((one) => {
        const value = read(one);
        return value === undefined ? [] : [{ labels: { installation: String(one.installation) }, value }];
      }),
  };
}

type Waiting = { repo: string; image: string; job: Job; reason: Blocked["why"] | "booting" | "next" };

function waitingIn({ world, storyOf }: Look): Waiting[] {
  const match = matcher(world.catalogue);
  return Array.from(world.state.jobs.values()).flatMap((job) => {
    const story = storyOf(job);
    const { image, ...found } = match(job);
    if (!image || !("repository" in found) || (story.is !== "waiting" && story.is !== "booting")) return [];
    const reason = story.is === "booting" ? "booting" : (story.blocked?.why ?? "next");
    return [{ repo: found.repository.name, image: image.name, job, reason }];
  });
}

/** NB: pools without a job have a series too, so that an alert can tell an empty queue from a lost one. */
function queueValues(look: Look): Value[] {
  const counts = new Map(
    poolsOf(look.world).map((pool) => [poolKey({ ...pool }), { ...pool, reason: "next", value: 0 }]),
  );
  for (const { repo, image, reason } of waitingIn(look)) {
    const key = reason === "next" ? poolKey({ repo, image }) : `${poolKey({ repo, image })} ${reason}`;
    const entry = counts.get(key) ?? { repo, image, reason, value: 0 };
    counts.set(key, { ...entry, value: entry.value + 1 });
  }
  return Array.from(counts.values(), ({ value, ...labels }) => ({ value, labels }));
}

function oldestValues(look: Look): Value[] {
  const waiting = Map.groupBy(waitingIn(look), poolKey);
  return poolsOf(look.world).map((labels) => {
    const since = (waiting.get(poolKey(labels)) ?? []).map(({ job }) => waitsSince(job));
    return { labels, value: Math.max(0, ...since.map((at) => (look.world.now - at) / 1000)) };
  });
}

const poolsOf = ({ catalogue }: World): { repo: string; image: string }[] =>
  catalogue.repositories.flatMap(({ name: repo, images }) => images.map((image) => ({ repo, image })));

/** How often each word is there; `known` words also if they are not. */
function counted(label: string, known: readonly string[], words: readonly string[]): Value[] {
  const counts = new Map(known.map((word) => [word, 0]));
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Array.from(counts, ([word, value]) => ({ labels: { [label]: word }, value }));
}

export const RELAY_READINGS: readonly Reading<RelayHealth>[] = [
  {
    name: "mayfly_relay_connected",
    help: "1 if the line to the relay is up.",
    kind: Gauge,
    values: ({ isConnected }) => [{ value: Number(isConnected) }],
  },
  {
    name: "mayfly_relay_last_ping_timestamp_seconds",
    help: "When the relay last gave a sign of life; 0 is never.",
    kind: Gauge,
    values: ({ lastPingAt = 0 }) => [{ value: lastPingAt / 1000 }],
  },
  {
    name: "mayfly_relay_last_event_timestamp_seconds",
    help: "When a webhook last came over the relay; 0 is never. Long ago although there is work: look at the webhook URL and the channel.",
    kind: Gauge,
    values: ({ lastEventAt = 0 }) => [{ value: lastEventAt / 1000 }],
  },
  {
    name: "mayfly_relay_restarts_total",
    help: "How often the line to the relay was opened again.",
    kind: Counter,
    values: ({ restarts }) => [{ value: restarts }],
  },
  {
    name: "mayfly_relay_spoilt_total",
    help: "Messages of the relay that were not what GitHub had signed: another webhook secret, fakes, or smee.io's way with odd bodies.",
    kind: Counter,
    values: ({ spoilt }) => [{ value: spoilt }],
  },
];
