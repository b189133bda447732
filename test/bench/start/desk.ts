import { pino } from "pino";
import { systemClock } from "../../../src/clock.ts";
import { apply } from "../../../src/core/apply.ts";
import { emptyState, type Fact } from "../../../src/core/facts.ts";
import { openAuthority } from "../../../src/guest/authority.ts";
import { startGuestListener } from "../../../src/guest/listener.ts";
import type { Registration, Seed } from "../../../src/ports.ts";
import { hashToken, makeToken } from "../../../src/token.ts";

/** Mayfly's guest listener with nothing behind it: it answers a claim at once, with a registration that was made before. */
export type Desk = {
  /** Lets a machine in. */
  expect: (machine: string, registration: Registration) => Promise<Expected>;
  close: () => Promise<void>;
};

/** `times`: when what happened, by kind of fact. */
export type Expected = { seed: Seed; times: ReadonlyMap<Fact["kind"], number> };

const LIFE_SECONDS = 900;
const clock = systemClock;
const log = pino({ level: "warn" });

/** `folder`: for the listener's keys. `host`: address to listen on, as VMs see it. */
export async function openDesk({ folder, host }: { folder: string; host: string }): Promise<Desk> {
  const { ca, ...tls } = await openAuthority(folder, [host], clock.now());
  const state = emptyState();
  const times = new Map<string, Map<Fact["kind"], number>>();
  const registrations = new Map<string, Registration>();

  const record = async (facts: readonly Fact[]) => {
    for (const fact of facts) {
      apply(state, fact);
      if ("machine" in fact) times.get(fact.machine)?.set(fact.kind, fact.at);
    }
  };
  const answerAll = () => {
    for (const [machine, registration] of registrations) {
      if (!listener.guests.answer(machine, registration)) continue;
      void record([{ kind: "machine-configured", machine, at: clock.now() }]);
    }
  };
  const listen = { host, port: 0 };
  const listener = await startGuestListener({
    ...{ listen, tls, record, clock, log },
    state: () => state,
    ring: answerAll,
  });

  return {
    expect: async (machine, registration) => {
      const [at, token, own] = [clock.now(), makeToken(), new Map<Fact["kind"], number>()];
      times.set(machine, own);
      registrations.set(machine, registration);
      await record([
        { kind: "machine-created", at, machine, repo: "octo/bare", image: "bare", host: "bench" },
        { kind: "machine-started", at, machine, tokenHash: hashToken(token) },
      ]);
      return { seed: { machine, url: listener.url, ca, token, lifeSeconds: LIFE_SECONDS }, times: own };
    },
    close: () => listener.close(),
  };
}
