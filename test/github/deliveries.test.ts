import { describe, expect, test } from "vitest";
import type { EmulatedGitHub } from "../rig/github/server.ts";
import { seconds } from "../support/build.ts";
import { LABELS, NO_LIMIT, REPO, startPort } from "./support.ts";

/** Nobody listens there: each delivery fails at once, and is in the log. */
const WEBHOOK = { url: "http://127.0.0.1:1/webhook", secret: "a secret that only tests know" };
const LIST = "200 apps/list-webhook-deliveries";

async function startWithLog(webhooks = 1) {
  const started = await startPort({ github: { webhook: WEBHOOK } });
  await sent(started.gh, webhooks);
  return started;
}

/** Has GitHub send so many webhooks, the one about the repository included. */
async function sent(gh: EmulatedGitHub, count: number): Promise<void> {
  const jobs = Array.from({ length: count - gh.deliveries().length }, (_, index) => ({
    name: `job ${index}`,
    labels: LABELS,
    script: "true",
  }));
  if (jobs.length > 0) gh.queueRun(REPO, { jobs });
  await gh.until(() => gh.deliveries().filter(({ status }) => status !== "pending").length === count, 10_000);
}

describe("the delivery log", () => {
  test("tells what was sent, the newest first, and the time by GitHub's clock", async () => {
    const { gh, github } = await startWithLog(3);

    const { at, entries } = await github.deliveries(0, NO_LIMIT);

    expect(Math.abs(at - Date.now())).toBeLessThan(seconds(5));
    expect(entries.map(({ event, action }) => `${event} ${action}`)).toEqual([
      "workflow_job queued",
      "workflow_job queued",
      "installation created",
    ]);
    const newest = gh.deliveries().at(-1);
    expect(entries[0]).toMatchObject({ id: String(newest?.id), guid: newest?.guid });
  });

  test("has ids that are too large for a number", async () => {
    const { github } = await startWithLog(1);

    const { entries } = await github.deliveries(0, NO_LIMIT);

    expect(entries.map(({ id }) => BigInt(id) > Number.MAX_SAFE_INTEGER)).toEqual([true]);
    expect(await github.delivery(entries[0]?.id ?? "", NO_LIMIT)).toMatchObject({ event: "installation" });
  });

  test("is read to its last page, each page from the mark that the one before gave", async () => {
    const { gh, github, calls } = await startWithLog(250);

    const { entries } = await github.deliveries(0, NO_LIMIT);

    expect(new Set(entries.map(({ guid }) => guid))).toEqual(
      new Set(gh.deliveries().map(({ guid }) => guid)),
    );
    expect(entries).toHaveLength(250);
    expect(calls()).toEqual([LIST, LIST, LIST]);
  });

  test("is not read further than the first page that ends before the time asked for", async () => {
    const { gh, github, calls } = await startWithLog(250);
    for (const [index, delivery] of gh.world.deliveries.entries()) {
      if (index < 130) delivery.deliveredAt -= seconds(60);
    }

    const { entries } = await github.deliveries(Date.now() - seconds(30), NO_LIMIT);

    expect(entries).toHaveLength(120);
    expect(calls()).toEqual([LIST, LIST]);
  });

  test("has a redelivery under the GUID of the first try", async () => {
    const { gh, github } = await startWithLog(1);
    gh.redeliver(gh.deliveries()[0]?.id ?? 0);
    await sent(gh, 2);

    const { entries } = await github.deliveries(0, NO_LIMIT);

    expect(entries).toHaveLength(2);
    expect(entries[0]?.guid).toBe(entries[1]?.guid);
  });

  test("is empty where the App has no webhook", async () => {
    const { github, calls } = await startPort();

    expect((await github.deliveries(0, NO_LIMIT)).entries).toEqual([]);
    expect(calls()).toEqual([LIST]);
  });

  test("is empty, too, where GitHub says that there is none", async () => {
    const { gh, github } = await startPort();
    gh.faults.answers.push({ operation: "apps/list-webhook-deliveries", status: 404 });

    expect((await github.deliveries(0, NO_LIMIT)).entries).toEqual([]);
  });
});

describe("a webhook of the delivery log", () => {
  test("is the one that was sent", async () => {
    const { gh, github } = await startWithLog(2);
    const sentOne = gh.deliveries().at(-1);

    const found = await github.delivery(String(sentOne?.id), NO_LIMIT);

    expect(found).toEqual({
      id: sentOne?.guid,
      event: "workflow_job",
      payload: sentOne?.request.body,
    });
  });

  test("may have a number that is too large for one of JavaScript's", async () => {
    const { gh, github } = await startWithLog(2);
    const [entry] = (await github.deliveries(0, NO_LIMIT)).entries;
    const sentOne = gh.world.deliveries.at(-1);
    if (sentOne) sentOne.request.body = '{"action":"queued","number":3804004623172239360}';

    const found = await github.delivery(entry?.id ?? "", NO_LIMIT);

    expect(found).toMatchObject({ payload: '{"action":"queued","number":3804004623172239400}' });
  });

  test("is gone when GitHub has dropped it", async () => {
    const { github } = await startWithLog(1);

    expect(await github.delivery("12345", NO_LIMIT)).toBe("gone");
  });
});
