import { describe, expect, test } from "vitest";
import type { RelayHealth } from "../../src/ports.ts";
import { healthRoutes, newSigns } from "../../src/web/health.ts";
import { aCatalogue, aHost, minutes, NOW, seconds } from "../support/build.ts";
import { fakeClock } from "../support/clock.ts";

type Answer = { ready: boolean; checks: { name: string; ok: boolean; text: string }[] };

const RELAY: RelayHealth = {
  relay: "smee.io",
  isConnected: true,
  lastPingAt: undefined,
  lastEventAt: undefined,
  spoilt: 0,
  restarts: 0,
};

/** A Mayfly to which nothing is wrong, and what can be broken of it. */
function healthy() {
  const clock = fakeClock(NOW);
  const signs = newSigns(clock);
  const closing = new AbortController();
  const catalogue = aCatalogue({ hosts: [aHost(), aHost({ name: "lab2" })] });
  const state = { answeredAt: NOW as number | undefined, isConnected: true, reachable: ["lab1", "lab2"] };
  const routes = healthRoutes({
    signs,
    world: () => ({ catalogue, reachable: new Set(state.reachable) }),
    relay: () => ({ ...RELAY, isConnected: state.isConnected }),
    answeredAt: () => state.answeredAt,
    sweepMs: minutes(1),
    closing: closing.signal,
    clock,
  });
  signs.notePass();
  signs.noteCommit();
  const ask = async () => {
    const response = await routes.request("/readyz");
    const { ready, checks } = (await response.json()) as Answer;
    const bad = checks.filter(({ ok }) => !ok).map(({ name, text }) => `${name}: ${text}`);
    return { status: response.status, ready, bad, names: checks.map(({ name }) => name) };
  };
  return { clock, signs, closing, state, routes, ask };
}

describe("/readyz", () => {
  test("says that all is there, and names each thing", async () => {
    const { ask } = healthy();

    expect(await ask()).toEqual({
      status: 200,
      ready: true,
      bad: [],
      names: ["process", "store", "ring", "github", "host lab1", "host lab2", "relay"],
    });
  });

  test("says that the store could not be written, until it could again", async () => {
    const { ask, signs } = healthy();

    signs.noteCommit(new Error("disk full"));
    const broken = await ask();
    signs.noteCommit();
    const mended = await ask();

    expect(broken).toMatchObject({ status: 503, ready: false, bad: ["store: the last transaction failed"] });
    expect(mended.status).toBe(200);
  });

  test("says that the ring stands still", async () => {
    const { ask, clock, state } = healthy();

    await clock.advance(minutes(3));
    state.answeredAt = clock.now();
    const late = await ask();
    await clock.advance(seconds(1));

    expect(late.status).toBe(200);
    expect(await ask()).toMatchObject({ status: 503, bad: ["ring: last sign 181 s ago"] });
  });

  test("says that GitHub has not answered lately", async () => {
    const { ask, clock, signs } = healthy();

    await clock.advance(minutes(5) + seconds(1));
    signs.notePass();

    expect(await ask()).toMatchObject({ status: 503, bad: ["github: last sign 301 s ago"] });
  });

  test("says which host could not be asked", async () => {
    const { ask, state } = healthy();

    state.reachable = ["lab1"];

    expect(await ask()).toMatchObject({
      status: 503,
      bad: ["host lab2: it could not be asked at the last look"],
    });
  });

  test("says that the relay is not connected", async () => {
    const { ask, state } = healthy();

    state.isConnected = false;

    expect(await ask()).toMatchObject({ status: 503, bad: ["relay: it is not connected"] });
  });

  test("says that Mayfly is ending", async () => {
    const { ask, closing } = healthy();

    closing.abort();

    expect(await ask()).toMatchObject({ status: 503, bad: ["process: it is ending"] });
  });

  test("says at the start that nothing is known yet", async () => {
    const clock = fakeClock(NOW);
    const routes = healthRoutes({
      signs: newSigns(clock),
      world: () => ({ catalogue: aCatalogue(), reachable: new Set<string>() }),
      relay: undefined,
      answeredAt: () => undefined,
      sweepMs: minutes(5),
      closing: new AbortController().signal,
      clock,
    });

    const response = await routes.request("/readyz");
    const { checks } = (await response.json()) as Answer;

    expect(response.status).toBe(503);
    expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(["ring", "github", "host lab1"]);
  });
});

describe("/healthz", () => {
  test("says that the process is alive, whatever else is broken", async () => {
    const { routes, closing, signs } = healthy();
    closing.abort();
    signs.noteCommit(new Error("disk full"));

    const response = await routes.request("/healthz");

    expect(response.status).toBe(200);
    expect(await response.text()).toBe("alive\n");
  });
});
