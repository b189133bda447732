import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { fakeClock } from "../support/clock.ts";
import { freshHost, openBench, strays } from "./vagrant-bench.ts";
import {
  calls,
  expectMade,
  expectSeen,
  fresh,
  isThere,
  newName,
  SOON_MS,
  seen,
  soon,
  startOf,
} from "./vagrant-hand.ts";

test("no more VMs boot at a time than the host may, and the others wait their turn", async () => {
  const { bench } = await fresh({ host: { starting: 1 } });
  const first = await startOf(bench, "stub-slow");
  const second = await startOf(bench, "stub");
  await expect.poll(() => calls(bench, "up"), { timeout: SOON_MS }).toHaveLength(1);
  expect(await seen(bench, second)).toMatchObject({ state: "building" });

  await bench.driver.destroy(first, soon());

  await expectSeen(bench, second, { state: "up" });
});

test("a machine that is destroyed while it waits its turn never boots", async () => {
  const { bench } = await fresh({ host: { starting: 1 } });
  const first = await startOf(bench, "stub-slow");
  const second = await startOf(bench, "stub");
  await expect.poll(() => calls(bench, "up"), { timeout: SOON_MS }).toHaveLength(1);

  await bench.driver.destroy(second, soon());
  await bench.driver.destroy(first, soon());

  expect(await bench.leftovers(second)).toEqual([]);
  expect(await calls(bench, "up")).toHaveLength(1);
});

test.each(["stub-slow", "stub-deaf"])(
  "a vagrant up that waits without bound (%s) is ended at the image's limit",
  async (box) => {
    const clock = fakeClock();
    const { bench, options } = await fresh({ clock });
    const name = await startOf(bench, box);
    await expect
      .poll(() => isThere(join(bench.state, "volumes", `${name}.img`)), { timeout: SOON_MS })
      .toBe(true);
    const before = await strays(options.root);

    const seenLater = async () => {
      await clock.advance(30_000);
      return await seen(bench, name);
    };

    await expect.poll(seenLater, { timeout: SOON_MS }).toMatchObject({
      state: "broken",
      text: expect.stringContaining("had not ended after 60 s"),
    });
    expect((await strays(options.root)).filter((pid) => before.includes(pid))).toEqual([]);
  },
);

test("a while after an order the next Vagrant waits already, and the next order takes it", async () => {
  const clock = fakeClock();
  const { bench, options } = await fresh({ clock });
  await expectMade(bench, await startOf(bench, "stub"));
  await clock.advance(20_000);
  await expect.poll(() => calls(bench, "up"), { timeout: SOON_MS }).toHaveLength(2);
  const waiting = await strays(options.root);

  const next = await startOf(bench, "stub");

  await expectMade(bench, next);
  const run = await readFile(join(bench.folder, "machines", next, "run.json"), "utf8");
  expect(waiting).toContain(JSON.parse(run).pid);
  expect(await calls(bench, "up")).toHaveLength(2);
});

test("the Vagrant that waits ends with its driver, and leaves no folder", async () => {
  const clock = fakeClock();
  const { bench, options } = await fresh({ clock });
  await clock.awaited();
  await clock.advance(20_000);
  await expect.poll(() => strays(options.root), { timeout: SOON_MS }).not.toEqual([]);

  await bench.driver.close();

  expect(await strays(options.root)).toEqual([]);
  expect(await readdir(join(bench.folder, "dot"))).toEqual([]);
});

test("what a waiting Vagrant of a killed controller kept is removed by the next one", async () => {
  const options = await freshHost();
  await mkdir(join(options.root, "host/dot/of-nobody"), { recursive: true });

  const bench = await openBench(options);
  onTestFinished(bench.close);
  await expectMade(bench, await startOf(bench, "stub"));

  expect(await readdir(join(bench.folder, "dot"))).not.toContain("of-nobody");
});

test("a VM in the making outlives its driver, and is up for the next one", async () => {
  const { bench, options } = await fresh();
  const name = await startOf(bench, "stub-held");
  await expect
    .poll(() => isThere(join(bench.state, "volumes", `${name}.img`)), { timeout: SOON_MS })
    .toBe(true);

  await bench.driver.close();
  const next = await openBench(options);
  onTestFinished(() => next.driver.close());
  const before = await seen(next, name);
  await writeFile(join(bench.state, "go-on"), "");

  expect(before).toMatchObject({ state: "building" });
  await expectSeen(next, name, { state: "up" });
});

test("a machine that Vagrant has no order for yet is left to the next driver, and no Vagrant with it", async () => {
  const { bench, options } = await fresh({ host: { starting: 1 } });
  await startOf(bench, "stub-held");
  await expect.poll(() => calls(bench, "up"), { timeout: SOON_MS }).toHaveLength(1);
  const name = await startOf(bench, "stub");

  await bench.driver.close();
  const next = await openBench(options);
  onTestFinished(() => next.driver.close());

  expect(await seen(next, name)).toMatchObject({
    state: "broken",
    text: expect.stringContaining("the controller ended"),
  });
  await next.driver.destroy(name, soon());
  expect(await bench.leftovers(name)).toEqual(expect.not.arrayContaining([expect.stringContaining(name)]));
});

test("a vagrant up that outlived its controller is known to the next one, and ended with its machine", async () => {
  const { bench, options } = await fresh();
  const name = await startOf(bench, "stub-slow");
  await expect
    .poll(() => isThere(join(bench.state, "volumes", `${name}.img`)), { timeout: SOON_MS })
    .toBe(true);
  const next = await openBench(options);
  onTestFinished(() => next.driver.close());

  const listed = await seen(next, name);
  await next.driver.destroy(name, soon());

  expect(listed).toMatchObject({ state: "building" });
  expect(await strays(options.root)).toEqual([]);
  expect(await bench.leftovers(name)).toEqual([]);
});

test("a VM that runs is up for the next controller, whatever became of its Vagrant", async () => {
  const { bench, options } = await fresh();
  const name = await startOf(bench, "stub");
  await expectMade(bench, name);
  await rm(join(bench.folder, "machines", name, "end.json"));
  const next = await openBench(options);
  onTestFinished(() => next.driver.close());

  expect(await seen(next, name)).toMatchObject({ state: "up" });
});

test("a Vagrant heeds SIGINT, also under a controller that was started with it ignored", async () => {
  const { options } = await fresh();
  const controller = [process.execPath, FIRST_CONTROLLER, BENCH, JSON.stringify(options), newName()];
  const child = execFile("sh", ["-c", 'trap "" INT; exec "$@"', "sh", ...controller]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const masks = async () => {
    const pids = await strays(options.root);
    const read = await Promise.all(pids.map((pid) => ignoredSignals(pid).catch(() => undefined)));
    return read.filter((mask) => mask !== undefined);
  };

  const read = await vi.waitFor(async () => {
    const found = await masks();
    expect(found).not.toEqual([]);
    return found;
  }, SOON_MS);

  expect(await ignoredSignals(child.pid ?? 0)).toBeGreaterThan(0n);
  expect(read.map((mask) => mask & SIGINT_BIT)).toEqual(read.map(() => 0n));
});

const BENCH = import.meta.resolve("./vagrant-bench.ts");
const FIRST_CONTROLLER = join(import.meta.dirname, "first-controller.ts");
const SIGINT_BIT = 1n << 1n;

/** See: proc_pid_status(5), SigIgn. */
async function ignoredSignals(pid: number): Promise<bigint> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
}

test("a name is never ordered twice", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");

  await expect(bench.driver.start(bench.orderOf(name, "stub"), soon())).rejects.toThrow();
});
