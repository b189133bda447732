import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { describe } from "../../src/drivers/openstack/names.ts";
import { type Clock, NoRoom, type VmSeen } from "../../src/ports.ts";
import { fastClock } from "../support/clock.ts";
import { openDriver } from "./openstack-bench.ts";
import { callsOf, type FreshParts, fresh, newName, soon } from "./openstack-fresh.ts";

/** A clock that may be moved on; waits that are under way stay as long as they are. */
function leapingClock(): Clock & { leap: (ms: number) => void } {
  let leaptMs = 0;
  return {
    now: () => Date.now() + leaptMs,
    until: (at, signal) => systemClock.until(at - leaptMs, signal),
    leap: (ms) => {
      leaptMs += ms;
    },
  };
}

const fast = (parts: FreshParts = {}) => fresh({ clock: fastClock(20), ...parts });

const OWNER = { controller: "test", host: "cloud" };
const TAGS = ["mayfly-controller=test", "mayfly-pool=image.00000000"];
const aServer = (name: string, more: Record<string, unknown> = {}) => ({
  ...{ id: randomUUID(), name, status: "ACTIVE", tags: TAGS },
  ...more,
});

test("a list of two thousand is read page by page, and each server once", async () => {
  const { stub, driver } = await fast();
  stub.world.page = 700;
  stub.world.servers = Array.from({ length: 2000 }, () => aServer(newName()));

  const listed = await driver.list(soon());

  expect(new Set(listed.map(({ name }) => name)).size).toBe(2000);
  expect(callsOf(stub, /servers\/detail/)).toHaveLength(3);
});

test("a server that goes between two pages makes the list begin anew, and not fail", async () => {
  const { stub, driver } = await fast();
  stub.world.page = 2;
  stub.world.servers = Array.from({ length: 5 }, () => aServer(newName()));
  const message = "marker [00000000-0000-4000-8000-00000000002e] not found";
  stub.fail(/marker=/, { status: 400, body: { badRequest: { code: 400, message } } });

  expect(await driver.list(soon())).toHaveLength(5);
});

test("lists that are asked for together are one call, and one more for those who came during it", async () => {
  const { stub, driver, name } = await fast();
  await driver.list(soon());
  stub.calls.length = 0;

  const first = driver.list(soon());
  await expect.poll(() => stub.calls.length).toBe(1);
  stub.world.servers.push(aServer(name));
  const later = await Promise.all([driver.list(soon()), driver.list(soon()), driver.list(soon())]);
  await first;

  expect(later.map((vms) => vms.length)).toEqual([1, 1, 1]);
  expect(stub.calls).toHaveLength(2);
});

test("a server that somebody else deleted is not listed any more", async () => {
  const { stub, driver, orderOf, name } = await fast();
  await driver.start(orderOf(name), soon());
  const before = await driver.list(soon());
  stub.world.servers = [];

  const after = await driver.list(soon());

  expect([before.length, after]).toEqual([1, []]);
});

test("a port and an address that an earlier driver has left are listed, and removed; those of others are not", async () => {
  const { stub, driver, name } = await fast();
  // NB: as it was written before hosts were told apart.
  const description = `mayfly-controller=test ${name}`;
  const others = [`mayfly-controller=testx mayfly-testx-image-a2b3c4d5`, "", `about ${description}`];
  const rows = [description, ...others].map((text) => ({ id: randomUUID(), description: text }));
  const before = stub.world.ports.length;
  stub.world.ports.push(...rows);
  stub.world.floatingips.push(...rows.map((row) => ({ ...row, id: randomUUID() })));

  const listed = await driver.list(soon());
  await driver.destroy(name, soon());

  expect(listed).toMatchObject([{ name, state: "off" }]);
  expect(await driver.list(soon())).toEqual([]);
  expect(stub.world.ports).toHaveLength(before + 3);
  expect(stub.world.floatingips).toHaveLength(3);
});

test("what is left beside servers is looked for once, and not at each list", async () => {
  const { stub, driver } = await fast();

  for (let look = 0; look < 3; look += 1) await driver.list(soon());

  expect(callsOf(stub, /neutron/)).toHaveLength(2);
});

