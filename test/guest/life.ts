import { writeFile } from "node:fs/promises";
import { expect, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Machine } from "../../src/core/types.ts";
import type { Registration, Seed } from "../../src/ports.ts";
import { type JobService, startJobService } from "./job-service.ts";
import { type Listening, listening, MACHINE } from "./listening.ts";
import type { SystemRig } from "./systems.ts";
import { newVm, type Vm } from "./vm.ts";

/** A machine's whole life: the real guest listener and the real guest program, with the stand-in runner and a job service. */
export type Life = {
  rig: Listening;
  service: JobService;
  vm: Vm;
  /** Puts the seed into its file. */
  plant(changes?: Partial<Seed>): Promise<void>;
  /** What the controller knows of the machine. */
  machine(): Machine | undefined;
  /** Waits until the guest asks, and hands it a registration: as the controller does when a job waits for the machine. */
  configure(registration?: Registration): Promise<void>;
  /** Boots, hands over the registration, and waits for the end. */
  run(): Promise<void>;
  remove(): Promise<void>;
};

export async function newLife(system?: SystemRig): Promise<Life> {
  const [rig, service, vm] = await Promise.all([
    listening(systemClock),
    startJobService(MACHINE),
    newVm(system),
  ]);
  const jit: Registration = { registration: "jit", runnerId: 7, jit: service.jit };
  const life: Life = {
    rig,
    service,
    vm,
    plant: (changes) => writeFile(vm.seedFile, JSON.stringify(life.rig.seed(changes))),
    machine: () => life.rig.state.machines.get(MACHINE),
    async configure(registration = jit) {
      await eventually(() => expect(life.rig.listener.guests.polling().has(MACHINE)).toBe(true));
      life.rig.tell({ kind: "machine-configured", machine: MACHINE, at: Date.now() });
      life.rig.listener.guests.answer(MACHINE, registration);
    },
    async run() {
      vm.boot();
      await life.configure();
      await vm.ended();
    },
    async remove() {
      await vm.remove();
      await Promise.all([life.rig.close(), service.close()]);
    },
  };
  return life;
}

/** Waits for what real processes will have done in a while. */
export const eventually = (check: () => void | Promise<void>) =>
  vi.waitFor(check, { timeout: 15_000, interval: 50 });
