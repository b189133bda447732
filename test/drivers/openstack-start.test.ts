import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { machineName } from "../../src/core/name.ts";
import { fastClock } from "../support/clock.ts";
import { fresh, posts, soon } from "./openstack-fresh.ts";
import type { Stub } from "./openstack-stub.ts";
import { NETWORK, stubFlavor, stubImage, stubNetwork } from "./openstack-stub-world.ts";

/** What Nova was asked to make. */
const asked = ({ world }: Stub): Record<string, unknown> =>
  world.servers[0]?.asked as Record<string, unknown>;

test("an order has the image by its tag, the smallest flavor that will do, and the seed for a config drive", async () => {
  const { stub, driver, orderOf, name } = await fresh({
    place: { availabilityZone: "ceph", securityGroups: ["mayfly"], network: "mayfly" },
  });
  stub.world.zones.push("ceph");
  const order = orderOf(name, { memoryMiB: 300 });

  await driver.start(order, soon());

  const { user_data, ...rest } = asked(stub);
  expect(rest).toEqual({
    name,
    imageRef: stub.world.images[0]?.id,
    flavorRef: stub.world.flavors.find((flavor) => flavor.name === "m1.small")?.id,
    networks: [{ uuid: NETWORK }],
    security_groups: [{ name: "mayfly" }],
    availability_zone: "ceph",
    config_drive: true,
    tags: ["mayfly-controller=test", "mayfly-host=cloud", "mayfly-pool=image.7f59ce8f"],
    metadata: {
      ...{ mayfly_repository: "octo/spinw", mayfly_image: "image", mayfly_machine: name },
      mayfly_cloud_image: stub.world.images[0]?.id,
    },
  });
  expect(Buffer.from(String(user_data), "base64").toString()).toBe(
    `MAYFLYSEED1\n${JSON.stringify(order.seed)}\n`,
  );
});

test("a host with volumes boots from one of its size and type, which goes with the server", async () => {
  const { stub, driver, orderOf, name } = await fresh({ place: { volume: { sizeGiB: 40, type: "ssd" } } });

  await driver.start(orderOf(name), soon());

  expect(asked(stub)).not.toHaveProperty("imageRef");
  expect(asked(stub).block_device_mapping_v2).toEqual([
    {
      ...{ boot_index: 0, uuid: stub.world.images[0]?.id, source_type: "image", volume_size: 40 },
      ...{ destination_type: "volume", volume_type: "ssd", delete_on_termination: true },
    },
  ]);
});

test("the only network of the project is taken, before those of others", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  stub.world.networks.push(stubNetwork("of others", { shared: true, project_id: "others" }));

  await driver.start(orderOf(name), soon());

  expect(asked(stub).networks).toEqual([{ uuid: NETWORK }]);
});

test("a given cloud image is taken if it is of the family and of the owner, and else refused", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  const candidate = stubImage("next", ["mayfly:image:candidate"]);
  const others = stubImage("image", ["mayfly:image:candidate"], { owner: "others" });
  stub.world.images.push(candidate, others);

  await driver.start({ ...orderOf(name), cloudImage: candidate.id }, soon());
  const refused = driver.start(
    { ...orderOf(machineName("test", "image", randomBytes(8))), cloudImage: others.id },
    soon(),
  );

  expect(asked(stub).imageRef).toBe(candidate.id);
  await expect(refused).rejects.toThrow(/no active image .* of the family image/);
});

test("two current images are refused with both ids, and Nova is asked for nothing", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  const second = stubImage("second", ["mayfly:image:current"]);
  stub.world.images.push(second);

  const refused = await driver.start(orderOf(name), soon()).catch(String);

  expect(refused).toContain(second.id);
  expect(refused).toContain(stub.world.images[0]?.id);
  expect(posts(stub)).toEqual([]);
});

test("an image with the right tag that belongs to somebody else is none of ours", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  stub.world.images = [stubImage("image", ["mayfly:image:current"], { owner: "others" })];

  await expect(driver.start(orderOf(name), soon())).rejects.toThrow(
    /no image with the tag mayfly:image:current/,
  );
});

test("a flavor that is not named is one that fits the image's minimum, and is not disabled", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  Object.assign(stub.world.images[0] ?? {}, { min_ram: 1000, min_disk: 30 });
  stub.world.flavors.push({ ...stubFlavor("off", 1, 2048, 30), "OS-FLV-DISABLED:disabled": true });

  await driver.start(orderOf(name), soon());

  expect(asked(stub).flavorRef).toBe(stub.world.flavors.find((flavor) => flavor.name === "m1.large")?.id);
});

test("a machine with a fixed MAC address has a port of its own, which goes with it", async () => {
  const { stub, driver, orderOf, name } = await fresh({ place: { securityGroups: ["mayfly"] } });
  const before = stub.world.ports.length;

  await driver.start(orderOf(name, { mac: "52:54:00:12:34:56" }), soon());
  const port = stub.world.ports.at(-1);
  const { networks } = asked(stub);
  await driver.destroy(name, soon());

  expect(networks).toEqual([{ port: port?.id }]);
  expect(port).toMatchObject({
    ...{ name, network_id: NETWORK, mac_address: "52:54:00:12:34:56" },
    security_groups: [stub.world.groups[1]?.id],
    tags: ["mayfly-controller=test", "mayfly-host=cloud", expect.stringMatching(/^mayfly-pool=image\./)],
  });
  expect(stub.world.ports).toHaveLength(before);
});

