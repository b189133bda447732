import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { follow, ourRelay, soon } from "../support/relay.ts";
import { signed } from "../support/webhook.ts";

type Follower = ReturnType<typeof follow>;

const losses = ({ lines }: Follower) => lines.filter(({ msg }) => String(msg).startsWith("relay lost"));

const connected = ({ relay }: Follower) => soon(() => expect(relay.health().isConnected).toBe(true));

describe("a relay that is down", () => {
  test.each([
    ["1 s", 1, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]],
    ["half of that, by chance", 0, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]],
  ])("is tried again after %s, twice as long each time, up to a minute", async (_, chance, waits) => {
    const follower = follow(await nowhere(), { random: () => chance });

    for (const [index, waitMs] of waits.entries()) {
      await soon(() => expect(losses(follower)).toHaveLength(index + 1));
      await follower.clock.advance(waitMs);
    }

    expect(
      losses(follower)
        .slice(0, waits.length)
        .map(({ againMs }) => againMs),
    ).toEqual(waits);
    expect(follower.relay.health()).toMatchObject({ isConnected: false, restarts: waits.length });
  });

  test("is told of once at the usual level of the log, however long it is down", async () => {
    const follower = follow(await nowhere());

    for (let index = 0; index < 5; index += 1) {
      await soon(() => expect(losses(follower)).toHaveLength(index + 1));
      await follower.clock.advance(Number(losses(follower).at(-1)?.againMs));
    }

    expect(losses(follower).filter(({ level }) => Number(level) >= 30)).toHaveLength(1);
  });

  test("holds nobody up who wants to end", async () => {
    const follower = follow(await nowhere());
    await soon(() => expect(losses(follower)).toHaveLength(1));

    await follower.relay.close();
    await follower.clock.advance(600_000);

    expect(losses(follower)).toHaveLength(1);
  });
});

describe("a line that was good for a while", () => {
  test("is opened again after the shortest wait", async () => {
    const relay = await ourRelay();
    const follower = follow(relay.url);
    await relay.cut();
    for (let index = 0; index < 3; index += 1) {
      await soon(() => expect(losses(follower)).toHaveLength(index + 1));
      if (index === 2) await relay.mend();
      await follower.clock.advance(Number(losses(follower).at(-1)?.againMs));
    }
    await connected(follower);

    await follower.clock.advance(30_000);
    relay.drop();
    await soon(() => expect(losses(follower)).toHaveLength(4));

    expect(losses(follower).map(({ againMs }) => againMs)).toEqual([500, 1_000, 2_000, 500]);
  });

  test("was none if it was dropped soon, so that a relay that drops every line is not hammered", async () => {
    const relay = await ourRelay();
    const follower = follow(relay.url);
    for (let index = 0; index < 3; index += 1) {
      await connected(follower);
      relay.drop();
      await soon(() => expect(losses(follower)).toHaveLength(index + 1));
      await follower.clock.advance(Number(losses(follower).at(-1)?.againMs));
    }

    expect(losses(follower).map(({ againMs }) => againMs)).toEqual([500, 1_000, 2_000]);
  });
});

