import { expect, test } from "vitest";
import type { Fact } from "../src/core/facts.ts";
import { memoryStore } from "../src/store/memory.ts";
import { bootTimes } from "../src/usual.ts";
import { minutes, NOW, seconds } from "./support/build.ts";
import { fakeClock } from "./support/clock.ts";
import { created } from "./support/facts.ts";

/** A machine's life: it booted in so many seconds. */
const lived = (machine: string, bootSeconds: number): Fact[] => [
  created(machine),
  { kind: "machine-started", at: NOW, machine, tokenHash: "" },
  { kind: "guest-asked", at: NOW + seconds(bootSeconds), machine, runnerVersion: "2.337.0" },
  { kind: "machine-forgotten", at: NOW, machine },
];

test("what booting usually takes is learnt from machines that are over, and asked for again after a minute", async () => {
  const [store, clock] = [memoryStore(), fakeClock()];
  const usual = bootTimes(store, clock);

  const first = await usual();
  await store.record([...lived("a", 30), ...lived("b", 40), ...lived("c", 900)]);
  const second = await usual();
  await clock.advance(minutes(1));
  const third = await usual();

  expect([first, second].map(({ size }) => size)).toEqual([0, 0]);
  expect([...third]).toEqual([["plain", seconds(40)]]);
});

test("a store that cannot be read is asked again at once", async () => {
  const clock = fakeClock();
  let asked = 0;
  const lately = async () => {
    asked += 1;
    if (asked === 1) throw new Error("disk I/O error");
    return { jobs: [], machines: [], rest: [] };
  };
  const usual = bootTimes({ ...memoryStore(), lately }, clock);

  await expect(usual()).rejects.toThrow("disk I/O error");

  expect((await usual()).size).toBe(0);
});