test("machines are listed while nobody can say what is left beside them, and that is told later", async () => {
  const { stub, driver, logged, name } = await fast({ clock: fastClock(100) });
  const left = newName();
  stub.world.servers = [aServer(name)];
  stub.world.ports.push({ id: randomUUID(), description: describe(left, OWNER) });
  stub.fail(/GET neutron .*ports/, { status: 503, body: "oh" });

  const first = await driver.list(soon());

  expect(first).toEqual([{ name, state: "up" }]);
  expect(logged()).toContain("could not be listed");
  await expect.poll(async () => (await driver.list(soon())).map((vm) => vm.name)).toEqual([left, name]);
});

test("what is left beside a machine goes with it also if nobody could say what is left", async () => {
  const { stub, driver, name } = await fast();
  const before = stub.world.ports.length;
  stub.world.ports.push({ id: randomUUID(), description: describe(name, OWNER) });
  stub.fail(/GET neutron .*floatingips/, { status: 503, body: "oh" });

  await driver.list(soon());
  await driver.destroy(name, soon());

  expect(stub.world.ports).toHaveLength(before);
});

test("a port that was made although nobody heard of it is found, listed, and removed", async () => {
  const { stub, driver, orderOf, name } = await fast({
    clock: fastClock(100),
    place: { floatingNetwork: "external" },
  });
  const before = stub.world.ports.length;
  await driver.list(soon());
  stub.fail(/POST neutron .*ports/, "silence");
  await expect(driver.start(orderOf(name), soon())).rejects.toBeInstanceOf(NoRoom);
  await driver.destroy(name, soon());
  stub.world.ports.push({ id: randomUUID(), description: describe(name, OWNER) });

  await expect.poll(() => driver.list(soon()), { timeout: 9000 }).toMatchObject([{ name, state: "off" }]);
  await driver.destroy(name, soon());

  expect(stub.world.ports).toHaveLength(before);
});

