import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Seed } from "../../src/ports.ts";
import { eventually, type Life, newLife } from "./life.ts";
import { listening, MACHINE, newAuthority, startMachine } from "./listening.ts";
import type { SystemRig } from "./systems.ts";

/** What the guest program of every system does without a job. It runs against the real guest listener. See: guest/contract.md. */
export function conformsWithoutJobs(system: SystemRig): void {
  let life: Life;

  beforeEach(async () => {
    life = await newLife(system);
  });
  afterEach(() => life.remove());

  describe("a machine without work", () => {
    test("that was retired powers off without a word", async () => {
      await life.plant();
      life.rig.tell({ kind: "machine-retired", machine: MACHINE, why: "surplus", at: Date.now() });
      life.vm.boot();

      expect(await life.vm.ended()).toBe(0);

      expect(await life.vm.powerOffs()).toBe(1);
      expect(life.machine()?.outcome).toBeUndefined();
    });

    test("whose token is unknown powers off after a while", async () => {
      await life.plant({ token: "a-token-that-nobody-has" });
      life.vm.boot({ MAYFLY_REFUSED_SECONDS: "2" });

      await life.vm.ended();

      expect(life.vm.console()).toContain("does not know this machine");
      expect(await life.vm.powerOffs()).toBe(1);
    });

    test("whose token is not known yet asks again", async () => {
      const [machine, token] = ["mayfly-lab-ubuntu-z9y8x7w6", "a-token-that-is-known-later"];
      await life.plant({ machine, token });
      life.vm.boot();
      await eventually(() => expect(life.vm.console()).toContain("asking for work"));

      startMachine(life.rig.state, machine, token, Date.now());

      await eventually(() => expect(life.rig.listener.guests.polling().has(machine)).toBe(true));
    });

    test("waits for a listener that is away", async () => {
      await life.plant();
      life.service.give({ script: "true" });
      const port = Number(new URL(life.rig.listener.url).port);
      await life.rig.listener.close();
      life.vm.boot();
      await eventually(() => expect(life.vm.console()).toContain("asking for work"));

      life.rig = await listening(systemClock, port);
      await life.configure();
      await life.vm.ended();

      expect(life.machine()?.outcome).toMatchObject({ exitCode: 100 });
    });

    test("does not talk to a listener that another authority has signed", async () => {
      const { ca } = await newAuthority();
      await life.plant({ ca });
      life.vm.boot();

      await eventually(async () => {
        const log = await readFile(join(life.vm.run, "guest.log"), "utf8");
        expect(log).toContain("certificate");
      });

      expect(life.rig.facts).toEqual([]);
    });

    test("is left alone when there is no seed", async () => {
      life.vm.boot();

      expect(await life.vm.ended()).toBe(0);

      expect(life.vm.console()).toContain("no seed");
      expect(await life.vm.powerOffs()).toBe(0);
    });

    test.each([
      ["is no JSON", "nonsense"],
      ["is not https", JSON.stringify({ url: "http://10.0.0.1" })],
    ])("powers off when its seed %s", async (_what, content) => {
      await writeFile(life.vm.seedFile, content);
      life.vm.boot();

      expect(await life.vm.ended()).toBe(1);

      expect(await life.vm.powerOffs()).toBe(1);
    });

    test("that has no runner says so before it asks", async () => {
      await life.plant();
      life.vm.boot({ MAYFLY_RUNNER: "/nowhere" });

      await life.vm.ended();

      expect(life.machine()?.askedAt).toBeUndefined();
      expect(life.machine()?.stage).toMatchObject({ name: "failed", text: "there is no runner in /nowhere" });
      expect(life.machine()?.outcome?.ranJob).toBe(false);
    });
  });

  describe("the life limit", () => {
    test("powers off although the job hangs", async () => {
      await life.plant({ lifeSeconds: 2 });
      life.service.give({ script: "true", env: { STANDIN_BEHAVIOUR: "hang" } });
      life.vm.boot();
      await life.configure();

      await life.vm.off();

      expect(life.machine()?.endedAt).toBeUndefined();
    });

    test("powers off although the guest program was killed", async () => {
      await life.plant({ lifeSeconds: 2 });
      life.vm.boot();
      await eventually(() => expect(life.rig.listener.guests.polling().size).toBe(1));

      life.vm.kill("SIGKILL");
      await life.vm.ended();
      expect(await life.vm.powerOffs()).toBe(0);

      await life.vm.off();
    });
  });

  describe("the seed", () => {
    test.each([
      ["on many lines", (seed: Seed) => JSON.stringify(seed, null, 2)],
      ["with unknown fields", (seed: Seed) => JSON.stringify({ later: true, ...seed })],
    ])("is understood when it is written %s", async (_how, written) => {
      await writeFile(life.vm.seedFile, written(life.rig.seed()));
      life.vm.boot();

      await eventually(() => expect(life.rig.listener.guests.polling().size).toBe(1));
    });

    test.each<[string, Partial<Record<keyof Seed, unknown>>]>([
      ["a machine that is a path", { machine: "../../etc" }],
      ["a token with an escape", { token: 'a-token-with-a-"-in-it' }],
      ["no life", { lifeSeconds: 0 }],
      ["no certificate authority", { ca: "" }],
    ])("with %s powers off, and calls nobody", async (_what, changes) => {
      await writeFile(life.vm.seedFile, JSON.stringify({ ...life.rig.seed(), ...changes }));
      life.vm.boot();

      expect(await life.vm.ended()).toBe(1);

      expect(life.vm.console()).not.toContain("asking for work");
      expect(await life.vm.powerOffs()).toBe(1);
    });

    test("in a file is gone after it was read", async () => {
      await life.plant();
      life.vm.boot();
      await eventually(() => expect(life.rig.listener.guests.polling().size).toBe(1));

      await expect(stat(life.vm.seedFile)).rejects.toThrow();
    });
  });
}
