import { describe, expect, test } from "vitest";
import type { Fact } from "../../src/core/facts.ts";
import type { RelayHealth } from "../../src/ports.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { metricsRoutes } from "../../src/web/metrics.ts";
import { created, seen } from "../store/facts.ts";
import { aHost, aWorld, M1, M2, NOW } from "../support/build.ts";

const HEALTHY: RelayHealth = {
  relay: "smee.io",
  isConnected: true,
  lastPingAt: NOW - 1_000,
  lastEventAt: undefined,
  spoilt: 2,
  restarts: 3,
};

/** The metrics of a world in which these facts were told, by series. */
async function start(facts: readonly Fact[], relay?: () => RelayHealth) {
  const store = memoryStore();
  await store.record(facts);
  const hosts = [aHost(), aHost({ name: "lab2" })];
  const world = () => ({
    ...aWorld({ catalogue: { hosts } }),
    state: store.state,
    reachable: new Set(["lab1"]),
  });
  const routes = metricsRoutes({ world, relay });
  const scrape = async () => {
    const response = await routes.request("/metrics");
    const text = await response.text();
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    const series = Object.fromEntries(lines.map((line) => line.split(/ (?=\S+$)/) as [string, string]));
    return { text, series, type: response.headers.get("content-type") };
  };
  return { store, scrape };
}

describe("the metrics", () => {
  test("count machines by phase and by host, with a 0 where there is none", async () => {
    const retired: Fact = { kind: "machine-retired", at: NOW, machine: M2, why: "surplus" };
    const { scrape } = await start([created(M1), created(M2), retired]);

    const { series } = await scrape();

    expect(series).toMatchObject({
      'mayfly_machines{phase="ordered"}': "1",
      'mayfly_machines{phase="leaving"}': "1",
      'mayfly_machines{phase="working"}': "0",
      'mayfly_host_machines{host="lab1"}': "2",
      'mayfly_host_machines{host="lab2"}': "0",
    });
  });

  test("count open jobs by where they stand", async () => {
    const { scrape } = await start([
      seen(1),
      created(M1, 1),
      seen(2),
      seen(3, { labels: ["ubuntu-latest"] }),
    ]);

    const { series } = await scrape();

    expect(series).toMatchObject({
      'mayfly_jobs{state="booting"}': "1",
      'mayfly_jobs{state="waiting"}': "1",
      'mayfly_jobs{state="unserved"}': "1",
      'mayfly_jobs{state="running"}': "0",
    });
  });

  test("say which hosts could be asked", async () => {
    const { scrape } = await start([]);

    const { series } = await scrape();

    expect(series).toMatchObject({
      'mayfly_host_reachable{host="lab1"}': "1",
      'mayfly_host_reachable{host="lab2"}': "0",
    });
  });

  test("are computed when they are asked for", async () => {
    const { store, scrape } = await start([]);
    const before = (await scrape()).series;

    await store.record([created(M1)]);
    const after = (await scrape()).series;

    expect(before['mayfly_machines{phase="ordered"}']).toBe("0");
    expect(after['mayfly_machines{phase="ordered"}']).toBe("1");
  });

  test("tell how the relay is, at each look", async () => {
    let health = HEALTHY;
    const { scrape } = await start([], () => health);

    const first = (await scrape()).series;
    health = { ...HEALTHY, isConnected: false, lastEventAt: NOW, spoilt: 5 };
    const second = (await scrape()).series;

    expect(first).toMatchObject({
      mayfly_relay_connected: "1",
      mayfly_relay_last_ping_timestamp_seconds: String(NOW / 1000 - 1),
      mayfly_relay_last_event_timestamp_seconds: "0",
      mayfly_relay_restarts_total: "3",
      mayfly_relay_spoilt_total: "2",
    });
    expect(second).toMatchObject({
      mayfly_relay_connected: "0",
      mayfly_relay_last_event_timestamp_seconds: String(NOW / 1000),
      mayfly_relay_spoilt_total: "5",
    });
  });

  test("say nothing of a relay that is not there", async () => {
    const { scrape } = await start([]);

    expect((await scrape()).text).not.toContain("relay");
  });

  test("are in Prometheus' own format, with a word on each, and have no name from outside", async () => {
    const { scrape } = await start(
      [seen(1, { name: "a name from a workflow" }), created(M1, 1)],
      () => HEALTHY,
    );

    const { text, type } = await scrape();

    expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(text).toContain("# HELP mayfly_machines Machines by phase.\n# TYPE mayfly_machines gauge\n");
    expect(text).toContain("# TYPE mayfly_relay_spoilt_total counter\n");
    expect(text).not.toContain("octo");
    expect(text).not.toContain("a name from a workflow");
  });
});
