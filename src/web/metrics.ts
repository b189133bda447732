import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Registry } from "prom-client";
import type { World } from "../core/world.ts";
import type { RelayHealth, Standing } from "../ports.ts";
import { GAUGES, type Look, lookAt, RELAY_READINGS, type Reading } from "./gauges.ts";
import type { Meters } from "./meters.ts";

export type MetricsParts = {
  meters: Pick<Meters, "registry">;
  world: () => World;
  /** How the relay is, if there is one. */
  relay: (() => RelayHealth) | undefined;
  standing: () => Standing[];
  /** When GitHub last did as it was asked. */
  answeredAt: () => number | undefined;
};

/** GET /metrics, in the format of Prometheus. NB: it is open to whoever reaches the web listener. */
export function metricsRoutes(parts: MetricsParts): Hono<{ Bindings: HttpBindings }> {
  const { registry } = parts.meters;
  const newLook = () => lookAt(parts.world(), parts.standing(), parts.answeredAt());
  // NB: the stories of ten thousand jobs are told once for each scrape, not once for each metric.
  let look: Look | undefined;
  for (const reading of GAUGES) register(reading, () => look ?? newLook(), registry);
  if (parts.relay) for (const reading of RELAY_READINGS) register(reading, parts.relay, registry);
  const routes = new Hono<{ Bindings: HttpBindings }>();
  routes.get("/metrics", async (c) => {
    look = newLook();
    return c.body(await registry.metrics(), 200, { "content-type": registry.contentType });
  });
  return routes;
}

function register<From>(
  { name, help, kind: Kind, labels = [], values }: Reading<From>,
  from: () => From,
  registry: Registry,
): void {
  const metric = new Kind({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect: () => {
      metric.reset();
      for (const { value, labels: of = {} } of values(from())) metric.inc(of, value);
    },
  });
}
