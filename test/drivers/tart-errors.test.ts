import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import { NoRoom } from "../../src/ports.ts";
import { fresh, newName, SOON_MS, soon, startOf, stateOf } from "./mac/hand.ts";
import { endConnections, endSshd, restartSshd } from "./mac/sshd.ts";
import { entries, IMAGE, processesWith, type TartBench } from "./tart-bench.ts";

/** What can go wrong on a Mac, and on the way there. */

test("a third VM is refused, and nothing is left of its order", async () => {
  const { bench } = await fresh();
  await startOf(bench, "stub");
  await startOf(bench, "stub-slow", "building");
  const third = newName();

  const refused = await bench.driver.start(bench.order(third), soon()).catch((error: unknown) => error);

  expect(refused).toBeInstanceOf(NoRoom);
  expect(refused).toMatchObject({ message: "mayfly-tart: this Mac has 2 VMs, and may have 2" });
  expect(await bench.leftovers(third)).toEqual([]);
});

test("of six orders at the same time two are taken", async () => {
  const { bench } = await fresh();
  await writeFile(join(bench.tartHome, "hold"), "");
  const names = Array.from({ length: 6 }, newName);
  const ordering = Promise.allSettled(names.map((name) => bench.driver.start(bench.order(name), soon())));
  await expect.poll(() => entries(bench.tartHome), { timeout: SOON_MS }).toContain("held");
  for (const name of names)
    await expect
      .poll(() => processesWith("mayfly-tart test", `=start ${name}`), { timeout: SOON_MS })
      .not.toEqual([]);

  await rm(join(bench.tartHome, "hold"));

  const ordered = await ordering;
  expect(ordered.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
});

test("a VM that has ended takes no place, and one of somebody else's does", async () => {
  const { bench } = await fresh();
  await startOf(bench, "stub-off", "off");
  await runOther(bench, "database with blanks");

  await expect(bench.driver.capacity?.(soon())).resolves.toEqual({ machines: 1 });
  await startOf(bench, "stub");
  await expect(bench.driver.start(bench.order(newName()), soon())).rejects.toBeInstanceOf(NoRoom);
});

test("our own VMs take nothing of our own room", async () => {
  const { bench } = await fresh();
  await startOf(bench, "stub");

  await expect(bench.driver.capacity?.(soon())).resolves.toEqual({ machines: 2 });
});

test("a Mac that is full after all is no failure", async () => {
  const { bench } = await fresh();
  const name = newName();
  await startOf(bench, "stub");
  await writeFile(join(bench.tartHome, "full"), "");
  await bench.driver.start(bench.order(name), soon());

  await expect
    .poll(async () => (await bench.driver.list(soon())).find((vm) => vm.name === name), { timeout: SOON_MS })
    .toMatchObject({ state: "broken", isNoRoom: true });
});

test.each([
  ["stub-gone", 'tart clone ended with 2: the specified VM "stub-gone" does not exist'],
  ["stub-crash", 'tart run ended with 1: Error Domain=VZErrorDomain Code=1 "Internal Virtualization error."'],
])("a VM that cannot be made is broken, in tart's words: %s", async (image, words) => {
  const { bench } = await fresh();
  const name = await startOf(bench, image, "broken");

  const [vm] = await bench.driver.list(soon());

  expect(vm).toMatchObject({ name, state: "broken" });
  expect(vm?.text?.trim()).toBe(words);
});

test("a VM that powers itself off is off, and its seed is gone", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub-off", "off");

  expect(await entries(join(bench.state, "test", name))).not.toContain("seed");
});

test("a VM that somebody has suspended is broken", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  await endVm(bench, name);
  await writeFile(join(bench.tartHome, "vms", name, "state"), "suspended\n");
  await rm(join(bench.state, "test", name), { recursive: true });

  expect(await stateOf(bench, name)).toBe("broken");
});

test("a VM whose record was lost is listed, and can be destroyed", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  await rm(join(bench.state, "test", name), { recursive: true });

  expect(await stateOf(bench, name)).toBe("up");
  await bench.driver.destroy(name, soon());
  expect(await entries(join(bench.tartHome, "vms"))).toEqual([]);
});

test("a tart that cannot be asked is an error, never an empty list, and nothing is forgotten", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  await writeFile(join(bench.tartHome, "down"), "");

  await expect(bench.driver.list(soon())).rejects.toThrow("tart cannot tell which VMs there are");
  await expect(bench.driver.destroy(name, soon())).rejects.toThrow();
  await rm(join(bench.tartHome, "down"));
  expect((await bench.driver.list(soon())).map((vm) => vm.name)).toEqual([name]);
});

test("a VM that cannot be deleted is an error, and stays listed", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  await writeFile(join(bench.tartHome, "stuck"), "");

  await expect(bench.driver.destroy(name, soon())).rejects.toThrow(/cannot be removed/);
  expect((await bench.driver.list(soon())).map((vm) => vm.name)).toEqual([name]);
  await rm(join(bench.tartHome, "stuck"));
  await bench.driver.destroy(name, soon());
  expect(await bench.leftovers(name)).toEqual([]);
});

test("a connection that breaks off in the middle is an error, and the next order makes a new one", async () => {
  const { bench, options } = await fresh();
  const name = await startOf(bench, "stub");
  await writeFile(join(bench.tartHome, "hold"), "");
  const listing = bench.driver.list(soon()).catch((error: unknown) => error);
  await expect.poll(() => entries(bench.tartHome), { timeout: SOON_MS }).toContain("held");

  await endConnections(options.sshd);

  expect(await listing).toMatchObject({ name: "MacError", exitCode: undefined });
  await rm(join(bench.tartHome, "hold"));
  expect(await stateOf(bench, name)).toBe("up");
});

