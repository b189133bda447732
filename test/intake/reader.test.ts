import { describe, expect, test } from "vitest";
import { type Reader, startReader } from "../../src/intake/reader.ts";
import { type Delivery, GitHubUnavailable } from "../../src/ports.ts";
import { fakeClock, settled } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";

/** No webhook for so long, and the reader goes on. */
const LULL_MS = 3;

const delivery = (id: string): Delivery => ({ id, event: "workflow_job", payload: "{}", receivedAt: 0 });

function start(receive: (delivery: Delivery) => Promise<void>, ...ids: string[]) {
  const unread = new Map(ids.map((id) => [id, delivery(id)]));
  const clock = fakeClock();
  const { log, lines, text } = keptLog();
  let largest = 0;
  const store: Parameters<typeof startReader>[0]["store"] = {
    unread: async ({ except = [], most = 0 } = {}) => {
      const some = [...unread.values()].filter(({ id }) => !except.includes(id)).slice(0, most);
      largest = Math.max(largest, some.length);
      return some;
    },
    markRead: async (id: string) => void unread.delete(id),
  };
  const reader = startReader({ store, receive, clock, log });
  const keep = (id: string) => {
    unread.set(id, delivery(id));
    reader.wake();
  };
  /** Lets the reader do all that it can do now. */
  const settle = async () => {
    await settled();
    await clock.advance(LULL_MS);
    await settled();
  };
  return {
    reader,
    clock,
    keep,
    settle,
    unread: () => [...unread.keys()],
    largest: () => largest,
    lines,
    text,
  };
}

describe("the reader", () => {
  test("reads what an earlier process left unread, oldest first", async () => {
    const read: string[] = [];
    const { reader, settle, unread } = start(async ({ id }) => void read.push(id), "a", "b", "c");

    await settle();

    expect(read).toEqual(["a", "b", "c"]);
    expect(unread()).toEqual([]);
    await reader.close();
  });

  test("reads each webhook once, also when it is woken in the middle of it", async () => {
    const read: string[] = [];
    const slow = Promise.withResolvers<void>();
    const { reader, settle, keep } = start(async ({ id }) => {
      read.push(id);
      if (id === "slow") await slow.promise;
    }, "slow");

    await settle();
    keep("next");
    await settle();
    slow.resolve();
    await settle();

    expect(read).toEqual(["slow", "next"]);
    await reader.close();
  });

  test("has few in memory at a time, however many are unread", async () => {
    const ids = Array.from({ length: 500 }, (_, index) => `id-${index}`);
    const read: string[] = [];
    const { reader, settle, unread, largest } = start(async ({ id }) => void read.push(id), ...ids);

    for (let turn = 0; turn < 100 && unread().length > 0; turn += 1) await settle();

    expect(read).toEqual(ids);
    expect(largest()).toBeLessThanOrEqual(64);
    await reader.close();
  });

  test("goes on with others while one fails, and tries that one again", async () => {
    const read: string[] = [];
    const { reader, settle, clock, keep, unread } = start(
      async ({ id }) => {
        read.push(id);
        if (id === "bad" && read.filter((each) => each === "bad").length < 3) throw new Error("not yet");
      },
      "bad",
      "good",
    );

    await settle();
    expect(unread()).toEqual(["bad"]);
    keep("better");
    await settle();
    expect(unread()).toEqual(["bad"]);
    await clock.advance(1_000);
    await settle();
    await clock.advance(10_000);
    await settle();

    expect(read).toEqual(["bad", "good", "better", "bad", "bad"]);
    expect(unread()).toEqual([]);
    expect(reader.setAside()).toEqual([]);
    await reader.close();
  });

  test("sets a webhook aside after five tries, keeps it, and says so", async () => {
    let tries = 0;
    const { reader, settle, clock, unread, lines } = start(async () => {
      tries += 1;
      throw new Error("it will never work");
    }, "poison");

    await settle();
    await clock.advance(3_600_000);
    await settle();

    expect(tries).toBe(5);
    expect(unread()).toEqual(["poison"]);
    expect(reader.setAside()).toEqual(["poison"]);
    expect(lines.at(-1)).toMatchObject({
      delivery: "poison",
      reason: "it will never work",
      msg: "webhook set aside",
    });
    await reader.close();
  });

  test("has a webhook wait as long as GitHub limits us, which is no try", async () => {
    let limitedUntil = Number.POSITIVE_INFINITY;
    const { reader, clock, settle, unread, lines } = start(async () => {
      const limited = new GitHubUnavailable("limited", { retryAt: limitedUntil });
      // As Probot throws what its handlers throw.
      if (clock.now() < limitedUntil) throw new AggregateError([limited]);
    }, "click");
    limitedUntil = clock.now() + 60 * 60_000;
    await settle();
    await clock.advance(60 * 60_000 - 10);
    await settle();
    expect(unread()).toEqual(["click"]);

    await clock.advance(10);
    await settle();

    expect(unread()).toEqual([]);
    expect(lines.map(({ msg }) => msg)).not.toContain("webhook set aside");
    await reader.close();
  });

  test("lets a second pass though the limit's end that GitHub named is past", async () => {
    let tries = 0;
    const { reader, clock, settle } = start(async () => {
      tries += 1;
      throw new GitHubUnavailable("limited", { retryAt: clock.now() - 1 });
    }, "click");

    await settle();
    expect(tries).toBe(1);
    await clock.advance(1_000);
    await settle();

    expect(tries).toBe(2);
    await reader.close();
  });

  test("is not held up by more poison than it reads at once", async () => {
    const poison = Array.from({ length: 40 }, (_, index) => `poison-${index}`);
    const { reader, settle, unread } = start(
      async ({ id }) => {
        if (id.startsWith("poison")) throw new Error("no");
      },
      ...poison,
      "good",
    );

    for (let turn = 0; turn < 20; turn += 1) await settle();

    expect(unread()).toEqual(poison);
    await reader.close();
  });

  test("leaves the way to webhooks that pour in, but not for ever", async () => {
    const { reader, clock, keep, unread } = start(async () => {});
    await settled();

    keep("first");
    await settled();
    for (let ms = 2; ms < 50; ms += 2) {
      await clock.advance(2);
      keep(`after ${ms} ms`);
    }
    const waiting = unread().length;
    await clock.advance(2);
    await settled();

    expect(waiting).toBe(25);
    expect(unread()).not.toContain("first");
    await reader.close();
  });

  test("logs no payload, not even one that hangs on an error", async () => {
    const { reader, settle, text } = start(async () => {
      throw Object.assign(new Error("no"), { event: { payload: "nobody may read this" } });
    }, "bad");

    await settle();

    expect(text()).toContain("webhook failed");
    expect(text()).not.toContain("nobody may read this");
    await reader.close();
  });

  test("ends what it has begun before it closes, and begins nothing more", async () => {
    const slow = Promise.withResolvers<void>();
    const read: string[] = [];
    const { reader, settle, keep, unread } = start(async ({ id }) => {
      await slow.promise;
      read.push(id);
    }, "begun");
    await settle();

    const closed = closing(reader);
    keep("late");
    await settle();
    expect(closed.isDone()).toBe(false);
    slow.resolve();
    await closed.promise;

    expect(read).toEqual(["begun"]);
    expect(unread()).toEqual(["late"]);
  });
});

function closing(reader: Reader) {
  let done = false;
  const promise = reader.close().then(() => {
    done = true;
  });
  return { promise, isDone: () => done };
}
