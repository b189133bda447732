import { expect, test } from "vitest";
import { saysNoRoom } from "../../src/drivers/openstack/states.ts";
import { NoRoom } from "../../src/ports.ts";
import { fastClock } from "../support/clock.ts";
import type { DriverParts } from "./openstack-bench.ts";
import { fresh, newName, posts, soon } from "./openstack-fresh.ts";
import type { Stub } from "./openstack-stub.ts";
import { stubFlavor, stubImage, stubNetwork } from "./openstack-stub-world.ts";

/** Of what a host says so many characters are shown. See: host-room.ts. */
const SHOWN = 240;

const full = [
  [
    "quota of instances",
    /POST nova/,
    403,
    {
      forbidden: {
        message: "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances",
      },
    },
  ],
  [
    "quota of ports",
    /POST neutron .*ports/,
    409,
    { NeutronError: { type: "OverQuota", message: "Quota exceeded for resources: ['port']." } },
  ],
  [
    "addresses of the network",
    /POST neutron .*ports/,
    409,
    {
      NeutronError: {
        type: "IpAddressGenerationFailure",
        message: "No more IP addresses available on network x.",
      },
    },
  ],
  ["patience", /POST nova/, 429, { overLimit: { message: "This request was rate-limited." } }],
  [
    "patience, in older clouds",
    /POST nova/,
    413,
    { overLimit: { message: "This request was rate-limited." } },
  ],
] as const;

test.each(full)(
  "a cloud that is short of %s has no room, in its own words",
  async (_what, call, status, body) => {
    const { stub, driver, orderOf, name } = await fresh();
    stub.fail(call, { status, body, headers: { "retry-after": "30" } });

    const error = await driver
      .start(orderOf(name, { mac: "52:54:00:12:34:56" }), soon())
      .catch((e: unknown) => e);

    expect(error).toBeInstanceOf(NoRoom);
    expect(String(error)).toContain(Object.values(body)[0]?.message);
    expect((error as NoRoom).retryAt).toBeGreaterThan(Date.now() + 20_000);
  },
);

test("an order that has no turn for a while waits for room, and is not made", async () => {
  const { stub, driver, orderOf, name } = await fresh({ clock: fastClock(20) });
  stub.fail(/POST nova/, "silence", 4);
  const names = Array.from({ length: 4 }, newName);
  const stuck = names.map((each) => driver.start(orderOf(each), soon()).catch(() => undefined));
  await expect.poll(() => posts(stub)).toHaveLength(4);

  await expect(driver.start(orderOf(name), soon())).rejects.toBeInstanceOf(NoRoom);

  await Promise.all(stuck);
  expect(posts(stub)).toHaveLength(4);
});

test("what was chosen is not looked up again for an order that found no room", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  stub.fail(/POST nova/, { status: 403, body: { forbidden: { message: "Quota exceeded for cores" } } });

  await expect(driver.start(orderOf(name), soon())).rejects.toBeInstanceOf(NoRoom);
  await driver.start(orderOf(newName()), soon());

  expect(stub.calls.filter((call) => /glance|flavors|networks/.test(call))).toHaveLength(3);
});

const notReady = [
  ["Keystone is away", /POST v3/, { status: 503, body: "oh" }, "Keystone answered"],
  ["Glance is away", /GET glance/, { status: 503, body: "oh" }, "Glance answered"],
  ["Nova is away", /GET nova .*flavors/, { status: 500, body: "oh" }, "Nova answered"],
  ["Neutron makes no port", /POST neutron/, { status: 500, body: "oh" }, "Neutron answered"],
  ["Neutron does not answer", /GET neutron/, "silence", "did not answer"],
] as const;

test.each(notReady)("while %s jobs wait with the reason, and Nova is asked for nothing", async (...row) => {
  const [, call, reply, words] = row;
  const { stub, driver, orderOf, name } = await fresh({ clock: fastClock(20) });
  stub.fail(call, reply);

  const error = await driver
    .start(orderOf(name, { mac: "52:54:00:12:34:56" }), soon())
    .catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ name: "NoRoom", isOfImage: false });
  expect(String(error)).toContain(words);
  expect(posts(stub)).toEqual([]);
});

