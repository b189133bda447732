import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { fastClock } from "../support/clock.ts";
import { fresh, soon } from "./openstack-fresh.ts";
import type { Stub } from "./openstack-stub.ts";
import { NETWORK, stubImage, stubNetwork } from "./openstack-stub-world.ts";

/** NB: a busy machine takes longer than a second for what has to pass on a fast clock. */
const PATIENT = { timeout: 4000 };

const others = () => ({
  ...{ id: randomUUID(), name: "theirs", status: "ACTIVE", tags: [] },
  flavor: { vcpus: 2, ram: 1024 },
});
const ours = () => ({
  ...{ id: randomUUID(), name: "mayfly-test-image-a2b3c4d5", status: "ACTIVE" },
  ...{ tags: ["mayfly-controller=test"], flavor: { vcpus: 2, ram: 1024 } },
});

const on = (host: string) => {
  const server = ours();
  return { ...server, tags: [...server.tags, `mayfly-host=${host}`] };
};

type Case = {
  title: string;
  parts?: Parameters<typeof fresh>[0];
  spoil?: (stub: Stub) => unknown;
  says: RegExp;
};

const CASES: readonly Case[] = [
  {
    title: "a cloud that is not known",
    parts: { place: { cloud: "sftc" } },
    says: /^The cloud sftc is not known\. clouds\.yaml has: envvars\. Mend openstack\.cloud/,
  },
  {
    title: "a password that is wrong",
    parts: { env: { OS_PASSWORD: "wrong" } },
    says: /^Keystone refuses the user of the cloud envvars: .* Mend them in clouds\.yaml/,
  },
  {
    title: "an application credential that has expired",
    parts: {
      env: { OS_APPLICATION_CREDENTIAL_ID: "gone", OS_APPLICATION_CREDENTIAL_SECRET: "hush" },
    },
    says: /^Keystone refuses the application credential of the cloud envvars: it has expired.*Make a new one with openstack\/create-app-credential\.sh\.$/,
  },
  {
    title: "a credential that may only look",
    spoil: ({ world }) => Object.assign(world, { roles: ["reader"] }),
    says: /may only look at the project demo.*role member/,
  },
  {
    title: "an address that leads to no Keystone",
    spoil: (stub) => stub.fail(/auth\/tokens/, { status: 404, body: "<h1>Not found</h1>" }, 9),
    says: /^There is no Keystone of version 3.*Mend auth_url/,
  },
  {
    title: "a Keystone that cannot be reached",
    parts: { env: { OS_AUTH_URL: "http://127.0.0.1:1/v3" } },
    says: /^Keystone \(127\.0\.0\.1:1\) did not answer.*Mend auth_url of the cloud envvars/,
  },
  {
    title: "a region that the cloud has not",
    parts: { env: { OS_REGION_NAME: "Nowhere" } },
    says: /^The cloud envvars has no Nova .*Mend interface and region_name/,
  },
  {
    title: "a Nova that is too old",
    spoil: ({ world }) => Object.assign(world, { novaVersion: "2.38" }),
    says: /^Nova of the cloud envvars is too old: it knows microversions up to 2\.38.*2\.52/,
  },
  {
    title: "an image that nobody promoted",
    spoil: ({ world }) => Object.assign(world, { images: [stubImage("image", ["mayfly:image:candidate"])] }),
    says: /^The cloud has no image with the tag mayfly:image:current.*promote it/,
  },
  {
    title: "two images that are current",
    spoil: ({ world }) => void world.images.push(stubImage("again", ["mayfly:image:current"])),
    says: /^Several cloud images have the tag mayfly:image:current\. Take it from all but one of these .*: .*, .*\.$/,
  },
  {
    title: "a current image that was deactivated",
    spoil: ({ world }) => void Object.assign(world.images[0] ?? {}, { status: "deactivated" }),
    says: /has the tag mayfly:image:current, and is not active but deactivated\. Activate it/,
  },
  {
    title: "a flavor that is too small for the image's minimum",
    parts: { images: [{ cloudImage: { family: "image", flavor: "m1.tiny" } }] },
    spoil: ({ world }) => void Object.assign(world.images[0] ?? {}, { min_disk: 8 }),
    says: /^The flavor m1\.tiny is too small for the cloud image .*Choose a larger one/,
  },
  {
    title: "needs that no flavor has",
    parts: { images: [{ cpus: 64 }] },
    says: /^The cloud has no flavor for the image image: at least 64 CPUs.*Lower cpus or memory/,
  },
  {
    title: "a volume that is too small for the image",
    parts: { place: { volume: { sizeGiB: 4 } } },
    spoil: ({ world }) => void Object.assign(world.images[0] ?? {}, { min_disk: 8 }),
    says: /^The volume of 4 GiB is too small.*Raise openstack\.volume\.size/,
  },
  {
    title: "a type of volumes that an old Nova cannot be told",
    parts: { place: { volume: { sizeGiB: 4, type: "ssd" } } },
    spoil: ({ world }) => Object.assign(world, { novaVersion: "2.66" }),
    says: /too old to be told the type of a volume\. Take away openstack\.volume\.type/,
  },
  {
    title: "a type of volumes that is not there",
    parts: { place: { volume: { sizeGiB: 4, type: "nvme" } } },
    says: /^The cloud has no type of volumes nvme\. Mend openstack\.volume\.type .* has: ssd\.$/,
  },
  {
    title: "a flavor that is larger than what the host may use",
    parts: {
      limits: { cpus: 2, memoryMiB: 4096 },
      images: [{ name: "small" }, { name: "large", cloudImage: { family: "image", flavor: "m1.large" } }],
    },
    says: /^The flavor m1\.large of the image large is larger than what the host cloud may use .*: it has 4 CPUs, and cpus is 2; it has 8192 MiB of memory, and memory is 4096 MiB\. Raise the host's limits in mayfly\.yml, or/,
  },
  {
    title: "a server of a host that was renamed",
    parts: { hosts: ["cloud", "second"] },
    spoil: ({ world }) => void world.servers.push(on("cloud"), on("second"), on("old"), others()),
    says: /^Servers of this controller bear the name of a host that is not in mayfly\.yml.*: mayfly-test-image-a2b3c4d5 \(old\)\. Give the host that name again .*, or delete them/,
  },
  {
    title: "a network that is not there",
    parts: { place: { network: "inside" } },
    says: /^The project sees no network inside\. Mend it/,
  },
  {
    title: "two networks of one name",
    parts: { place: { network: "mayfly" } },
    spoil: ({ world }) => void world.networks.push(stubNetwork("mayfly")),
    says: /^2 networks are called mayfly\. Give the id of one/,
  },
  {
    title: "several networks and no choice",
    spoil: ({ world }) => void world.networks.push(stubNetwork("other")),
    says: /^The project has several networks \(mayfly, other\)\. Say which one/,
  },
  {
    title: "a network without a subnet",
    spoil: ({ world }) => Object.assign(world, { subnets: [] }),
    says: /^The network mayfly has no subnet.*openstack subnet create/,
  },
  {
    title: "a network without a route",
    spoil: ({ world }) => Object.assign(world, { ports: [] }),
    says: /^No router joins the network mayfly to others.*openstack router add subnet/,
  },
  {
    title: "a router that leads nowhere",
    spoil: ({ world }) => void Object.assign(world.routers[0] ?? {}, { external_gateway_info: null }),
    says: /^The router of the network mayfly \(out\) has no way outside.*--external-gateway/,
  },
  {
    title: "a floating network that is not external",
    parts: { place: { network: NETWORK, floatingNetwork: "mayfly" } },
    says: /^The network mayfly gives no floating IPs/,
  },
  {
    title: "a security group that is not there",
    parts: { place: { securityGroups: ["default", "nowhere"] } },
    says: /^The project has no security group nowhere\. Make it/,
  },
  {
    title: "an availability zone that is not there",
    parts: { place: { availabilityZone: "ceph" } },
    says: /^The cloud has no availability zone ceph just now\. Mend openstack\.availabilityZone .* has: nova\.$/,
  },
  {
    title: "a quota that others have used up",
    spoil: ({ world }) => {
      world.quota.instances = 2;
      world.servers = [others(), others()];
    },
    says: /^The project's quota leaves too little for one machine: servers.*ask the people of the cloud/,
  },
  {
    title: "a quota of memory that is less than a flavor's",
    spoil: ({ world }) => Object.assign(world.quota, { ram: 100 }),
    says: /too little for one machine: 100 of 256 MiB of memory/,
  },
  {
    title: "a service that fails",
    spoil: (stub) =>
      stub.fail(/neutron/, { status: 500, body: { NeutronError: { message: "no database" } } }, 99),
    says: /^Neutron answered GET \/networks with 500: no database.*Try again later/,
  },
];

