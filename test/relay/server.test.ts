import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { SmeeClient } from "smee-client";
import { describe, expect, onTestFinished, test } from "vitest";
import { SetupError } from "../../src/ports.ts";
import { relayServer } from "../../src/relay/server.ts";
import { fakeClock } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";
import { ourRelay, soon, TOKEN } from "../support/relay.ts";
import { SECRET, signed } from "../support/webhook.ts";

const BODY = JSON.stringify({ action: "queued", name: "a name that nobody may read in the log" });

describe("a listener", () => {
  test("gets what smee.io would send, and the raw body", async () => {
    const relay = await ourRelay();
    const line = await listen(relay.url);
    const body = '{ "id": 1.0 }';
    const headers = signed(body);

    const status = await relay.post(body, {
      ...headers,
      authorization: "Bearer of nobody's",
      "x-forwarded-for": "10.0.0.1",
    });

    const [ready, message] = await line.events(2);
    expect(status).toBe(200);
    expect(ready).toEqual({ event: "ready", data: "{}" });
    expect(JSON.parse(message?.data ?? "")).toEqual({
      ...headers,
      "user-agent": expect.any(String),
      body: { id: 1 },
      rawBody: Buffer.from(body).toString("base64"),
      query: {},
      timestamp: expect.any(Number),
    });
  });

  test("that is smee-client as it is gets the webhook", async () => {
    const relay = await ourRelay();
    const client = new SmeeClient({
      source: relay.url,
      target: "http://127.0.0.1:1",
      forward: false,
      logger: { info() {}, error() {} },
    });
    const got = Promise.withResolvers<string>();
    client.onmessage = ({ data }) => got.resolve(String(data));
    await client.start();
    onTestFinished(() => client.stop());

    await relay.post(BODY);

    expect(JSON.parse(await got.promise).body).toEqual(JSON.parse(BODY));
  });

  test("gets a ping every 30 s", async () => {
    const relay = await ourRelay();
    const line = await listen(relay.url);

    await relay.ping();
    await relay.ping();

    expect((await line.events(3)).map(({ event }) => event)).toEqual(["ready", "ping", "ping"]);
  });

  test("is told to the proxies between as something that they may not hold back", async () => {
    const relay = await ourRelay();

    const { headers } = await listen(relay.url);

    expect(headers).toMatch(/^content-type: text\/event-stream\r$/m);
    expect(headers).toMatch(/^x-accel-buffering: no\r$/m);
    expect(headers).toMatch(/^cache-control: no-store, no-transform\r$/m);
  });

  test("that is new gets nothing old, one that comes back gets what it missed", async () => {
    const relay = await ourRelay();
    const first = await listen(relay.url);
    for (const n of [1, 2, 3]) await relay.post(`{"n":${n}}`);
    const [, one] = await first.events(4);

    const fresh = await listen(relay.url);
    const back = await listen(relay.url, { "last-event-id": one?.id ?? "" });
    await relay.post('{"n":4}');

    expect((await fresh.events(2)).map(bodyOf)).toEqual([undefined, { n: 4 }]);
    expect((await back.events(4)).map(bodyOf)).toEqual([undefined, { n: 2 }, { n: 3 }, { n: 4 }]);
  });

  test("that is one too many takes the place of the oldest, whose line may be dead", async () => {
    const relay = await ourRelay({ limits: { listeners: 2 } });
    const oldest = await listen(relay.url);
    const others = [await listen(relay.url), await listen(relay.url)];
    await oldest.closed;

    await relay.post("{}");

    for (const line of others) expect((await line.events(2)).map(bodyOf)).toEqual([undefined, {}]);
  });

  test("that reads too slowly is cut, before it fills the memory", async () => {
    const relay = await ourRelay({ limits: { backlogBytes: 1024 * 1024 } });
    const slow = await listen(relay.url);
    slow.socket.pause();
    const body = JSON.stringify({ a: "x".repeat(500_000) });

    const statuses = new Set<number>();
    await soon(async () => {
      statuses.add(await relay.post(body));
      expect(statuses).toContain(503);
    });

    expect(relay.logged()).toContain("it is too slow");
  });

  test("hears the end of the relay, and whoever comes later hears it too", async () => {
    const { log } = keptLog();
    const clock = fakeClock();
    const relay = await ourRelay({ log, clock });
    const line = await listen(relay.url);

    relay.end();
    await line.closed;
    const late = await fetch(relay.url);

    expect(await late.text()).toBe("");
    expect(await relay.post("{}")).toBe(503);
  });
});

