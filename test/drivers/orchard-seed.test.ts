import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { machineName } from "../../src/core/name.ts";
import { TAKE_SEED } from "../../src/drivers/orchard/hand-over.ts";
import { fakeClock } from "../support/clock.ts";
import { freshHost, type OrchardBench, openBench } from "./orchard-bench.ts";

const soon = () => AbortSignal.timeout(15_000);
const SOON_MS = 15_000;
const newName = () => machineName("test", "image", randomBytes(8));

async function fresh(): Promise<{ bench: OrchardBench; name: string }> {
  const bench = await openBench(await freshHost());
  onTestFinished(bench.close);
  return { bench, name: newName() };
}

test("the seed is handed over inside the VM, word for word", async () => {
  const { bench, name } = await fresh();
  const order = bench.order(name);

  await bench.driver.start(order, soon());

  await expect.poll(() => bench.fleet.handedOver, { timeout: SOON_MS }).toHaveLength(1);
  expect(bench.fleet.handedOver[0]).toMatchObject({ name, command: TAKE_SEED });
  expect(JSON.parse(bench.fleet.handedOver[0]?.input ?? "")).toEqual(order.seed);
});

test("nothing of the seed is where others at Orchard can look: in VMs, or in addresses", async () => {
  const { bench, name } = await fresh();
  const order = bench.order(name);

  await bench.driver.start(order, soon());
  await expect.poll(() => bench.fleet.handedOver, { timeout: SOON_MS }).toHaveLength(1);

  const seen = JSON.stringify([...bench.fleet.vms.values(), ...bench.fleet.asked]);
  expect(seen).toContain(name);
  expect(seen).not.toContain(order.seed.token);
});

test("a VM that boots later is handed its seed then", async () => {
  const { bench, name } = await fresh();
  await bench.driver.start(bench.order(name, "slow"), soon());
  await expect.poll(() => bench.fleet.asked.filter((one) => one.includes("/exec")).length).toBe(1);

  const vm = bench.fleet.vms.get(name);
  if (vm) vm.status = "running";

  await expect.poll(() => bench.fleet.handedOver, { timeout: SOON_MS }).toHaveLength(1);
});

test.each(["error", "broken", 1] as const)(
  "a hand-over that ends with %s is tried again",
  async (exitCode) => {
    const { bench, name } = await fresh();
    bench.fleet.exec = { exitCode, says: "sudo: a password is required" };
    await bench.driver.start(bench.order(name), soon());
    await expect.poll(() => bench.fleet.handedOver.length, { timeout: SOON_MS }).toBe(1);

    bench.fleet.exec = { exitCode: 0, says: "" };

    await expect.poll(() => bench.fleet.handedOver.length, { timeout: SOON_MS }).toBe(2);
  },
);

test("why a seed could not be handed over in time is logged, without the seed", async () => {
  const { bench, name } = await fresh();
  bench.fleet.exec = { exitCode: 1, says: "sudo: a password is required" };

  await bench.driver.start(bench.orderOf(name, "stub", { bootMs: 1000 }), soon());

  await expect.poll(bench.logged, { timeout: SOON_MS }).toContain("the seed could not be handed over");
  expect(bench.logged()).toContain("exit code 1: sudo: a password is required");
  expect(bench.logged()).not.toContain(`token-of-${name}`);
});

test.each([
  ["whole", 10],
  ["cut off in the middle, since no more is told than that", 290],
])("a VM that says its token gets it into no log: %s", async (_, count) => {
  const { bench, name } = await fresh();
  const end = ` ${"x".repeat(count)}`;
  bench.fleet.exec = { exitCode: 1, says: `read token-of-${name}${end}` };

  await bench.driver.start(bench.orderOf(name, "stub", { bootMs: 1000 }), soon());

  await expect.poll(bench.logged, { timeout: SOON_MS }).toContain("the seed could not be handed over");
  expect(bench.logged()).toContain(end);
  expect(bench.logged()).not.toContain(`${name.slice(-4)}${end}`);
});

test("a seed that was read is handed over no second time, although the first answer was lost", async () => {
  const clock = fakeClock();
  const bench = await openBench(await freshHost(), { clock });
  onTestFinished(bench.close);
  const name = newName();
  bench.fleet.exec = { exitCode: "error", says: "" };
  await bench.driver.start(bench.order(name), soon());
  await expect.poll(() => bench.fleet.handedOver.length, { timeout: SOON_MS }).toBe(1);
  await clock.awaited();

  await bench.driver.dropSeed?.(name, soon());
  await clock.advance(600_000);
  await bench.driver.list(soon());

  expect(bench.fleet.handedOver).toHaveLength(1);
  expect((await bench.driver.list(soon())).map((vm) => vm.name)).toEqual([name]);
});

test("a VM that was destroyed is not asked for any more", async () => {
  const clock = fakeClock();
  const bench = await openBench(await freshHost(), { clock });
  onTestFinished(bench.close);
  const name = newName();
  await bench.driver.start(bench.order(name, "slow"), soon());
  const execs = () => bench.fleet.asked.filter((one) => one.includes("/exec")).length;
  await expect.poll(execs).toBe(1);
  await clock.awaited();

  await bench.driver.destroy(name, soon());
  bench.fleet.vms.set(name, { ...VM, name });
  await clock.advance(600_000);
  await bench.driver.list(soon());

  expect(execs()).toBe(1);
});

const VM = { image: "stub", status: "pending", status_message: "", worker: "", resources: {} } as const;
