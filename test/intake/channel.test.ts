import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { newChannel } from "../../src/intake/channel.ts";

/** Leads to a new channel, as smee.io does. See: github.com/probot/smee.io, src/app.ts. */
async function smee(location: string | undefined): Promise<string> {
  const server = createServer(({ url }, response) => {
    if (url === "/new" && location !== undefined) response.writeHead(307, { location });
    response.end();
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((done) => server.once("listening", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a smee server leads to a new channel, which is not visited", async () => {
  const server = await smee("https://smee.io/abc");

  expect(await newChannel(server, systemClock)).toBe("https://smee.io/abc");
});

test("a server that leads nowhere is an error", async () => {
  await expect(newChannel(await smee(undefined), systemClock)).rejects.toThrow();
  await expect(newChannel("http://127.0.0.1:1", systemClock)).rejects.toThrow();
});
