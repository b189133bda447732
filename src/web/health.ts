import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { World } from "../core/world.ts";
import type { Clock, RelayHealth } from "../ports.ts";

/** What the parts of Mayfly last gave of themselves. */
export type Signs = {
  /** The ring has turned once. */
  notePass: () => void;
  /** The store has committed a transaction, or could not. */
  noteCommit: (failure?: unknown) => void;
  passedAt: () => number | undefined;
  hasCommitFailed: () => boolean;
};

export function newSigns(clock: Pick<Clock, "now">): Signs {
  let passedAt: number | undefined;
  let hasFailed = false;
  return {
    notePass: () => {
      passedAt = clock.now();
    },
    noteCommit: (failure) => {
      hasFailed = failure !== undefined;
    },
    passedAt: () => passedAt,
    hasCommitFailed: () => hasFailed,
  };
}

export type HealthParts = {
  signs: Pick<Signs, "passedAt" | "hasCommitFailed">;
  world: () => Pick<World, "catalogue" | "reachable">;
  relay: (() => RelayHealth) | undefined;
  /** When GitHub last did as it was asked. */
  answeredAt: () => number | undefined;
  /** Between two sweeps: the longest time in which nobody may ask GitHub anything. */
  sweepMs: number;
  /** Aborted: Mayfly is ending. */
  closing: AbortSignal;
  clock: Pick<Clock, "now">;
};

/** One thing that Mayfly needs. `text`: how it is, for people. */
export type Check = { name: string; ok: boolean; text: string };

/** The ring looks at its hosts once a minute if nothing else happens. */
const PASS_LATE_MS = 3 * 60_000;
/** The delivery log is read once a minute; where there is none, the sweep asks. */
const ANSWER_LATE_MS = 5 * 60_000;

/**
 * GET /healthz: the process is alive. GET /readyz: all that Mayfly needs to serve a job is there, with each thing by itself.
 * NB: both are open to whoever reaches the web listener, so they tell of no cause; the log does.
 */
export function healthRoutes(parts: HealthParts): Hono<{ Bindings: HttpBindings }> {
  const routes = new Hono<{ Bindings: HttpBindings }>();
  routes.get("/healthz", (c) => c.text("alive\n"));
  routes.get("/readyz", (c) => {
    const checks = checksOf(parts);
    const ready = checks.every(({ ok }) => ok);
    return c.json({ ready, checks }, ready ? 200 : 503);
  });
  return routes;
}

/** The same while there is no App yet: nothing is wrong with the process, but it serves no job. */
export function healthBeforeSetup(): Hono {
  const routes = new Hono();
  const checks = [
    { name: "setup", ok: false, text: "there is no GitHub App yet: the log says how to make one" },
  ];
  routes.get("/healthz", (c) => c.text("alive\n"));
  routes.get("/readyz", (c) => c.json({ ready: false, checks }, 503));
  return routes;
}

function checksOf({ signs, world, relay, answeredAt, sweepMs, closing, clock }: HealthParts): Check[] {
  const { catalogue, reachable } = world();
  const answerLateMs = Math.max(ANSWER_LATE_MS, 2 * sweepMs);
  return [
    check("process", !closing.aborted, "it runs", "it is ending"),
    check("store", !signs.hasCommitFailed(), "it can be written", "the last transaction failed"),
    lately("ring", signs.passedAt(), PASS_LATE_MS, clock.now()),
    lately("github", answeredAt(), answerLateMs, clock.now()),
    ...catalogue.hosts.map(({ name }) =>
      check(`host ${name}`, reachable.has(name), "it answers", "it could not be asked at the last look"),
    ),
    ...(relay ? [check("relay", relay().isConnected, "it is connected", "it is not connected")] : []),
  ];
}

const check = (name: string, ok: boolean, good: string, bad: string): Check => ({
  name,
  ok,
  text: ok ? good : bad,
});

function lately(name: string, at: number | undefined, lateMs: number, now: number): Check {
  if (at === undefined) return { name, ok: false, text: "no sign of it yet" };
  return { name, ok: now - at <= lateMs, text: `last sign ${Math.round((now - at) / 1000)} s ago` };
}