test("while an image's set-up is wrong its jobs wait with the sentence that the check says, too", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  stub.world.images.push(stubImage("second", ["mayfly:image:current"]));

  const error = await driver.start(orderOf(name), soon()).catch((thrown: unknown) => thrown);
  const faults = await driver.check(soon());

  expect(error).toMatchObject({ name: "NoRoom", isOfImage: true });
  expect(faults).toEqual([(error as Error).message]);
});

const FIFTY = Array.from({ length: 50 }, (_, index) => `one-of-fifty-with-a-long-name-${index}`);
const flavorOf = (flavor: string) => ({ cloudImage: { family: "image", flavor } });

const long: readonly [string, RegExp, Omit<DriverParts, "env">, (stub: Stub) => unknown][] = [
  [
    "fifty flavors",
    /no flavor m9\. Mend cloudImage\.flavor/,
    { images: [flavorOf("m9")] },
    ({ world }) => world.flavors.push(...FIFTY.map((name) => stubFlavor(name, 1, 512, 2))),
  ],
  [
    "a flavor that is too small",
    /too small .*\. Choose a larger one in cloudImage\.flavor/,
    { images: [flavorOf(FIFTY[0] ?? "")] },
    ({ world }) => world.flavors.push(stubFlavor(FIFTY[0] ?? "", 1, 128, 2)),
  ],
  [
    "fifty current images",
    /Several cloud images .*\. Take it from all but one/,
    {},
    ({ world }) => world.images.push(...FIFTY.map((name) => stubImage(name, ["mayfly:image:current"]))),
  ],
  [
    "fifty networks",
    /several networks .*\. Say which one with openstack\.network/,
    {},
    ({ world }) => world.networks.push(...FIFTY.map((name) => stubNetwork(name))),
  ],
  [
    "fifty availability zones",
    /no availability zone nowhere .*\. Mend openstack\.availabilityZone/,
    { place: { availabilityZone: "nowhere" } },
    ({ world }) => world.zones.push(...FIFTY),
  ],
];

test.each(long)(
  "of %s a job says what to do before the list of what there is is cut",
  async (_what, words, parts, spoil) => {
    const { stub, driver, orderOf, name } = await fresh(parts);
    Object.assign(stub.world.images[0] ?? {}, { min_ram: 256 });
    spoil(stub);

    const error = await driver.start(orderOf(name), soon()).catch((thrown: unknown) => thrown);

    expect((error as Error).message.slice(0, SHOWN)).toMatch(words);
  },
);

test("a token that cannot be renewed for an order makes its job wait: Nova was not asked", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  stub.watch(/GET neutron/, async () => {
    stub.endTokens();
    stub.fail(/POST v3/, { status: 503, body: "oh" });
  });

  await expect(driver.start(orderOf(name), soon())).rejects.toBeInstanceOf(NoRoom);

  expect(stub.world.servers).toEqual([]);
});

test.each([
  // See: nova/exception.py, nova/scheduler/utils.py, neutron_lib/exceptions, neutron/ipam/exceptions.py.
  "No valid host was found. There are not enough hosts available.",
  "Insufficient compute resources: Free memory 1.00 MB < requested 256 MB.",
  "Exceeded maximum number of retries. Exceeded max scheduling attempts 3 for instance x. Last exception: Insufficient compute resources: Free vcpu 0.00 VCPU < requested 1 VCPU.",
  "No valid host was found. Exceeded max scheduling attempts 3 for instance x",
  "Exceeded maximum number of scheduling attempts",
  "Build of instance x aborted: Failed to allocate the network(s) with error No fixed IP addresses available for network: y, not rescheduling.",
  "No more IP addresses available on network x.",
  "No more IP addresses available.",
  "No more floating IP addresses available.",
  "Zero floating IPs available.",
  "External network x has no free IPs",
  "Maximum number of ports exceeded",
])("the cloud is full when it says: %s", (text) => {
  expect(saysNoRoom(text)).toBe(true);
});

test.each([
  "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance x.",
  "Exceeded maximum number of retries. Exceeded max scheduling attempts 3 for instance x. Last exception: Failed to locate firmware descriptor files",
  "Maximum number of metadata items exceeds 128",
  "Build of instance x aborted: Image y is unacceptable: it is too large",
])("the cloud is not full when it says: %s", (text) => {
  expect(saysNoRoom(text)).toBe(false);
});
