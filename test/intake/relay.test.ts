import { describe, expect, test } from "vitest";
import { follow, ourRelay, relayLikeSmee, soon, type TestRelay, TOKEN } from "../support/relay.ts";
import { signed } from "../support/webhook.ts";

const BODY = JSON.stringify({ action: "queued", name: "a name that nobody may read in the log" });
const WRONG = "a secret that is not GitHub's";

type Follower = ReturnType<typeof follow>;

const connected = ({ relay }: Follower) =>
  soon(() => expect(relay.health()).toMatchObject({ isConnected: true, lastPingAt: expect.any(Number) }));

const keptBodies = ({ payloads }: Follower, bodies: readonly string[]) =>
  soon(() => expect(payloads()).toEqual(bodies));

/** Waits until the line was lost so often, and lets time go on until it is opened again. */
async function reopened(follower: Follower, times = 1): Promise<void> {
  await soon(() => expect(losses(follower)).toHaveLength(times));
  await follower.clock.advance(Number(losses(follower).at(-1)?.againMs));
}

const losses = ({ lines }: Follower) => lines.filter(({ msg }) => String(msg).startsWith("relay lost"));

describe.each<[string, () => Promise<TestRelay>]>([
  ["mayfly relay", ourRelay],
  ["a relay like smee.io", relayLikeSmee],
])("a webhook over %s", (_, start) => {
  test("is kept word for word and rings, once if it comes twice", async () => {
    const relay = await start();
    const follower = follow(relay.url);
    await connected(follower);
    const headers = signed(BODY);

    await relay.post(BODY, headers);
    await relay.post(BODY, headers);
    await relay.post("{}");
    await keptBodies(follower, [BODY, "{}"]);

    expect(follower.kept.get(headers["x-github-delivery"] ?? "")).toMatchObject({
      event: "workflow_job",
      receivedAt: follower.clock.now(),
    });
    expect(follower.rung.wake).toBe(2);
    expect(follower.relay.health()).toMatchObject({ lastEventAt: follower.clock.now(), spoilt: 0 });
  });

  test("is never taken when its signature does not fit: it is counted, and GitHub is to be asked", async () => {
    const relay = await start();
    const follower = follow(relay.url);
    await connected(follower);
    const asked = follower.rung.lookSoon;

    for (let count = 0; count < 5; count += 1) await relay.post(BODY, signed(BODY, "workflow_job", WRONG));
    await relay.post("{}");
    await keptBodies(follower, ["{}"]);

    expect(follower.relay.health().spoilt).toBe(5);
    expect(follower.rung).toEqual({ wake: 1, lookSoon: asked + 5 });
    const told = follower.lines.filter(({ msg }) => String(msg).startsWith("webhook spoilt"));
    expect(told).toMatchObject([{ status: 401, refused: 1 }]);
  });

  test("is taken again after the line was dropped, and GitHub is asked for what was lost", async () => {
    const relay = await start();
    const follower = follow(relay.url);
    await connected(follower);
    const asked = follower.rung.lookSoon;

    relay.drop();
    await reopened(follower);
    await connected(follower);
    await relay.post(BODY);

    await keptBodies(follower, [BODY]);
    expect(follower.rung.lookSoon).toBe(asked + 1);
    expect(follower.relay.health()).toMatchObject({ isConnected: true, restarts: 1 });
  });

  test("is taken again after the relay answered 502, which is the end of smee-client alone", async () => {
    const relay = await start();
    const follower = follow(relay.url);
    await connected(follower);

    relay.failNext(502);
    relay.drop();
    await reopened(follower, 1);
    await reopened(follower, 2);
    await connected(follower);
    await relay.post(BODY);

    await keptBodies(follower, [BODY]);
    expect(losses(follower)[1]?.why).toContain("502");
  });

  test("is taken again after the line fell silent for 75 s", async () => {
    const relay = await start();
    const follower = follow(relay.url);
    await connected(follower);

    relay.mute();
    await follower.clock.advance(74_999);
    const before = losses(follower).length;
    await follower.clock.advance(1);
    await reopened(follower);
    await connected(follower);
    await relay.post(BODY);

    await keptBodies(follower, [BODY]);
    expect(before).toBe(0);
    expect(losses(follower)[0]?.why).toBe("nothing was heard for 75 s");
  });

  test("comes over the same line for ever as long as there are pings", async () => {
    const relay = await start();
    const follower = follow(relay.url);
    await connected(follower);

    for (let ping = 0; ping < 4; ping += 1) {
      await follower.clock.advance(60_000);
      await relay.ping();
      await soon(() => expect(follower.relay.health().lastPingAt).toBe(follower.clock.now()));
    }

    expect(relay.asked()).toBe(1);
    expect(follower.relay.health().restarts).toBe(0);
  });

  test("is taken when the relay comes up after Mayfly", async () => {
    const relay = await start();
    await relay.cut();
    const follower = follow(relay.url);
    await reopened(follower, 1);
    await soon(() => expect(losses(follower)).toHaveLength(2));

    await relay.mend();
    await reopened(follower, 2);
    await connected(follower);
    await relay.post(BODY);

    await keptBodies(follower, [BODY]);
  });

  test("that cannot be kept is asked for, and the next one is taken", async () => {
    const relay = await start();
    let isFull = true;
    const follower = follow(relay.url, {
      keep: async () => {
        if (isFull) throw new Error("disk full");
        return "new";
      },
    });
    await connected(follower);
    const asked = follower.rung.lookSoon;

    await relay.post(BODY);
    await soon(() => expect(follower.logged()).toContain("disk full"));
    isFull = false;
    await relay.post(BODY);

    await soon(() => expect(follower.rung).toEqual({ wake: 1, lookSoon: asked + 1 }));
  });

  test("is kept to its end before the line closes", async () => {
    const relay = await start();
    const keeping = Promise.withResolvers<"new">();
    const begun = Promise.withResolvers<void>();
    const follower = follow(relay.url, {
      keep: () => {
        begun.resolve();
        return keeping.promise;
      },
    });
    await connected(follower);
    await relay.post(BODY);
    await begun.promise;

    let isClosed = false;
    const closed = follower.relay.close().then(() => {
      isClosed = true;
    });
    await relay.post(BODY);
    const wasClosed = isClosed;
    keeping.resolve("new");
    await closed;

    expect(wasClosed).toBe(false);
    expect(follower.rung.wake).toBe(1);
    expect(follower.relay.health().isConnected).toBe(false);
  });

  test("leaves neither its body nor the channel in the log", async () => {
    const relay = await start();
    const follower = follow(relay.url);
    await connected(follower);

    await relay.post(BODY);
    await relay.post(BODY, signed(BODY, "workflow_job", WRONG));
    await soon(() => expect(follower.relay.health().spoilt).toBe(1));
    await relay.cut();
    await reopened(follower);

    expect(follower.logged()).toContain("webhook spoilt");
    expect(follower.logged() + relay.logged()).not.toContain("nobody may read");
    expect(follower.logged() + relay.logged()).not.toContain(TOKEN);
    expect(JSON.stringify(follower.relay.health())).not.toContain(TOKEN);
  });
});