describe("a relay that keeps messages", () => {
  test("is asked for those that were sent while the line was down, and for no other", async () => {
    const relay = await ourRelay();
    const follower = follow(relay.url);
    await connected(follower);
    await relay.post('{"n":1}');
    await soon(() => expect(follower.payloads()).toHaveLength(1));

    relay.drop();
    await soon(() => expect(losses(follower)).toHaveLength(1));
    const whileDown = [await relay.post('{"n":2}'), await relay.post('{"n":3}')];
    const keptWhileDown = follower.payloads();
    await follower.clock.advance(500);

    await soon(() => expect(follower.payloads()).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']));
    expect(whileDown).toEqual([503, 503]);
    expect(keptWhileDown).toEqual(['{"n":1}']);
    expect(follower.offered()).toBe(3);
  });

  test("is asked for those that were sent while Mayfly was down", async () => {
    const relay = await ourRelay();
    await relay.post('{"n":1}');

    const follower = follow(relay.url);

    await soon(() => expect(follower.payloads()).toEqual(['{"n":1}']));
  });
});

describe("a relay that means ill", () => {
  test.each([
    ["no JSON", "hello"],
    ["no object", "[]"],
    ["no headers", "{}"],
    ["a header that cannot be made a text", '{"x-github-delivery":{"toString":1},"body":{}}'],
    ["a raw body that is none", '{"rawBody":7,"body":{}}'],
    [
      "a body of other bytes than the raw one",
      JSON.stringify({ ...signed("{}"), body: {}, rawBody: "e30g" }),
    ],
    ["no body", JSON.stringify(signed(""))],
    ["a body that is nested very deep", `{"body":${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
    ["a body with more than 1 MiB", withBody(`{"a":"${"x".repeat(1024 * 1024)}"}`)],
  ])("and sends %s gets nothing in, and ends nothing", async (_, message) => {
    const relay = await oddRelay();
    const follower = follow(relay.url);
    const line = await relay.line();

    line.write(`data: ${message}\n\n`);
    line.write(`data: ${withBody("{}")}\n\n`);
    await soon(() => expect(follower.payloads()).toEqual(["{}"]));

    expect(follower.relay.health()).toMatchObject({ spoilt: 1, restarts: 0, isConnected: true });
  });

  test("and sends a message without an end loses the line before it fills the memory", async () => {
    const relay = await oddRelay();
    const follower = follow(relay.url);
    const line = await relay.line();

    for (let sent = 0; sent < 5; sent += 1) line.write(`data: ${"x".repeat(1024 * 1024)}\n`);
    await soon(() => expect(losses(follower)).toHaveLength(1));

    expect(losses(follower)[0]?.why).toContain("too large");
  });

  test("and sends many large messages keeps the line, since each has an end", async () => {
    const relay = await oddRelay();
    const follower = follow(relay.url);
    const line = await relay.line();

    for (let sent = 0; sent < 9; sent += 1)
      line.write(`data: ${withBody(`{"a":"${"x".repeat(900_000)}"}`)}\r\n\r\n`);

    await soon(() => expect(follower.payloads()).toHaveLength(9));
    expect(follower.relay.health().restarts).toBe(0);
  });

  test("and sends on to another address is not followed there", async () => {
    const other = await oddRelay();
    const relay = await oddRelay((response) => response.writeHead(302, { location: other.url }).end());
    const follower = follow(relay.url);

    await soon(() => expect(losses(follower)).toHaveLength(1));

    expect(other.lines()).toBe(0);
  });

  test("and gives a message an id that no header can have is asked again all the same", async () => {
    const relay = await oddRelay();
    const follower = follow(relay.url);
    const line = await relay.line();

    line.write(`id: \u{1F41B}\ndata: ${withBody("{}")}\n\n`);
    await soon(() => expect(follower.payloads()).toHaveLength(1));
    line.end();
    await soon(() => expect(losses(follower)).toHaveLength(1));
    await follower.clock.advance(500);

    await connected(follower);
    expect(relay.lines()).toBe(2);
  });
});

test("webhooks that pour in are read on from the relay only when those before are kept", async () => {
  const relay = await oddRelay();
  const disk = Promise.withResolvers<"new">();
  const slow = follow(relay.url, { keep: () => disk.promise });
  const slowLine = await relay.line();
  const quick = follow(relay.url);
  const quickLine = await relay.line();
  const count = 150;
  const message = () => `data: ${withBody(`{"a":"${"x".repeat(100_000)}"}`)}\n\n`;

  for (let sent = 0; sent < count; sent += 1) {
    slowLine.write(message());
    quickLine.write(message());
  }
  await soon(() => expect(quick.payloads()).toHaveLength(count));
  const heldBytes = slowLine.writableLength;
  disk.resolve("new");

  await soon(() => expect(slow.rung.wake).toBe(count));
  expect(heldBytes).toBeGreaterThan(50 * message().length);
});

/** Where nobody listens any more. */
async function nowhere(): Promise<string> {
  const relay = await ourRelay();
  await relay.cut();
  return relay.url;
}

/** A message as a relay sends it, of a body that is signed well. */
function withBody(body: string): string {
  return JSON.stringify({ ...signed(body), rawBody: Buffer.from(body).toString("base64") });
}

/** A relay that sends whatever the test writes. */
async function oddRelay(answer?: (response: ServerResponse) => unknown) {
  let lines = 0;
  let tell = Promise.withResolvers<ServerResponse>();
  const server = createServer((_, response) => {
    if (answer) return void answer(response);
    lines += 1;
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    tell.resolve(response);
    tell = Promise.withResolvers();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/channel`;
  return { url, line: () => tell.promise, lines: () => lines };
}
