import { afterEach, describe, expect, test } from "vitest";
import { watchDeliveries } from "../../src/intake/delivery-log.ts";
import { type DeliveryEntry, GitHubUnavailable, type Store } from "../../src/ports.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { ago, hours, minutes, NOW, seconds } from "../support/build.ts";
import { fakeClock, settled } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";
import { type FakeGitHub, fakeGitHub } from "../support/ring.ts";

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

/** A webhook about a job that was sent that long ago. */
const sent = (id: number, agoMs: number, changes: Partial<DeliveryEntry> = {}): DeliveryEntry => ({
  id: String(id),
  guid: `guid-${id}`,
  event: "workflow_job",
  action: "queued",
  at: ago(agoMs),
  ...changes,
});

type Parts = {
  /** GitHub's log, in any order. */
  log?: DeliveryEntry[];
  store?: Store;
  /** GUIDs that came as webhooks. */
  came?: string[];
  position?: number;
  /** How far GitHub's clock is behind ours. */
  behindMs?: number;
  trouble?: (github: FakeGitHub) => void;
};

/** Watches in the background, on a clock that stands. */
async function watching(parts: Parts = {}) {
  const { log = [], store = memoryStore(), came = [], position, behindMs = 0, trouble } = parts;
  const clock = fakeClock();
  const github = fakeGitHub(() => clock.now() - behindMs);
  const kept = keptLog();
  const put = (...entries: DeliveryEntry[]) => {
    github.deliveryLog.push(...entries);
    github.deliveryLog.sort((a, b) => b.at - a.at);
  };
  put(...log);
  for (const id of came)
    await store.keep({ id, event: "workflow_job", payload: "as it came", receivedAt: NOW });
  if (position !== undefined) await store.moveLogPosition(position);
  trouble?.(github);
  let woken = 0;
  const wake = () => {
    woken += 1;
  };
  const { soon, ended } = watchDeliveries(
    { github: github.port, store, wake, clock, log: kept.log },
    stop.signal,
  );
  await settled();
  const ids = async () => (await store.unread()).map(({ id }) => id);
  return { clock, github, store, kept, put, soon, ended, ids, woken: () => woken };
}

describe("the delivery log", () => {
  test("gives what never came, the oldest first, and wakes the reader", async () => {
    const { ids, store, woken } = await watching({
      log: [sent(3, seconds(10)), sent(2, seconds(20)), sent(1, seconds(30))],
      came: ["guid-2"],
    });

    expect(await ids()).toEqual(["guid-2", "guid-1", "guid-3"]);
    expect((await store.unread())[1]).toEqual({
      id: "guid-1",
      event: "workflow_job",
      payload: '{"delivery":1}',
      receivedAt: NOW,
    });
    expect(woken()).toBe(2);
  });

  test("is read again every minute", async () => {
    const { clock, put, ids } = await watching();
    put(sent(1, 0));

    await clock.advance(minutes(1) - 1);
    expect(await ids()).toEqual([]);
    await clock.advance(1);
    await settled();
    expect(await ids()).toEqual(["guid-1"]);
  });

  test("is asked nothing more of what came by itself", async () => {
    const { github } = await watching({ log: [sent(1, seconds(10))], came: ["guid-1"] });

    expect(github.calls("delivery")).toBe(0);
  });

  test.for([
    ["push", undefined],
    ["check_run", "created"],
    ["check_run", "completed"],
    ["star", "created"],
  ] as const)("is not asked for what nobody reads: %s %s", async ([event, action]) => {
    const { github } = await watching({ log: [sent(1, seconds(10), { event, action })] });

    expect(github.calls("delivery")).toBe(0);
  });

  test.for([
    ["workflow_job", "completed"],
    ["check_run", "rerequested"],
    ["check_run", "requested_action"],
    ["installation", "suspend"],
    ["installation_repositories", "removed"],
  ] as const)("is asked for what somebody reads: %s %s", async ([event, action]) => {
    const { ids } = await watching({ log: [sent(1, seconds(10), { event, action })] });

    expect(await ids()).toEqual(["guid-1"]);
  });

  test("is not asked for a click of long ago, which nobody waits for any more", async () => {
    const click = { event: "check_run", action: "requested_action" };
    const log = [sent(2, minutes(59), click), sent(1, minutes(61), click)];

    const { ids } = await watching({ log });

    expect(await ids()).toEqual(["guid-2"]);
  });

  test("is asked once for a webhook that was sent several times", async () => {
    const again = sent(2, seconds(10), { guid: "guid-1" });
    const { github } = await watching({ log: [again, sent(1, seconds(20))] });

    expect(github.calls("delivery")).toBe(1);
  });

  test("is read a day back at the very first look, since a job waits no longer", async () => {
    const { ids } = await watching({ log: [sent(2, hours(23)), sent(1, hours(25))] });

    expect(await ids()).toEqual(["guid-2"]);
  });

  test("that is empty costs one call a minute, and nothing else", async () => {
    const { clock, github, kept } = await watching();

    for (let minute = 0; minute < 5; minute += 1) {
      await clock.advance(minutes(1));
      await settled();
    }

    expect(github.calls("deliveries")).toBe(6);
    expect(github.calls("delivery")).toBe(0);
    expect(kept.lines).toEqual([]);
  });

  test("is looked at sooner when somebody rings, but not without a pause", async () => {
    const { clock, github, put, soon, ids } = await watching();
    put(sent(1, 0));

    soon();
    soon();
    await clock.advance(seconds(5) - 1);
    await settled();
    expect(github.calls("deliveries")).toBe(1);
    await clock.advance(1);
    await settled();
    expect(await ids()).toEqual(["guid-1"]);
    soon();
    await clock.advance(seconds(5) - 1);
    await settled();
    expect(github.calls("deliveries")).toBe(2);
  });

  test("is looked at once more when somebody rings during a look", async () => {
    const { clock, github, soon } = await watching({ trouble: (it) => void it.waits("deliveries") });
    soon();
    await clock.advance(minutes(5));
    await settled();

    await clock.advance(seconds(5));
    await settled();

    expect(github.calls("deliveries")).toBe(2);
  });

  test("is left alone when Mayfly ends", async () => {
    const { clock, github, ended } = await watching();

    stop.abort();

    await expect(ended).resolves.toBeUndefined();
    await clock.advance(minutes(10));
    expect(github.calls("deliveries")).toBe(1);
  });
});