/** JSON that has other bytes when it was parsed and written again. */
const FRAGILE: [string, string][] = [
  ["escaped signs", String.raw`{"name":"\u003cscript\u003e"}`],
  ["escaped letters", String.raw`{"name":"\u00e4"}`],
  ["escaped slashes", String.raw`{"url":"https:\/\/github.com"}`],
  ["keys like numbers", '{"b":1,"1":2}'],
  ["1.0", '{"number":1.0}'],
  ["integers beyond 2^53", '{"id":12345678901234567890}'],
  ["a key twice", '{"id":1,"id":2}'],
  ["white space", '{\n  "id": 1\n}'],
];

describe("a body with", () => {
  test.each(FRAGILE)("%s survives mayfly relay", async (_, body) => {
    const relay = await ourRelay();
    const follower = follow(relay.url);
    await connected(follower);

    await relay.post(body);

    await keptBodies(follower, [body]);
  });

  test.each(FRAGILE)("%s is spoilt by a relay like smee.io, refused, and asked for", async (_, body) => {
    const relay = await relayLikeSmee();
    const follower = follow(relay.url);
    await connected(follower);
    const asked = follower.rung.lookSoon;

    await relay.post(body);
    await soon(() => expect(follower.relay.health().spoilt).toBe(1));

    expect(follower.payloads()).toEqual([]);
    expect(follower.rung).toEqual({ wake: 0, lookSoon: asked + 1 });
  });
});
