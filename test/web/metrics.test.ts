import { describe, expect, test } from "vitest";
import type { Fact } from "../../src/core/facts.ts";
import type { RelayHealth, Standing } from "../../src/ports.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { newMeters } from "../../src/web/meters.ts";
import { metricsRoutes } from "../../src/web/metrics.ts";
import {
  aCatalogue,
  ago,
  aHost,
  anImage,
  aRepository,
  aWorld,
  hours,
  M1,
  M2,
  NOW,
  seconds,
  type WorldParts,
} from "../support/build.ts";
import { created, drained, failed, seen } from "../support/facts.ts";

const HEALTHY: RelayHealth = {
  relay: "smee.io",
  isConnected: true,
  lastPingAt: NOW - 1_000,
  lastEventAt: undefined,
  spoilt: 2,
  restarts: 3,
};

type Parts = {
  relay?: () => RelayHealth;
  standing?: Standing[];
  answeredAt?: number;
  cloudImages?: WorldParts["cloudImages"];
};

const CATALOGUE = aCatalogue({
  hosts: [aHost({ machines: 2, cpus: 8, memoryMiB: 4096 }), aHost({ name: "lab2" })],
  images: [anImage({ cpus: 2, memoryMiB: 1024 }), anImage({ name: "spare" })],
  repositories: [aRepository({ images: ["plain", "spare"] })],
});

/** The metrics of a world in which these facts were told, by series. */
async function start(
  facts: readonly Fact[],
  { relay, standing = [], answeredAt, cloudImages = {} }: Parts = {},
) {
  const meters = newMeters(CATALOGUE);
  const store = memoryStore(meters.noteFact);
  await store.record(facts);
  const world = () => ({
    ...aWorld({ catalogue: CATALOGUE, cloudImages }),
    state: store.state,
    reachable: new Set(["lab1"]),
  });
  const parts = { meters, world, relay, standing: () => standing, answeredAt: () => answeredAt };
  const routes = metricsRoutes(parts);
  const scrape = async () => {
    const response = await routes.request("/metrics");
    const text = await response.text();
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    const series = Object.fromEntries(lines.map((line) => line.split(/ (?=\S+$)/) as [string, string]));
    return { text, series, type: response.headers.get("content-type") };
  };
  return { store, scrape, meters };
}

