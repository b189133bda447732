import type { Fact } from "../../../src/core/facts.ts";
import type { MachineName } from "../../../src/core/types.ts";
import type { Clock, Driver, Guests, Registration, Ring, VmSeen } from "../../../src/ports.ts";
import { runnerProgram } from "../../support/github.ts";

/** How long a VM boots and a job takes. */
export type Pace = { bootMs: number; jobMs: () => number };

export type CrowdParts = {
  clock: Clock;
  record: (facts: readonly Fact[]) => Promise<void>;
  ring: Ring;
  pace: Pace;
};

/** VMs in memory, whose guests run the stand-in of GitHub's runner in this process. */
export type Crowd = {
  driver: Driver;
  guests: Guests;
  /** From a guest's first claim to its registration: what the limits of GitHub cost it. */
  waitsMs: number[];
  /** Ends all VMs. */
  close: () => void;
};

const SILENT_MS = 50_000;

export function crowd({ clock, record, ring, pace }: CrowdParts): Crowd {
  const vms = new Map<MachineName, VmSeen["state"]>();
  const claims = new Map<MachineName, { since: number; answer: (registration: Registration) => void }>();
  const heardAt = new Map<MachineName, number>();
  const waitsMs: number[] = [];
  const closing = new AbortController();

  async function live(name: MachineName): Promise<void> {
    await clock.until(clock.now() + pace.bootMs, closing.signal);
    if (!vms.has(name) || closing.signal.aborted) return;
    vms.set(name, "up");
    const registration = await claim(name);
    if (registration.registration === "jit") await work(name, registration.jit);
    vms.set(name, "off");
    ring();
  }

  async function claim(name: MachineName): Promise<Registration> {
    heardAt.set(name, clock.now());
    const { promise, resolve } = Promise.withResolvers<Registration>();
    claims.set(name, { since: clock.now(), answer: resolve });
    await tell({ kind: "guest-asked", at: clock.now(), machine: name, runnerVersion: "2.337.0" });
    return promise;
  }

  async function work(name: MachineName, jit: string): Promise<void> {
    const runner = runnerProgram(jit);
    await runner.openSession();
    let offer = await runner.message(SILENT_MS / 1000);
    while (offer.status === 202) offer = await runner.message(SILENT_MS / 1000);
    if (offer.status !== 200) return;
    const { jobId } = (await offer.json()) as { jobId: number };
    await tell({ kind: "guest-working", at: clock.now(), machine: name });
    await clock.until(clock.now() + pace.jobMs(), closing.signal);
    await runner.call("POST", `/jobs/${jobId}/complete`, { result: "Succeeded" });
    const outcome = { exitCode: 0, ranJob: true, text: "" };
    await tell({ kind: "guest-ended", at: clock.now(), machine: name, outcome });
  }

  async function tell(fact: Fact): Promise<void> {
    await record([fact]);
    ring();
  }

  const driver: Driver = {
    list: async () => Array.from(vms, ([name, state]) => ({ name, state })),
    async start({ name }) {
      vms.set(name, "building");
      void live(name).catch(() => vms.set(name, "broken"));
    },
    async destroy(name) {
      vms.delete(name);
      claims.delete(name);
    },
    check: async () => [],
    evidence: async () => ({}),
    close: async () => {},
  };
  const guests: Guests = {
    polling: () => new Set(claims.keys()),
    heardAt: (name) => (claims.has(name) ? clock.now() : heardAt.get(name)),
    answer(name, registration) {
      const open = claims.get(name);
      if (!open) return false;
      waitsMs.push(clock.now() - open.since);
      open.answer(registration);
      return claims.delete(name);
    },
  };
  return { driver, guests, waitsMs, close: () => closing.abort() };
}