test("a Mac that comes back is asked again", async () => {
  const { bench, options } = await fresh();
  const name = await startOf(bench, "stub");
  await endSshd(options.sshd);
  await expect(bench.driver.list(soon())).rejects.toThrow("The Mac 127.0.0.1 could not be reached");

  const again = await restartSshd(join(options.root, "ssh"), options.sshd.port);
  onTestFinished(() => endSshd(again));

  expect(await stateOf(bench, name)).toBe("up");
});

test("an order that a killed program left locked is no hindrance", async () => {
  const { bench } = await fresh();
  await startOf(bench, "stub");
  await execa("ln", ["-s", "99999999", join(bench.state, ".lock")]);

  await startOf(bench, "stub");

  expect(await entries(bench.state)).not.toContain(".lock");
});

test("a check tells what is missing on the Mac", async () => {
  const images = [
    IMAGE,
    { ...IMAGE, tartImage: { name: "ghcr.io/acme/macos:26", digest: `sha256:${"a".repeat(64)}` } },
  ];
  const { bench } = await fresh({ images });

  expect(await bench.driver.check(soon())).toEqual([
    "The Mac has no image stub. Build it there (macos/image), or name another in mayfly.yml.",
    `The image ghcr.io/acme/macos@sha256:${"a".repeat(64)} is not on the Mac yet, so the first VM waits until it was fetched. Fetch it there: tart pull ghcr.io/acme/macos@sha256:${"a".repeat(64)}`,
  ]);
});

test("a check is content with images that are there", async () => {
  const { bench } = await fresh({ images: [IMAGE] });
  await mkdir(join(bench.tartHome, "images", "stub"));

  expect(await bench.driver.check(soon())).toEqual([]);
});

test.each([
  ["a key that is not there", "key", "nowhere", /The key for the Mac 127.0.0.1 is not there: .*nowhere/],
  ["a Mac whose key is not known", "knownHosts", "nowhere", /Run `ssh-keyscan -p \d+ 127.0.0.1 > .*nowhere`/],
  ["a port where nobody listens", "port", 1, /could not be reached: .*refused.*Is it on/i],
])("a check names the cure for %s", async (_, key, value, words) => {
  const { bench } = await fresh();
  const tart = { allow: [], host: "", user: "", key: "", knownHosts: "", ...bench.host.tart, [key]: value };
  const other = await fresh({ host: { tart } });

  const [said, ...more] = await other.bench.driver.check(soon());

  expect(said).toMatch(words);
  expect(more).toEqual([]);
});

test("a check names the cure for a key that others can read", async () => {
  const { bench } = await fresh();
  const key = bench.host.tart?.key ?? "";
  await chmod(key, 0o644);

  expect(await bench.driver.check(soon())).toEqual([
    `Others can read the key for the Mac 127.0.0.1. Run: chmod 600 ${key}`,
  ]);
});

test("a check names the cure for a Mac with another key, and for one that does not know ours", async () => {
  const { bench } = await fresh();
  const other = await fresh();
  const knownHosts = bench.host.tart?.knownHosts ?? "";
  const known = await readFile(other.bench.host.tart?.knownHosts ?? "", "utf8");
  const right = await readFile(knownHosts, "utf8");
  await writeFile(knownHosts, `${right.split(" ")[0]} ${known.split(" ").slice(1).join(" ")}`);

  const [wrongHost] = await bench.driver.check(soon());
  await writeFile(knownHosts, right);
  await writeFile(join(knownHosts, "../authorized_keys"), "");
  const [wrongKey] = await bench.driver.check(soon());

  expect(wrongHost).toMatch(/has another key than .* says/);
  expect(wrongKey).toMatch(/does not let .* in with our key/);
});

test("a check tells what the Mac does not allow, before a machine fails for it", async () => {
  const { bench } = await fresh();
  const tart = { host: "", user: "", key: "", knownHosts: "", ...bench.host.tart, allow: ["10.9.9.9"] };
  const images = [{ ...IMAGE, limits: { ...IMAGE.limits, jobMs: 7_200_000 } }];
  const other = await fresh({ host: { tart }, images });
  await mkdir(join(bench.tartHome, "images", "stub"));

  expect(await other.bench.driver.check(soon())).toEqual([
    "This Mac lets a VM live 7200 seconds, and not 9060. If it should, run install-host.sh there again, with more LIFE_HOURS.",
    "This Mac does not let VMs reach 10.9.9.9/32. If they should, run install-host.sh there again, with this address, too.",
  ]);
});

test("a check warns of a guest listener that is known by name only", async () => {
  const { bench } = await fresh({ host: { guestUrl: "https://mayfly.lab:8443" } });

  expect(await bench.driver.check(soon())).toEqual([
    expect.stringContaining("VMs on mini look for the guest listener by the name mayfly.lab."),
  ]);
});

/** A VM that somebody runs by hand. */
async function runOther({ tartHome }: TartBench, name: string): Promise<void> {
  await mkdir(join(tartHome, "vms", name));
  const child = execa("sleep", ["600"]);
  child.catch(() => undefined);
  onTestFinished(() => void child.kill());
  await writeFile(join(tartHome, "vms", name, "pid"), `${child.pid}\n`);
}

async function endVm({ tartHome }: TartBench, name: string): Promise<void> {
  process.kill(Number(await readFile(join(tartHome, "vms", name, "pid"), "utf8")), "SIGKILL");
  await expect.poll(() => processesWith(`--keep test ${name}`), { timeout: SOON_MS }).toEqual([]);
}