test.each(CASES)("the check says what to do about $title, once", async ({ parts = {}, spoil, says }) => {
  const { stub, driver } = await fresh({ place: {}, ...parts });
  spoil?.(stub);

  const faults = await driver.check(soon());

  expect(faults).toEqual([expect.stringMatching(says)]);
});

test("that our own machines use all of the quota is no fault", async () => {
  const { stub, driver } = await fresh();
  stub.world.quota = { ...stub.world.quota, instances: 1, cores: 2, ram: 1024 };
  stub.world.servers = [ours()];

  expect(await driver.check(soon())).toEqual([]);
});

test("a host's limits that hold one machine of each flavor are no fault", async () => {
  const { driver } = await fresh({ limits: { cpus: 1, memoryMiB: 256 } });

  expect(await driver.check(soon())).toEqual([]);
});

test("a network that belongs to others is not asked for routers, which only they see", async () => {
  const { stub, driver } = await fresh();
  stub.world.networks = [stubNetwork("provider", { id: NETWORK, project_id: "others", shared: true })];
  stub.world.ports = [];

  expect(await driver.check(soon())).toEqual([]);
});

test("what our machines may take is the quota less what others use", async () => {
  const { stub, driver } = await fresh();
  stub.world.servers = [ours(), others(), others(), others()];

  expect(await driver.capacity?.(soon())).toMatchObject({ machines: 7, cpus: 14, memoryMiB: 48128 });
});

