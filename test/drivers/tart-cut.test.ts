import { readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { expect, onTestFinished, test, vi } from "vitest";
import type { MacPlace } from "../../src/core/macs.ts";
import { macOver } from "../../src/drivers/tart/ssh.ts";
import { fresh, newName, SOON_MS, soon, startOf, stateOf } from "./mac/hand.ts";
import { connectionsOf, endIfThere } from "./mac/sshd.ts";
import { entries, processesWith, type TartBench } from "./tart-bench.ts";

/** Orders that are cut in the middle, on either side, and what is said of a Mac that cannot be asked. */

test("an order whose ssh is killed in the middle makes nothing, and the next one is taken", async () => {
  const { bench, options } = await fresh();
  const { name, ordering } = await orderAndHold(bench);

  for (const pid of await sshsOf(options.root)) endIfThere(pid);
  await expect.poll(() => connectionsOf(options.sshd), { timeout: SOON_MS }).toEqual([]);
  await goOn(bench, name);

  expect(await ordering).toMatchObject({ name: "MacError", exitCode: undefined });
  expect(await bench.leftovers(name)).toEqual([]);
  expect(await readFile(join(bench.tartHome, "calls"), "utf8")).not.toContain("clone");
  await startOf(bench, "stub");
});

test("an order whose program on the Mac is killed in the middle leaves nothing, and no lock", async () => {
  const { bench } = await fresh();
  const { name, ordering } = await orderAndHold(bench);

  for (const pid of await processesWith("mayfly-tart test", `=start ${name}`)) endIfThere(pid);
  await goOn(bench, name);

  expect(await ordering).toMatchObject({ name: "MacError" });
  await bench.driver.destroy(name, soon());
  expect(await bench.leftovers(name)).toEqual([]);
  await startOf(bench, "stub");
});

test("an order that was killed while it made its record can be destroyed", async () => {
  const { bench } = await fresh();
  const name = newName();
  await execa("mkdir", ["-p", join(bench.state, "test", name, "seed")]);
  await writeFile(join(bench.state, "test", name, "seed/seed.json"), "{");

  const state = await stateOf(bench, name);
  await bench.driver.destroy(name, soon());

  expect(state).toBe("broken");
  expect(await bench.leftovers(name)).toEqual([]);
});

test("a lock that was killed while it was broken is no hindrance for long", async () => {
  const { bench } = await fresh();
  await startOf(bench, "stub");
  await execa("ln", ["-s", "99999999", join(bench.state, ".lock")]);
  await execa("mkdir", [join(bench.state, ".lock.breaking")]);
  const longAgo = Date.now() / 1000 - 300;
  await utimes(join(bench.state, ".lock.breaking"), longAgo, longAgo);

  await startOf(bench, "stub");

  expect((await entries(bench.state)).filter((entry) => entry.startsWith("."))).toEqual([]);
});

test("a Mac that is too slow is told of by what it was asked, and by the time it had", async () => {
  const { place, folder } = await silentMac();

  const asking = macOver(place, folder).ask({ verb: "list", limitMs: 300 }, soon());

  await expect(asking).rejects.toThrow('The Mac 127.0.0.1 did not answer "list" within 0.3 s.');
});

test("a Mac whose key is not written down is told of with the file it belongs into", async () => {
  const { bench } = await fresh();
  const file = bench.host.tart?.knownHosts ?? "";
  await writeFile(file, "");

  await expect(bench.driver.list(soon())).rejects.toThrow(
    `${file} does not say the key of the Mac 127.0.0.1. Write it there, as docs/macos.md says.`,
  );
});

test("a machine without ssh says so", async () => {
  const { place, folder } = await silentMac();
  vi.stubEnv("PATH", join(folder, "vms"));
  onTestFinished(() => void vi.unstubAllEnvs());

  const asking = macOver(place, folder).ask({ verb: "list", limitMs: 5000 }, soon());

  await expect(asking).rejects.toThrow("There is no ssh on Mayfly's machine.");
});

/** Orders a VM, and keeps the Mac's program busy in the middle of it: it has the lock, and has made nothing yet. */
async function orderAndHold(bench: TartBench): Promise<{ name: string; ordering: Promise<unknown> }> {
  const name = newName();
  await writeFile(join(bench.tartHome, "hold"), "");
  const ordering = bench.driver.start(bench.order(name), soon()).catch((error: unknown) => error);
  await expect.poll(() => entries(bench.tartHome), { timeout: SOON_MS }).toContain("held");
  return { name, ordering };
}

async function goOn({ tartHome }: TartBench, name: string): Promise<void> {
  await rm(join(tartHome, "hold"));
  await expect
    .poll(() => processesWith("mayfly-tart test", `=start ${name}`), { timeout: SOON_MS })
    .toEqual([]);
}

/** Mayfly's side of the connections: the client of an order, and the process that keeps the connection. */
async function sshsOf(root: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const lines = await Promise.all(
    pids.map(async (pid) => ({ pid, line: await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "") })),
  );
  const found = lines.filter(({ line }) => /^ssh[:\0]/.test(line) && line.includes(root));
  expect(found.length).toBeGreaterThan(0);
  return found.map(({ pid }) => pid);
}

/** One that takes connections, and never says a word. */
async function silentMac(): Promise<{ place: MacPlace; folder: string }> {
  const { bench, options } = await fresh();
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await expect.poll(() => server.listening).toBe(true);
  const place = { host: "127.0.0.1", user: "ci", key: "none", knownHosts: "none", allow: [] };
  return {
    place: { ...place, ...bench.host.tart, port: (server.address() as AddressInfo).port },
    folder: join(options.root, "tart"),
  };
}
