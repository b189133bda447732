import { expect, test } from "vitest";
import { follow, ourRelay, relayLikeSmee, soon } from "../support/relay.ts";

test("a cut relay answers GitHub nothing, and passes on after it was mended", async () => {
  const relay = await ourRelay();

  await relay.cut();
  const whileCut = relay.post('{"n":1}');
  await expect(whileCut).rejects.toThrow("fetch failed");
  await relay.mend();

  expect(await relay.post('{"n":2}')).toBe(503);
});

test("a cut relay that swallows answers GitHub 200, lets nobody listen, and passes nothing on, then or later", async () => {
  const relay = await ourRelay();
  await relay.cut({ swallow: true });

  const answer = await relay.post('{"n":1}');
  const listening = fetch(relay.url);
  await expect(listening).rejects.toThrow("fetch failed");
  await relay.mend();
  await relay.post('{"n":2}');
  const follower = follow(relay.url);

  await soon(() => expect(follower.payloads()).toEqual(['{"n":2}']));
  expect(answer).toBe(200);
});

test("what our relay holds survives a cut of its port, what smee.io was sent does not", async () => {
  const kept = [];
  for (const start of [ourRelay, relayLikeSmee]) {
    const relay = await start();
    await relay.post('{"n":1}');
    await relay.cut();
    await relay.mend();
    const follower = follow(relay.url);
    await soon(() => expect(follower.relay.health().lastPingAt).toBeDefined());
    await relay.post('{"n":2}');
    await soon(() => expect(follower.payloads()).toContain('{"n":2}'));
    kept.push(follower.payloads().includes('{"n":1}'));
  }

  expect(kept).toEqual([true, false]);
});