test("a machine whose removal ended while it was looked for what is left is not brought up again", async () => {
  const clock = leapingClock();
  const { stub, driver, orderOf, name } = await fast({ clock, place: { floatingNetwork: "external" } });
  await driver.list(soon());
  await driver.start(orderOf(name), soon());
  const [looked, removed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  // NB: the answer has the port, and is given only when it is gone.
  stub.watch(/GET neutron .*ports\?project_id=\w+$/, () => {
    looked.resolve();
    return removed.promise;
  });
  clock.leap(6 * 60_000);
  await driver.list(soon());
  await looked.promise;

  await driver.destroy(name, soon());
  removed.resolve();

  const other = newName();
  stub.world.floatingips.push({ id: randomUUID(), description: describe(other, OWNER) });
  const namesLater = async () => {
    clock.leap(60_000);
    return (await driver.list(soon())).map((vm) => vm.name);
  };
  await expect.poll(namesLater, { timeout: 5000 }).toEqual([other]);
});

test("two hosts in one project see each its own machines, and both those without a host's tag", async () => {
  const { stub, driver, orderOf, name } = await fast({ place: { floatingNetwork: "external" } });
  const second = openDriver({ env: stub.env, hostName: "second" });
  onTestFinished(() => second.driver.close());
  const [theirs, older] = [newName(), newName()];
  stub.world.servers = [aServer(older)];
  await driver.start(orderOf(name), soon());
  await second.driver.start(second.orderOf(theirs), soon());

  const listed = await driver.list(soon());
  const listedThere = await second.driver.list(soon());

  const namesOf = (vms: readonly VmSeen[]) => vms.map((vm) => vm.name).toSorted();
  expect(namesOf(listed)).toEqual([name, older].toSorted());
  expect(namesOf(listedThere)).toEqual([theirs, older].toSorted());
  // NB: of ten servers one is the other host's.
  expect(await driver.capacity?.(soon())).toMatchObject({ machines: 9 });
});

test("a server that somebody renamed is still its machine, which is said once, and is removed", async () => {
  const { stub, driver, logged, name } = await fast();
  stub.world.servers = [aServer("precious", { metadata: { mayfly_machine: name } })];

  const listed = [await driver.list(soon()), await driver.list(soon())];
  await driver.destroy(name, soon());

  expect(listed).toEqual(Array(2).fill([{ name, state: "up" }]));
  expect(logged().split("a server was renamed")).toHaveLength(2);
  expect(stub.world.servers).toEqual([]);
});

test("a machine is listed with the cloud image that it was made from, also one with a volume", async () => {
  const { stub, driver } = await fast();
  const [plain, onVolume] = [newName(), newName()];
  stub.world.servers = [
    aServer(plain, { image: { id: "an image", links: [] } }),
    aServer(onVolume, { image: "", metadata: { mayfly_cloud_image: "another" } }),
  ];

  expect(await driver.list(soon())).toEqual([
    { name: plain, state: "up", cloudImage: "an image" },
    { name: onVolume, state: "up", cloudImage: "another" },
  ]);
});

const noConsole = [
  ["fails", { status: 500, body: "oh" }],
  ["is not answered", "silence"],
] as const;

test.each(noConsole)(
  "the evidence has Nova's own words also if reading the console %s",
  async (_how, reply) => {
    const clock = fastClock(20);
    const { stub, driver, name } = await fast({ clock });
    stub.world.servers = [aServer(name, { status: "ERROR", fault: { code: 500, message: "It burns." } })];
    stub.fail(/POST nova .*action/, reply);

    const askedAt = clock.now();
    const evidence = await driver.evidence(name, soon());

    // NB: what takes longer is not waited for. See: act.ts.
    expect(clock.now() - askedAt).toBeLessThan(10_000);
    expect(evidence["nova.log"]).toContain("fault It burns.");
    expect(evidence["console.log"]).toContain("The console could not be read");
  },
);

test("a server in ERROR is broken, with Nova's own words; one that has no room says so", async () => {
  const { stub, driver } = await fast();
  const [full, failed] = [newName(), newName()];
  const fault = (message: string) => ({ status: "ERROR", fault: { code: 500, message } });
  stub.world.servers = [
    aServer(full, fault("No valid host was found. ")),
    aServer(failed, fault("Exceeded maximum number of retries.")),
  ];

  expect(await driver.list(soon())).toEqual([
    { name: full, state: "broken", text: "Nova: No valid host was found.", isNoRoom: true },
    { name: failed, state: "broken", text: "Nova: Exceeded maximum number of retries." },
  ]);
  expect(await driver.evidence(failed, soon())).toEqual({
    "nova.log": expect.stringContaining("fault Exceeded maximum number of retries."),
  });
});

test("a fault that is not in the list is looked up, once for each server", async () => {
  const { stub, driver } = await fast();
  const names = Array.from({ length: 30 }, newName);
  stub.world.servers = names.map((name) => aServer(name, { status: "ERROR" }));
  stub.world.faultsApart = Object.fromEntries(
    stub.world.servers.map(({ id }) => [id, { code: 500, message: "No valid host was found. " }]),
  );

  const first = await driver.list(soon());
  const second = await driver.list(soon());

  expect(first.every(({ isNoRoom }) => isNoRoom)).toBe(true);
  expect(second).toEqual(first);
  const lookUps = /GET nova .*servers\/[0-9a-f-]{36}/;
  expect(callsOf(stub, lookUps)).toHaveLength(30);
  expect(stub.mostAtOnce(/GET nova .*servers\/<id>/)).toBeLessThanOrEqual(4);
});

test("a fault that cannot be looked up just now keeps no list back, and is looked up again", async () => {
  const { stub, driver, name } = await fast();
  const server = aServer(name, { status: "ERROR" });
  stub.world.servers = [server];
  stub.world.faultsApart = { [server.id]: { code: 500, message: "No valid host was found. " } };
  stub.fail(/GET nova .*servers\/[0-9a-f-]{36}/, { status: 500, body: "oh" });

  const first = await driver.list(soon());
  const second = await driver.list(soon());

  expect(first).toEqual([{ name, state: "broken", text: "Nova: ERROR" }]);
  expect(second).toMatchObject([{ name, isNoRoom: true }]);
});

test("a part of the cloud that does not answer makes the list fail, for its servers are not gone", async () => {
  const { stub, driver, name } = await fast();
  stub.world.servers = [aServer(name), { id: randomUUID(), status: "UNKNOWN", tags: TAGS } as never];

  await expect(driver.list(soon())).rejects.toThrow(/part of the cloud/);
});