describe("the position in the delivery log", () => {
  test("spares a later process what an earlier one has read", async () => {
    const store = memoryStore();
    await watching({ log: [sent(1, hours(2)), sent(2, seconds(1))], store });
    stop.abort();
    stop = new AbortController();
    // What was pruned, or what nobody wanted to keep, is not asked for again.
    const { github } = await watching({
      log: [sent(9, hours(1)), sent(1, hours(2)), sent(2, seconds(1))],
      store,
    });

    expect(await store.logPosition()).toBe(ago(seconds(1)));
    expect(github.calls("delivery")).toBe(0);
  });

  test("leaves room for an entry that appears behind others: it does so when its delivery has ended", async () => {
    const { clock, put, ids } = await watching({ log: [sent(2, seconds(1))] });
    put(sent(1, seconds(11)));

    await clock.advance(minutes(1));
    await settled();

    expect(await ids()).toEqual(["guid-2", "guid-1"]);
  });

  test("stays where it is until everything is kept, and then nothing is lost or fetched twice", async () => {
    const log = Array.from({ length: 20 }, (_, index) => sent(index + 1, minutes(20 - index)));
    const { store, github, clock, ids } = await watching({
      log,
      position: ago(hours(1)),
      trouble: (it) => it.fails("delivery", new GitHubUnavailable("502")),
    });
    expect(await store.logPosition()).toBe(ago(hours(1)));
    expect(await ids()).toHaveLength(19);

    await clock.advance(minutes(1));
    await settled();

    expect(new Set(await ids()).size).toBe(20);
    expect(github.calls("delivery")).toBe(21);
    expect(await store.logPosition()).toBe(ago(minutes(1)));
  });

  test("is not moved by a list that could not be had", async () => {
    const { store, kept } = await watching({
      log: [sent(1, seconds(1))],
      position: ago(hours(1)),
      trouble: (it) => it.fails("deliveries", new GitHubUnavailable("502")),
    });

    expect(await store.logPosition()).toBe(ago(hours(1)));
    expect(kept.lines).toMatchObject([{ msg: "the delivery log could not be read" }]);
  });

  test("follows GitHub's clock when nothing comes, so that what was pruned is not fetched anew", async () => {
    const { clock, github, store } = await watching({ log: [sent(1, 0)] });
    for (let minute = 0; minute < 20; minute += 1) {
      await clock.advance(minutes(1));
      await settled();
    }
    await store.prune({ facts: clock.now() + 1, rows: 0 });

    await clock.advance(minutes(1));
    await settled();

    expect(github.calls("delivery")).toBe(1);
    expect(clock.now() - ((await store.logPosition()) ?? 0)).toBe(minutes(10));
  });

  test("never goes ahead of GitHub's clock, whatever our own says", async () => {
    const { store } = await watching({ behindMs: hours(3) });

    expect(await store.logPosition()).toBe(ago(hours(3) + minutes(10)));
  });
});

