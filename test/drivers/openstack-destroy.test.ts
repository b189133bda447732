import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { fastClock } from "../support/clock.ts";
import { callsOf, type FreshParts, fresh, newName, soon } from "./openstack-fresh.ts";

const fast = (parts: FreshParts = {}) => fresh({ clock: fastClock(20), ...parts });

const TAGS = ["mayfly-controller=test", "mayfly-pool=image.00000000"];
const aServer = (name: string, more: Record<string, unknown> = {}) => ({
  ...{ id: randomUUID(), name, status: "ACTIVE", tags: TAGS },
  ...more,
});

test("a hundred machines that are destroyed together are listed a few times, not a hundred", async () => {
  const { stub, driver, clock } = { ...(await fast()), clock: fastClock(20) };
  const names = Array.from({ length: 100 }, newName);
  stub.world.servers = names.map((name) => aServer(name));
  stub.fail(/DELETE/, { status: 409, body: { conflictingRequest: { message: "task_state spawning" } } }, 50);
  const startedAt = clock.now();

  await Promise.all(names.map((name) => driver.destroy(name, soon())));

  const passes = Math.ceil((clock.now() - startedAt) / 1000);
  expect(stub.world.servers).toEqual([]);
  expect(callsOf(stub, /servers\/detail/).length).toBeLessThanOrEqual(passes + 3);
  expect(callsOf(stub, /GET nova .*servers\/[0-9a-f-]{36}/)).toEqual([]);
  expect(callsOf(stub, /neutron/)).toHaveLength(2);
  expect(stub.mostAtOnce(/DELETE/)).toBeLessThanOrEqual(8);
});

const passing = [
  ["413", { status: 413, body: { overLimit: { message: "This request was rate-limited." } } }],
  [
    "409",
    { status: 409, body: { conflictingRequest: { message: "Cannot 'delete' while it is in task_state x" } } },
  ],
  ["500", { status: 500, body: { computeFault: { message: "Unexpected API Error." } } }],
] as const;

test.each(passing)(
  "a removal that Nova answers with %s is tried again until it is done",
  async (_status, reply) => {
    const { stub, driver, name } = await fast();
    stub.world.servers = [aServer(name)];
    stub.fail(/DELETE/, reply, 2);

    await driver.destroy(name, soon());

    expect(stub.world.servers).toEqual([]);
    expect(callsOf(stub, /DELETE/)).toHaveLength(3);
  },
);

test("a removal that Nova never does ends in its time, with Nova's own words", async () => {
  const { stub, driver, name } = await fast();
  stub.world.servers = [aServer(name)];
  stub.fail(/DELETE/, { status: 500, body: { computeFault: { message: "The hypervisor is away." } } }, 999);

  await expect(driver.destroy(name, AbortSignal.timeout(300))).rejects.toThrow("The hypervisor is away.");

  expect(await driver.list(soon())).toHaveLength(1);
});

test("a removal that keeps failing is tried less and less often", async () => {
  const { stub, driver, name } = await fast({ clock: fastClock(20) });
  stub.world.servers = [aServer(name)];
  stub.fail(/DELETE/, { status: 500, body: { computeFault: { message: "The hypervisor is away." } } }, 999);

  await expect(driver.destroy(name, soon())).rejects.toThrow("The hypervisor is away.");

  // NB: after 1, 2, 4, 8, 16 and then 30 seconds, for somewhat less than two minutes.
  expect(callsOf(stub, /DELETE/).length).toBeLessThanOrEqual(8);
  expect(callsOf(stub, /DELETE/).length).toBeGreaterThan(5);
});

test("a cloud that asks to be left alone gets no removal until then, of whatever server", async () => {
  const { stub, driver, clock } = { ...(await fast()), clock: fastClock(20) };
  const names = Array.from({ length: 20 }, newName);
  stub.world.servers = names.map((each) => aServer(each));
  const slowDown = { overLimit: { message: "slow down" } };
  stub.fail(/DELETE/, { status: 429, body: slowDown, headers: { "retry-after": "30" } }, 8);
  const startedAt = clock.now();
  const sentAt: number[] = [];
  stub.watch(/DELETE/, async () => void sentAt.push(clock.now() - startedAt));

  await Promise.all(names.map((each) => driver.destroy(each, soon())));

  expect(stub.world.servers).toEqual([]);
  expect(sentAt).toHaveLength(28);
  expect(sentAt.filter((at) => at < 25_000)).toHaveLength(8);
});