test("a host with a floating network gives each machine an address outside, which goes with it", async () => {
  const { stub, driver, orderOf, name } = await fresh({ place: { floatingNetwork: "external" } });

  await driver.start(orderOf(name), soon());
  const made = [...stub.world.floatingips];
  const port = stub.world.ports.at(-1);
  await driver.destroy(name, soon());

  const outside = stub.world.networks.find((network) => network.name === "external");
  expect(made).toEqual([expect.objectContaining({ floating_network_id: outside?.id, port_id: port?.id })]);
  expect(stub.world.floatingips).toEqual([]);
});

test("a refusal for another reason is a failure, and a POST is never sent twice", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  stub.fail(/POST nova/, { status: 403, body: { forbidden: { message: "Policy doesn't allow it" } } });
  const other = machineName("test", "image", randomBytes(8));

  await expect(driver.start(orderOf(name), soon())).rejects.toMatchObject({
    name: "CloudError",
    status: 403,
  });
  stub.fail(/POST nova/, { status: 503, body: "busy" });
  await expect(driver.start(orderOf(other), soon())).rejects.toMatchObject({ status: 503 });

  expect(posts(stub)).toHaveLength(2);
});

test("a port whose server never came is listed, and goes with the machine", async () => {
  const { stub, driver, orderOf, name } = await fresh({ place: { floatingNetwork: "external" } });
  const before = stub.world.ports.length;
  stub.fail(/POST nova/, { status: 500, body: { computeFault: { message: "oh dear" } } });
  await driver.list(soon());

  await expect(driver.start(orderOf(name), soon())).rejects.toThrow("oh dear");
  const listed = await driver.list(soon());
  await driver.destroy(name, soon());

  expect(listed).toMatchObject([{ name, state: "off" }]);
  expect(await driver.list(soon())).toEqual([]);
  expect([stub.world.ports.length, stub.world.floatingips.length]).toEqual([before, 0]);
});

test("a machine that is destroyed while its port is made leaves no port, and Nova is not asked for it", async () => {
  const { stub, driver, orderOf, name } = await fresh({ place: { floatingNetwork: "external" } });
  const before = stub.world.ports.length;
  const destroying = Promise.withResolvers<void>();
  stub.watch(/POST neutron .*ports$/, async () => {
    void driver.destroy(name, soon()).then(destroying.resolve, destroying.reject);
  });

  await expect(driver.start(orderOf(name), soon())).rejects.toThrow(/destroyed while it was ordered/);
  await destroying.promise;

  expect([stub.world.ports.length, stub.world.floatingips.length]).toEqual([before, 0]);
  expect(posts(stub)).toEqual([]);
  expect(await driver.list(soon())).toEqual([]);
});

test("what an order was made of is looked up again after a refusal: it may be gone", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  const message = "Can not find requested image";
  stub.fail(/POST nova/, { status: 400, body: { badRequest: { message } } });
  await expect(driver.start(orderOf(name), soon())).rejects.toThrow(message);
  const next = stubImage("next", ["mayfly:image:current"]);
  stub.world.images = [next];

  await driver.start(orderOf(machineName("test", "image", randomBytes(8))), soon());

  expect(asked(stub).imageRef).toBe(next.id);
});

test("a server that Nova does not list yet is being made, for a while", async () => {
  const { stub, driver, orderOf, name } = await fresh({ clock: fastClock(50) });
  await driver.start(orderOf(name), soon());
  stub.world.servers = [];

  expect(await driver.list(soon())).toEqual([{ name, state: "building" }]);

  await expect.poll(() => driver.list(soon())).toEqual([]);
});

test("a machine that is destroyed while what all share is looked up fails no other order", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  const others = [1, 2].map(() => machineName("test", "image", randomBytes(8)));
  const destroying = Promise.withResolvers<void>();
  stub.watch(/GET glance/, async () => {
    void driver.destroy(name, soon()).then(destroying.resolve, destroying.reject);
    await expect(first).rejects.toThrow(/destroyed while it was ordered/);
  });

  const first = driver.start(orderOf(name), soon());
  first.catch(() => undefined);
  await Promise.all(others.map((other) => driver.start(orderOf(other), soon())));
  await destroying.promise;

  expect(stub.world.servers.map((server) => server.name).toSorted()).toEqual(others.toSorted());
  expect(stub.calls.filter((call) => call.startsWith("GET glance"))).toHaveLength(1);
});

test("a burst of orders asks Nova for few at a time, and looks images and flavors up once", async () => {
  const { stub, driver, orderOf } = await fresh();
  const names = Array.from({ length: 30 }, () => machineName("test", "image", randomBytes(8)));

  await Promise.all(names.map((name) => driver.start(orderOf(name), soon())));

  expect(stub.mostAtOnce(/POST nova/)).toBeLessThanOrEqual(4);
  expect(posts(stub)).toHaveLength(30);
  expect(stub.calls.filter((call) => /glance|flavors|networks/.test(call))).toHaveLength(3);
});

test("the token of a seed is in no error, whatever Nova repeats", async () => {
  const { stub, driver, orderOf, logged, name } = await fresh();
  const order = orderOf(name);
  const repeated = Buffer.from(`MAYFLYSEED1\n${JSON.stringify(order.seed)}\n`).toString("base64");
  const message = `Invalid input for field/attribute user_data. Value: ${repeated}. x ${order.seed.token}`;
  stub.fail(/POST nova/, { status: 400, body: { badRequest: { message } } });

  const error = await driver.start(order, soon()).catch((thrown: unknown) => thrown);

  expect(String(error)).toContain("Invalid input for field/attribute user_data");
  for (const secret of [order.seed.token, repeated.slice(20, 60)]) {
    expect(String(error) + JSON.stringify(error) + logged()).not.toContain(secret);
  }
});
