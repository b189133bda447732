import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { Counter, Gauge, Registry } from "prom-client";
import { type Phase, phaseOf } from "../core/explain.ts";
import { storiesOf } from "../core/plan.ts";
import type { Story } from "../core/story.ts";
import type { World } from "../core/world.ts";
import type { RelayHealth } from "../ports.ts";

export type MetricsParts = {
  world: () => World;
  /** How the relay is, if there is one. */
  relay: (() => RelayHealth) | undefined;
};

/** One metric, whose values are computed when they are asked for. `labels`: few values each, never a name from outside. */
type Metric = {
  name: `mayfly_${string}`;
  help: string;
  kind: typeof Gauge | typeof Counter;
  labels?: readonly string[];
  values: () => Value[];
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
  "done",
];

/** GET /metrics, in the format of Prometheus. NB: it is open to whoever reaches the web listener. */
export function metricsRoutes(parts: MetricsParts): Hono<{ Bindings: HttpBindings }> {
  const registry = new Registry();
  for (const metric of [...worldMetrics(parts.world), ...(parts.relay ? relayMetrics(parts.relay) : [])]) {
    register(metric, registry);
  }
  const routes = new Hono<{ Bindings: HttpBindings }>();
  routes.get("/metrics", async (c) =>
    c.body(await registry.metrics(), 200, { "content-type": registry.contentType }),
  );
  return routes;
}

function register({ name, help, kind: Kind, labels = [], values }: Metric, registry: Registry): void {
  const metric = new Kind({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect: () => {
      metric.reset();
      for (const { value, labels: of = {} } of values()) metric.inc(of, value);
    },
  });
}

function worldMetrics(world: () => World): Metric[] {
  return [
    {
      name: "mayfly_machines",
      help: "Machines by phase.",
      kind: Gauge,
      labels: ["phase"],
      values: () => counted("phase", PHASES, [...world().state.machines.values()].map(phaseOf)),
    },
    {
      name: "mayfly_jobs",
      help: "Open jobs by where they stand; unserved are those that are not for Mayfly.",
      kind: Gauge,
      labels: ["state"],
      values: () => counted("state", STATES, statesOf(world())),
    },
    {
      name: "mayfly_host_machines",
      help: "Machines by host.",
      kind: Gauge,
      labels: ["host"],
      values: () => {
        const { catalogue, state } = world();
        const hosts = catalogue.hosts.map(({ name }) => name);
        return counted(
          "host",
          hosts,
          [...state.machines.values()].map(({ host }) => host),
        );
      },
    },
    {
      name: "mayfly_host_reachable",
      help: "1 if the host could be asked at the last look.",
      kind: Gauge,
      labels: ["host"],
      values: () => {
        const { catalogue, reachable } = world();
        return catalogue.hosts.map(({ name: host }) => ({
          labels: { host },
          value: Number(reachable.has(host)),
        }));
      },
    },
  ];
}

function statesOf(world: World): Story["is"][] {
  const storyOf = storiesOf(world);
  return [...world.state.jobs.values()].map((job) => storyOf(job).is);
}

/** How often each word is there; `known` words also if they are not. */
function counted(label: string, known: readonly string[], words: readonly string[]): Value[] {
  const counts = new Map(known.map((word) => [word, 0]));
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Array.from(counts, ([word, value]) => ({ labels: { [label]: word }, value }));
}

function relayMetrics(relay: () => RelayHealth): Metric[] {
  const time = (at = 0) => [{ value: at / 1000 }];
  return [
    {
      name: "mayfly_relay_connected",
      help: "1 if the line to the relay is up.",
      kind: Gauge,
      values: () => [{ value: Number(relay().isConnected) }],
    },
    {
      name: "mayfly_relay_last_ping_timestamp_seconds",
      help: "When the relay last gave a sign of life; 0 is never.",
      kind: Gauge,
      values: () => time(relay().lastPingAt),
    },
    {
      name: "mayfly_relay_last_event_timestamp_seconds",
      help: "When a webhook last came over the relay; 0 is never.",
      kind: Gauge,
      values: () => time(relay().lastEventAt),
    },
    {
      name: "mayfly_relay_restarts_total",
      help: "How often the line to the relay was opened again.",
      kind: Counter,
      values: () => [{ value: relay().restarts }],
    },
    {
      name: "mayfly_relay_spoilt_total",
      help: "Messages of the relay that were not what GitHub had signed.",
      kind: Counter,
      values: () => [{ value: relay().spoilt }],
    },
  ];
}