describe("GitHub", () => {
  test("is answered 503 when nobody listens, and what it sent is kept for who comes back", async () => {
    const relay = await ourRelay();

    const status = await relay.post(BODY);

    const line = await listen(relay.url, { "last-event-id": "none" });
    expect(status).toBe(503);
    expect((await line.events(2)).map(bodyOf)).toEqual([undefined, JSON.parse(BODY)]);
  });

  test.each<[string, number, string, Record<string, string>]>([
    ["a delivery id that is no GUID", 400, BODY, { "x-github-delivery": "1" }],
    ["no name of an event", 400, BODY, { "x-github-event": "" }],
    ["no signature", 401, BODY, { "x-hub-signature-256": "" }],
    ["a body that is no object", 400, "[]", {}],
    ["a body that is no JSON", 400, "{", {}],
    ["a form", 415, BODY, { "content-type": "application/x-www-form-urlencoded" }],
    ["more than 1 MiB", 413, JSON.stringify({ a: "x".repeat(1024 * 1024) }), {}],
    ["numbers that would be 4 MiB when written again", 413, `{"a":[${"1e20,".repeat(200_000)}0]}`, {}],
  ])("is refused with %s: %i", async (_, status, body, headers) => {
    const relay = await ourRelay();
    const line = await listen(relay.url);

    const answer = await relay.post(body, { ...signed(body), ...headers });
    await relay.post("{}");

    expect(answer).toBe(status);
    expect((await line.events(2)).map(bodyOf)).toEqual([undefined, {}]);
  });

  test("is answered, and the relay goes on, when a body is nested very deep", async () => {
    const relay = await ourRelay();
    await listen(relay.url);
    const body = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;

    const answers = [await relay.post(body), await relay.post("{}")];

    expect(answers).toEqual([500, 200]);
  });

  test("is checked at the door if the relay knows the secret", async () => {
    const relay = await ourRelay({ secrets: [SECRET] });
    const line = await listen(relay.url);

    const wrong = await relay.post(BODY, signed(BODY, "workflow_job", "a secret that is not GitHub's"));
    const right = await relay.post("{}");

    expect([wrong, right]).toEqual([401, 200]);
    expect((await line.events(2)).map(bodyOf)).toEqual([undefined, {}]);
  });

  test("is not checked if the relay does not know the secret: that is for the listener", async () => {
    const relay = await ourRelay();
    const line = await listen(relay.url);

    const answer = await relay.post(BODY, signed(BODY, "workflow_job", "a secret that is not GitHub's"));

    expect(answer).toBe(200);
    expect((await line.events(2)).map(bodyOf)).toEqual([undefined, JSON.parse(BODY)]);
  });
});

describe("whoever does not know the token", () => {
  test.each([
    ["another one", "POST", "/another-token-that-is-wrong"],
    ["none", "POST", "/"],
    ["its first half", "POST", `/${TOKEN.slice(0, 12)}`],
    ["more than it", "POST", `/${TOKEN}/more`],
    ["another one", "GET", "/another-token-that-is-wrong"],
    ["none", "GET", "/"],
    ["the right one, and another method", "HEAD", `/${TOKEN}`],
    ["the right one, and another method", "PUT", `/${TOKEN}`],
  ])("and takes %s is answered 404: %s", async (_, method, path) => {
    const relay = await ourRelay();
    const { origin } = new URL(relay.url);

    const { status } = await fetch(`${origin}${path}`, {
      method,
      headers: signed(BODY),
      ...(method === "POST" || method === "PUT" ? { body: BODY } : {}),
    });

    expect(status).toBe(404);
    expect(relay.listeners()).toBe(0);
  });
});

test("the log has neither the token nor a word of a webhook", async () => {
  const relay = await ourRelay({ secrets: [SECRET] });
  const line = await listen(relay.url);

  await relay.post(BODY);
  await relay.post(BODY, signed(BODY, "workflow_job", "a secret that is not GitHub's"));
  line.socket.destroy();
  await soon(() => expect(relay.logged()).toContain("listener left"));

  expect(relay.logged()).toContain("webhook refused");
  expect(relay.logged()).not.toContain(TOKEN);
  expect(relay.logged()).not.toContain("nobody may read");
});

test("a secret that can be guessed is refused", () => {
  const { log } = keptLog();
  const start = () => relayServer({ token: TOKEN, secrets: ["development"], clock: fakeClock(), log });

  expect(start).toThrow(SetupError);
});

type SseEvent = { event?: string; id?: string; data?: string };

const bodyOf = ({ data = "" }: SseEvent): unknown => (JSON.parse(data) as { body?: unknown }).body;

/** Listens over a bare socket, so that nothing is left to a client's idea of the protocol. */
async function listen(url: string, headers: Record<string, string> = {}) {
  const { hostname, port, pathname } = new URL(url);
  const socket: Socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  let received = "";
  socket.on("data", (chunk) => {
    received += String(chunk);
  });
  const closed = once(socket, "close");
  const lines = Object.entries({ host: hostname, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  socket.write(`GET ${pathname} HTTP/1.1\r\n${lines.join("")}\r\n`);
  await soon(() => expect(received).toContain("event: ready"));
  const events = async (count: number): Promise<SseEvent[]> => {
    await soon(() => expect(parsed(received).length).toBeGreaterThanOrEqual(count));
    return parsed(received);
  };
  return { socket, closed, events, headers: received.split("\r\n\r\n")[0] ?? "" };
}

function parsed(received: string): SseEvent[] {
  const body = received
    .slice(received.indexOf("\r\n\r\n") + 4)
    .replaceAll(/\r\n[0-9a-f]+\r\n|^[0-9a-f]+\r\n|\r\n$/g, "");
  const blocks = body.split("\n\n").slice(0, -1);
  return blocks.map((block) =>
    Object.fromEntries(
      block
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]),
    ),
  );
}