describe("a webhook that GitHub does not give", () => {
  test("since it is gone is skipped with a warning, and asked for once", async () => {
    const { clock, github, store, kept, ids } = await watching({
      log: [sent(2, seconds(10)), sent(1, seconds(20))],
      trouble: (it) => void it.gone.add("1"),
    });
    await clock.advance(minutes(1));
    await settled();

    expect(await ids()).toEqual(["guid-2"]);
    expect(await store.logPosition()).toBe(ago(seconds(10)));
    expect(github.calls("delivery")).toBe(2);
    const warnings = kept.lines.filter(({ level }) => level === 40);
    expect(warnings).toMatchObject([{ delivery: "guid-1", event: "workflow_job" }]);
  });

  test("time after time is let go in the end, and does not hold up the position for days", async () => {
    const { clock, github, store, kept } = await watching({
      log: [sent(1, seconds(10))],
      trouble: (it) => {
        for (let time = 0; time < 500; time += 1) it.fails("delivery", new GitHubUnavailable("500"));
      },
    });
    for (let minute = 0; minute < 125; minute += 1) {
      expect((await store.logPosition()) === undefined).toBe(minute < 119);
      await clock.advance(minutes(1));
      await settled();
    }

    expect(github.calls("delivery")).toBe(120);
    expect(kept.lines.at(-1)).toMatchObject({
      delivery: "guid-1",
      msg: "webhook let go, GitHub does not give it",
    });
  });

  test("during an hour of trouble is had afterwards, however often a relay rings for it", async () => {
    const log = Array.from({ length: 20 }, (_, index) => sent(index + 1, seconds(60 - index)));
    const { clock, soon, ids, kept } = await watching({
      log,
      trouble: (it) => {
        for (let time = 0; time < 720 * 8; time += 1) it.fails("delivery", new GitHubUnavailable("502"));
      },
    });
    for (let round = 0; round < 720; round += 1) {
      soon();
      await clock.advance(seconds(5));
      await settled();
    }

    expect(await ids()).toHaveLength(20);
    expect(kept.text()).not.toContain("let go");
  });

  test("comes after those that have not been tried, which it else would hold up", async () => {
    const { clock, github, ids } = await watching({
      log: Array.from({ length: 20 }, (_, index) => sent(index + 1, seconds(60 - index))),
      trouble: (it) => {
        for (let time = 0; time < 8; time += 1) it.fails("delivery", new GitHubUnavailable("500"));
      },
    });
    expect(await ids()).toEqual([]);

    for (let time = 0; time < 8; time += 1) github.fails("delivery", new GitHubUnavailable("500"));
    await clock.advance(minutes(1));
    await settled();
    await clock.advance(minutes(1));
    await settled();

    expect((await ids())[0]).toBe("guid-17");
  });

  test("does not keep the others from being fetched, but a few that fail are GitHub's own trouble", async () => {
    const { github, ids } = await watching({
      log: Array.from({ length: 30 }, (_, index) => sent(index + 1, seconds(60 - index))),
      trouble: (it) => {
        for (let time = 0; time < 3; time += 1) it.fails("delivery", new GitHubUnavailable("500"));
      },
    });

    expect(github.calls("delivery")).toBe(8);
    expect(await ids()).toHaveLength(5);
  });

  test("because of a limit is asked for when the limit ends, and not before", async () => {
    const { clock, github, ids } = await watching({
      log: [sent(1, seconds(10))],
      trouble: (it) => it.fails("delivery", new GitHubUnavailable("limited", { retryAt: NOW + minutes(10) })),
    });

    await clock.advance(minutes(10) - 1);
    await settled();
    expect(github.calls("deliveries")).toBe(1);
    await clock.advance(1);
    await settled();

    expect(await ids()).toEqual(["guid-1"]);
  });
});