const away = { status: 503, body: "oh" };
const momentarily: readonly [string, RegExp, number][] = [
  ["the first list of servers", /servers\/detail/, 2],
  ["Keystone", /auth\/tokens/, 1],
  ["how a volume is", /GET cinder/, 2],
  ["what ports there are", /GET neutron .*ports/, 2],
  ["the removal of a port", /DELETE neutron .*ports/, 2],
];

test.each(momentarily)(
  "a cloud that cannot tell or do just now, here: %s, does not end a removal",
  async (_what, call, times) => {
    const { stub, driver, name } = await fast();
    const volume = randomUUID();
    const attached = [{ id: volume, delete_on_termination: true }];
    stub.world.servers = [aServer(name, { "os-extended-volumes:volumes_attached": attached })];
    stub.world.volumes = [{ id: volume, status: "available" }];
    const before = stub.world.ports.length;
    stub.world.ports.push({ id: randomUUID(), description: `mayfly-controller=test ${name}` });
    stub.fail(call, away, times);

    await driver.destroy(name, soon());

    expect([stub.world.servers, stub.world.volumes]).toEqual([[], []]);
    expect(stub.world.ports).toHaveLength(before);
  },
);

test("a removal for which the set-up is wrong is said at once", async () => {
  const { stub, driver, name } = await fast();
  stub.world.servers = [aServer(name)];
  stub.world.regions = ["north", "south"];

  const startedAt = Date.now();
  await expect(driver.destroy(name, soon())).rejects.toThrow(/several regions/);

  // NB: not quite two minutes on its clock would be more than five seconds.
  expect(Date.now() - startedAt).toBeLessThan(4000);
});

test("lists that fail meanwhile do not end the wait for a server's end", async () => {
  const { stub, driver, name } = await fast();
  stub.world.servers = [aServer(name)];
  stub.fail(/DELETE/, { status: 204 });
  await driver.list(soon());
  stub.watch(/DELETE/, async () => {
    stub.fail(/servers\/detail/, { status: 503, body: "oh" }, 2);
    stub.world.servers = [];
  });

  await driver.destroy(name, soon());

  expect(await driver.list(soon())).toEqual([]);
});

test("a removal that may not be done at all is said at once", async () => {
  const { stub, driver, name } = await fast();
  stub.world.servers = [aServer(name)];
  stub.fail(/DELETE/, { status: 403, body: { forbidden: { message: "Policy doesn't allow it" } } }, 999);

  await expect(driver.destroy(name, soon())).rejects.toThrow("Policy doesn't allow it");

  expect(callsOf(stub, /DELETE/)).toHaveLength(1);
});

test("a server that Nova took the removal of and that stays is removed once more", async () => {
  const { stub, driver, name } = await fast();
  stub.world.servers = [aServer(name)];
  stub.fail(/DELETE/, { status: 204 });

  await driver.destroy(name, soon());

  expect(callsOf(stub, /DELETE/)).toHaveLength(2);
  // NB: a list a second, for the quarter of a minute that Nova is given.
  expect(callsOf(stub, /servers\/detail/).length).toBeLessThanOrEqual(18);
});

test("a server that somebody else deletes meanwhile is gone, which is success", async () => {
  const { stub, driver, name } = await fast();
  stub.world.servers = [aServer(name)];
  stub.fail(/DELETE/, { status: 404, body: { itemNotFound: { message: "Instance could not be found." } } });

  const destroying = driver.destroy(name, soon());
  await expect.poll(() => callsOf(stub, /DELETE/)).toHaveLength(1);
  stub.world.servers = [];

  await destroying;
  expect(await driver.list(soon())).toEqual([]);
});

test("a deleted server that the cloud keeps for a while counts as gone", async () => {
  const { stub, driver, name } = await fast();
  stub.world.servers = [aServer(name, { status: "SOFT_DELETED" })];

  await driver.destroy(name, soon());

  expect(await driver.list(soon())).toEqual([]);
});

test("a server that is DELETED is waited for, since it is in the quota until it is gone", async () => {
  const { stub, driver, name } = await fast();
  stub.world.servers = [aServer(name)];
  stub.fail(/DELETE/, { status: 204 });
  stub.watch(/DELETE/, async () => void Object.assign(stub.world.servers[0] ?? {}, { status: "DELETED" }));
  let isDone = false;

  const destroying = driver.destroy(name, soon()).then(() => {
    isDone = true;
  });
  // NB: longer than the time after which one that shows no sign is removed again.
  await expect.poll(() => callsOf(stub, /servers\/detail/).length, { timeout: 5000 }).toBeGreaterThan(25);
  const wasDone = isDone;
  stub.world.servers = [];
  await destroying;

  expect([wasDone, isDone]).toEqual([false, true]);
  expect(callsOf(stub, /DELETE/)).toHaveLength(1);
});

