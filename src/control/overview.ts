import { type Phase, phaseOf } from "../core/explain.ts";
import { poolKey } from "../core/facts.ts";
import type { Refusal } from "../core/host-room.ts";
import { likelyWaits, usualBoots } from "../core/likely.ts";
import { storiesOf } from "../core/plan.ts";
import { groupDemand, matcher } from "../core/pools.ts";
import type { Story } from "../core/story.ts";
import { titleOf } from "../core/title.ts";
import type { Job, Machine, Why } from "../core/types.ts";
import type { World } from "../core/world.ts";
import type { RelayHealth, Standing } from "../ports.ts";

/** What there is now, for `mayfly ps`. Times are epoch milliseconds. */
export type Overview = {
  at: number;
  hosts: HostView[];
  pools: PoolView[];
  machines: MachineView[];
  jobs: JobView[];
  /** Not there: there is no relay. */
  relay?: RelayHealth | undefined;
  installations: Standing[];
  /** Webhooks that failed every try. */
  setAside: number;
};

/** What is told by those that take webhooks in and ask GitHub. */
export type Outside = Pick<Overview, "relay" | "installations" | "setAside">;

/** Whom to ask for it. */
export type OutsideParts = {
  /** How the relay is, if there is one. */
  relay?: (() => RelayHealth) | undefined;
  /** How the installations stand with GitHub's limits. */
  standing: () => Standing[];
  /** Ids of webhooks that failed every try. */
  setAside: () => readonly string[];
};

export const outsideOf = ({ relay, standing, setAside }: OutsideParts): Outside => ({
  relay: relay?.(),
  installations: standing(),
  setAside: setAside().length,
});

export type HostView = {
  name: string;
  machines: number;
  /** Most at a time, by the catalogue or by the host's own quota. */
  limit: number;
  /** The driver could be asked at the last look. */
  isReachable: boolean;
  isDrained: boolean;
  /** It took no order the last time, and gets none until then. */
  refusal?: Pick<Refusal, "until" | "text"> | undefined;
};

/** `coming`: machines on their way or ready; `working`: handed a registration, or at work. */
export type PoolView = {
  repo: string;
  image: string;
  waiting: number;
  coming: number;
  working: number;
  hot: number;
};

export type MachineView = {
  name: string;
  repo: string;
  image: string;
  host: string;
  phase: Phase;
  createdAt: number;
  why?: Why | undefined;
  /** The job that runs in it. */
  job?: number | undefined;
};

/** `is` and `text`: where it stands, in a word and in words. `isOurs`: an image of ours fits its labels, or nearly. */
export type JobView = {
  id: number;
  repo: string;
  name: string;
  labels: readonly string[];
  url: string;
  queuedAt: number;
  is: Story["is"];
  text: string;
  isOurs: boolean;
  /** The machine that runs it, where GitHub has named it. */
  ranOn?: string | undefined;
  /** How long it will most likely wait for its start; not there: nobody knows, or it does not wait. */
  likelyMs?: number | undefined;
};

/** `past`: the last machines that are over, for guesses. */
export function overviewOf(world: World, outside: Outside, past: readonly Machine[] = []): Overview {
  const { state, now } = world;
  const jobs = [...state.jobs.values()].toSorted((a, b) => a.queuedAt - b.queuedAt || a.id - b.id);
  const machines = [...state.machines.values()].toSorted((a, b) => a.createdAt - b.createdAt);
  const jobOn = new Map(jobs.map(({ ranOn, id }) => [ranOn, id]));
  return {
    at: now,
    hosts: hostViews(world, machines),
    pools: poolViews(world, machines),
    machines: machines.map((machine) => machineView(machine, jobOn.get(machine.name))),
    jobs: jobViews(world, jobs, past),
    ...outside,
    installations: outside.installations.map((standing) => ofCatalogue(standing, world)),
  };
}

/** NB: an installation may have many repositories that are none of ours, and its names come in lower case. */
function ofCatalogue(standing: Standing, { catalogue }: World): Standing {
  const installed = new Set(standing.repositories.map((name) => name.toLowerCase()));
  const names = catalogue.repositories.map(({ name }) => name);
  return { ...standing, repositories: names.filter((name) => installed.has(name.toLowerCase())) };
}

function hostViews(world: World, machines: readonly Machine[]): HostView[] {
  const { catalogue, reachable, hostRoom, state, now } = world;
  return catalogue.hosts.map(({ name, machines: limit }) => {
    const { capacity, refusals = [] } = hostRoom.get(name) ?? {};
    const refusal = refusals.find(({ image, until }) => image === undefined && until > now);
    return {
      name,
      machines: machines.filter(({ host, destroyedAt }) => host === name && destroyedAt === undefined).length,
      limit: Math.min(limit, capacity?.machines ?? limit),
      isReachable: reachable.has(name),
      isDrained: state.drained.has(name),
      refusal: refusal && { until: refusal.until, text: refusal.text },
    };
  });
}

/** Pools that have a machine, a job that waits, or machines to keep hot. */
function poolViews({ catalogue, state }: World, machines: readonly Machine[]): PoolView[] {
  const demand = groupDemand(state, matcher(catalogue));
  const machinesOf = Map.groupBy(machines, poolKey);
  const pools = catalogue.repositories.flatMap(({ name: repo, images, hot }) =>
    images.map((image) => ({ repo, image, hot: hot[image] ?? 0 })),
  );
  return pools
    .map((pool) => {
      const staying = (machinesOf.get(poolKey(pool)) ?? []).filter(({ retired }) => !retired);
      const working = staying.filter(({ configuredAt }) => configuredAt !== undefined).length;
      const waiting = demand.get(poolKey(pool))?.waiting.length ?? 0;
      return { ...pool, waiting, coming: staying.length - working, working };
    })
    .filter(({ waiting, coming, working, hot }) => waiting + coming + working + hot > 0);
}

function machineView(machine: Machine, job: number | undefined): MachineView {
  const { name, repo, image, host, createdAt, retired } = machine;
  return { name, repo, image, host, phase: phaseOf(machine), createdAt, why: retired?.why, job };
}

function jobViews(world: World, jobs: readonly Job[], past: readonly Machine[]): JobView[] {
  const likely = likelyWaits(past, world);
  const boots = usualBoots(past);
  const storyOf = storiesOf(world);
  const match = matcher(world.catalogue);
  return jobs.map((job) => {
    const { id, repo, name, labels, url, queuedAt, ranOn } = job;
    const story = storyOf(job);
    const found = match(job);
    const isOurs = found.image !== undefined || found.isMeant === true;
    const likelyMs = found.image ? likely({ repo, image: found.image.name }, story) : undefined;
    const text = titleOf(job, story, { ...world, boots });
    return { id, repo, name, labels, url, queuedAt, is: story.is, text, isOurs, likelyMs, ranOn };
  });
}