test("what a machine takes of it is what its flavor takes, for each image", async () => {
  const images = [
    { name: "small" },
    { name: "large", cloudImage: { family: "image", flavor: "m1.large" } },
    { name: "nowhere", cloudImage: { family: "nowhere" } },
  ];
  const { driver } = await fresh({ images });

  expect((await driver.capacity?.(soon()))?.sizes).toEqual({
    small: { cpus: 1, memoryMiB: 256 },
    large: { cpus: 4, memoryMiB: 8192 },
  });
});

test("what a machine takes is still known while it cannot be looked up", async () => {
  const { stub, driver } = await fresh({ clock: fastClock(20) });
  const before = await driver.capacity?.(soon());
  stub.fail(/glance|flavors/, { status: 503, body: "oh" }, 999);
  stub.calls.length = 0;

  await expect
    .poll(async () => {
      const room = await driver.capacity?.(soon());
      return [room, stub.calls.some((call) => call.startsWith("GET glance"))];
    }, PATIENT)
    .toEqual([before, true]);
});

test("a cloud that takes too long is a finding, and not a failure of the check", async () => {
  const clock = fastClock(20);
  const { stub, driver } = await fresh({ clock, place: { network: NETWORK } });
  stub.watch(/GET neutron .*networks/, () => clock.until(clock.now() + 15_000, soon()));

  expect(await driver.check(soon())).toEqual([expect.stringMatching(/^The cloud takes too long/)]);
});

test("what has no limit limits nothing", async () => {
  const { stub, driver } = await fresh();
  stub.world.quota = { ...stub.world.quota, instances: -1, cores: -1, ram: -1 };
  stub.world.servers = [others()];

  expect(await driver.capacity?.(soon())).toEqual({ sizes: expect.anything() });
});

test("volumes and addresses limit the machines of a host that uses them", async () => {
  const volumes = await fresh({ place: { volume: { sizeGiB: 300 } } });
  const few = await fresh({ place: { volume: { sizeGiB: 1 } } });
  few.stub.world.quota.volumes = 4;
  const addresses = await fresh({ place: { floatingNetwork: "external" } });
  addresses.stub.world.quota.floatingip = 5;
  addresses.stub.world.floatingips = [
    { id: "a", description: "of others" },
    { id: "b", description: "mayfly-controller=test mayfly-test-image-a2b3c4d5" },
  ];

  const rooms = await Promise.all([volumes, few, addresses].map(({ driver }) => driver.capacity?.(soon())));

  expect(rooms.map((room) => room?.machines)).toEqual([3, 4, 4]);
});

test("a cloud that does not show the quota of addresses has room for as many as all else allows", async () => {
  const { stub, driver } = await fresh({ place: { floatingNetwork: "external" } });
  stub.fail(/quotas/, { status: 403, body: { NeutronError: { message: "not for you" } } }, 9);

  expect(await driver.capacity?.(soon())).toMatchObject({ machines: 10 });
});