test("two servers of one name are both removed", async () => {
  const { stub, driver, name } = await fast();
  stub.world.servers = [aServer(name), aServer(name)];

  await driver.destroy(name, soon());

  expect(stub.world.servers).toEqual([]);
});

test("a server that has our name, and not our tag, is neither listed nor removed", async () => {
  const { stub, driver, name } = await fast();
  const theirs = aServer(name, { tags: [] });
  stub.world.servers = [theirs];

  const listed = await driver.list(soon());
  await driver.destroy(name, soon());

  expect(listed).toEqual([]);
  expect(stub.world.servers).toEqual([theirs]);
});

test("in a cloud that ignores what a list is asked for, what belongs to others stays", async () => {
  const { stub, driver, name } = await fast();
  stub.world.ignoresFilters = true;
  const theirs = aServer(name, { tags: [] });
  stub.world.servers = [theirs, aServer(name)];
  const port = { id: randomUUID(), description: "theirs" };
  stub.world.ports = [port, { id: randomUUID(), description: `mayfly-controller=test ${name}` }];

  const listed = await driver.list(soon());
  await driver.destroy(name, soon());

  expect(listed).toEqual([{ name, state: "up" }]);
  expect(stub.world.servers).toEqual([theirs]);
  expect(stub.world.ports).toEqual([port]);
});

test("a server of ours without a row is listed and removed by a driver that never ordered it", async () => {
  const { stub, driver, name } = await fast();
  stub.world.servers = [aServer(name)];

  const listed = await driver.list(soon());
  await driver.destroy(name, soon());

  expect(listed).toEqual([{ name, state: "up" }]);
  expect(stub.world.servers).toEqual([]);
});

test("a volume that should have gone with its server is removed, and the machine is listed until then", async () => {
  const { stub, driver, name } = await fast();
  const volume = randomUUID();
  stub.world.servers = [
    aServer(name, {
      "os-extended-volumes:volumes_attached": [
        { id: volume, delete_on_termination: true },
        { id: "a disk of somebody", delete_on_termination: false },
      ],
    }),
  ];
  stub.world.volumes = [{ id: volume, status: "available" }];
  stub.fail(/DELETE cinder/, { status: 500, body: { computeFault: { message: "Ceph is away" } } }, 999);

  await expect(driver.destroy(name, AbortSignal.timeout(500))).rejects.toThrow("Ceph is away");
  const listed = await driver.list(soon());
  stub.recover();
  await driver.destroy(name, soon());

  expect(listed).toMatchObject([{ name, state: "off" }]);
  expect(stub.world.volumes).toEqual([]);
  expect(callsOf(stub, /somebody/)).toEqual([]);
});

test("a volume that Cinder cannot delete is tried less and less often", async () => {
  const { stub, driver, name } = await fast({ clock: fastClock(20) });
  const volume = randomUUID();
  const attached = [{ id: volume, delete_on_termination: true }];
  stub.world.servers = [aServer(name, { "os-extended-volumes:volumes_attached": attached })];
  stub.world.volumes = [{ id: volume, status: "error_deleting" }];
  stub.fail(/DELETE cinder/, { status: 202 }, 999);

  await expect(driver.destroy(name, soon())).rejects.toThrow();

  expect(callsOf(stub, /DELETE cinder/).length).toBeLessThanOrEqual(8);
});

test("a token that ends in the middle of a pass is replaced, and all that the pass does is done", async () => {
  const { stub, driver, orderOf, name } = await fast();
  const gone = newName();
  stub.world.servers = [aServer(gone)];
  await driver.list(soon());
  stub.endTokens();

  const [listed] = await Promise.all([
    driver.list(soon()),
    driver.start(orderOf(name), soon()),
    driver.destroy(gone, soon()),
  ]);

  expect(listed.map((vm) => vm.name)).toContain(gone);
  expect(stub.world.servers.map((server) => server.name)).toEqual([name]);
  expect(callsOf(stub, /auth\/tokens/)).toHaveLength(2);
});