describe("the metrics", () => {
  test("tell how old the cloud images and their runners are that machines are made from", async () => {
    const image = { family: "plain", id: "1", name: "plain-1", builtAt: ago(hours(2)) };
    const cloudImages = {
      lab1: [
        { ...image, standing: "current" as const },
        { ...image, family: "dated", standing: "current" as const, runnerReleasedAt: ago(hours(30)) },
        { ...image, id: "2", standing: "candidate" as const },
      ],
    };
    const { scrape } = await start([], { cloudImages });

    const { series } = await scrape();

    expect(Object.entries(series).filter(([name]) => name.startsWith("mayfly_cloud_image"))).toEqual([
      ['mayfly_cloud_image_age_seconds{host="lab1",family="plain"}', "7200"],
      ['mayfly_cloud_image_age_seconds{host="lab1",family="dated"}', "7200"],
      ['mayfly_cloud_image_runner_age_seconds{host="lab1",family="plain"}', "7200"],
      ['mayfly_cloud_image_runner_age_seconds{host="lab1",family="dated"}', "108000"],
    ]);
  });

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
      'mayfly_jobs{state="no-access"}': "0",
    });
  });

  test("say of each pool how many jobs wait, for what, and how long", async () => {
    const { scrape } = await start([
      seen(1, { queuedAt: ago(seconds(90)) }),
      created(M1, 1),
      seen(2, { queuedAt: ago(seconds(60)) }),
      created(M2, 2),
      seen(3, { queuedAt: ago(seconds(30)) }),
      seen(4, { labels: ["ubuntu-latest"], queuedAt: ago(seconds(900)) }),
    ]);

    const { series } = await scrape();

    expect(series).toMatchObject({
      'mayfly_queue_jobs{repo="octo/spinw",image="plain",reason="booting"}': "2",
      'mayfly_queue_jobs{repo="octo/spinw",image="plain",reason="hosts-full"}': "1",
      'mayfly_queue_jobs{repo="octo/spinw",image="plain",reason="next"}': "0",
      'mayfly_queue_oldest_seconds{repo="octo/spinw",image="plain"}': "90",
      'mayfly_queue_oldest_seconds{repo="octo/spinw",image="spare"}': "0",
    });
  });

  test("count the machines of a pool that failed in a row", async () => {
    const { scrape } = await start([created(M1), failed(M1), created(M2), failed(M2)]);

    const { series } = await scrape();

    expect(series).toMatchObject({
      'mayfly_pool_failures{repo="octo/spinw",image="plain"}': "2",
      'mayfly_pool_failures{repo="octo/spinw",image="spare"}': "0",
    });
  });

  test("say how much room each host has, where it is counted", async () => {
    const { scrape } = await start([created(M1), drained("lab2", true)]);

    const { series } = await scrape();

    expect(series).toMatchObject({
      'mayfly_host_machines_limit{host="lab1"}': "2",
      'mayfly_host_cpus_used{host="lab1"}': "2",
      'mayfly_host_cpus_limit{host="lab1"}': "8",
      'mayfly_host_memory_used_bytes{host="lab1"}': String(1024 * 2 ** 20),
      'mayfly_host_memory_limit_bytes{host="lab1"}': String(4096 * 2 ** 20),
      'mayfly_host_cpus_used{host="lab2"}': "0",
      'mayfly_host_drained{host="lab1"}': "0",
      'mayfly_host_drained{host="lab2"}': "1",
    });
    expect(series).not.toHaveProperty('mayfly_host_cpus_limit{host="lab2"}');
  });

  test("say how Mayfly stands with GitHub's limits, as far as it was told", async () => {
    const calls = { left: 4_200, limit: 5_000, resetAt: NOW + 1_000 };
    const { scrape } = await start([], {
      standing: [
        { installation: 77, repositories: [], calls, limitedUntil: NOW + 9_000 },
        { installation: 78, repositories: [] },
      ],
      answeredAt: NOW,
    });

    const { series } = await scrape();

    expect(series).toMatchObject({
      'mayfly_github_calls_left{installation="77"}': "4200",
      'mayfly_github_calls_limit{installation="77"}': "5000",
      'mayfly_github_calls_reset_timestamp_seconds{installation="77"}': String(NOW / 1000 + 1),
      'mayfly_github_limited_until_timestamp_seconds{installation="77"}': String(NOW / 1000 + 9),
      'mayfly_github_limited_until_timestamp_seconds{installation="78"}': "0",
      mayfly_github_last_answer_timestamp_seconds: String(NOW / 1000),
    });
    expect(series).not.toHaveProperty('mayfly_github_calls_left{installation="78"}');
  });

  test("time and count what happened, with a 0 before the first", async () => {
    const facts: Fact[] = [
      created(M1, 1),
      { kind: "machine-started", at: NOW, machine: M1, tokenHash: "0" },
      { kind: "guest-asked", at: NOW + seconds(12), machine: M1, runnerVersion: "2.337.0" },
    ];
    const { scrape, store } = await start(facts);

    const before = (await scrape()).series;
    await store.record([failed(M1)]);
    const after = (await scrape()).series;

    expect(before).toMatchObject({
      'mayfly_ordered_to_booted_seconds_bucket{le="10",image="plain"}': "0",
      'mayfly_ordered_to_booted_seconds_bucket{le="20",image="plain"}': "1",
      'mayfly_ordered_to_booted_seconds_sum{image="plain"}': "12",
      'mayfly_machines_created_total{image="plain"}': "1",
      'mayfly_machines_created_total{image="spare"}': "0",
      'mayfly_machines_failed_total{image="plain",why="boot-timeout"}': "0",
    });
    expect(after['mayfly_machines_failed_total{image="plain",why="boot-timeout"}']).toBe("1");
  });

  test("time the store and the ring, and count webhooks that had to be fetched", async () => {
    const { scrape, meters } = await start([]);

    meters.noteCommit(4);
    meters.notePass(30);
    meters.notePass(2_000);
    meters.noteFetched();
    const { series } = await scrape();

    expect(series).toMatchObject({
      'mayfly_store_commit_seconds_bucket{le="0.005"}': "1",
      mayfly_pass_seconds_count: "2",
      mayfly_pass_seconds_sum: "2.03",
      mayfly_deliveries_fetched_total: "1",
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
    const { scrape } = await start([], { relay: () => health });

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

  test("are in Prometheus' own format, with a word on each, and have no name from a workflow", async () => {
    const { scrape } = await start([seen(1, { name: "a name from a workflow" }), created(M1, 1)], {
      relay: () => HEALTHY,
    });

    const { text, type } = await scrape();

    expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(text).toContain("# HELP mayfly_machines Machines by phase.\n# TYPE mayfly_machines gauge\n");
    expect(text).toContain("# TYPE mayfly_relay_spoilt_total counter\n");
    expect(text).not.toContain("a name from a workflow");
  });
});
