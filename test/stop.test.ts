import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mayfly, site, start } from "./cli-site.ts";

/** VMs that take a minute to be destroyed: longer than a controller that ends waits for anything. */
const STUCK = "fake?leaveMs=60000";

/** A controller with a machine that it is busy destroying. */
async function stuck() {
  const place = site({ box: STUCK });
  const running = await start(place.config, place.env);
  await running.sendJob("queued");
  const { machine } = await running.log({ step: "start" });
  await running.sendJob("completed");
  await running.log({ msg: "job seen", status: "done" });
  await mayfly(["destroy", String(machine), "--config", place.config]);
  const machines = join(place.data, "hosts/lab1/machines");
  await expect.poll(() => readdirSync(machines), { timeout: 15_000 }).toEqual([`${machine}.leaving`]);
  return { ...place, running, machine, machines };
}

describe("a controller that is told to end while a step hangs", () => {
  test("ends with 0 when its grace is over, and the next start makes up for all that was cut off", {
    timeout: 90_000,
  }, async () => {
    const { config, env, running, machine, machines } = await stuck();
    const toldAt = performance.now();

    const ended = running.end();
    await running.log({ msg: "Mayfly is ending" });
    await running.sendJob("queued", 1);
    const code = await ended;
    const tookMs = performance.now() - toldAt;
    const { step: cutOff } = await running.log({ msg: "cut off, since it did not end in time" });
    writeFileSync(join(machines, `${machine}.leaving`, "leave-ms"), "0");
    const next = await start(config, env);

    expect(code).toBe(0);
    expect(cutOff).toContain(machine);
    expect(tookMs).toBeGreaterThan(29_000);
    expect(tookMs).toBeLessThan(45_000);
    await next.log({ step: "destroy", machine });
    const other = await next.log({ step: "start" });
    expect(readdirSync(machines)).toEqual([other.machine]);
    expect(await next.end()).toBe(0);
  });

  test("ends at once when it is told again", async () => {
    const { running } = await stuck();
    void running.end();
    await running.log({ msg: "Mayfly is ending" });

    const toldAt = performance.now();
    const code = await running.end();

    expect(code).toBe(1);
    expect(performance.now() - toldAt).toBeLessThan(3000);
  });
});
