import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { machineName } from "../../src/core/name.ts";
import { NoRoom } from "../../src/ports.ts";
import { fresh, posts, soon } from "./openstack-fresh.ts";
import { stubImage } from "./openstack-stub-world.ts";

const tooSmall = [
  ["memory", { min_ram: 2048 }, /m1\.small is too small for the cloud image/],
  ["disk", { min_disk: 20 }, /m1\.small is too small for the cloud image/],
  ["unpacked disk", { virtual_size: 10 * 1024 ** 3 }, /needs 0 MiB of memory and 10 GiB of disk/],
] as const;

test.each(tooSmall)(
  "a flavor whose %s is too small for the image's minimum is refused",
  async (_what, needs, sentence) => {
    const { stub, driver, orderOf, name } = await fresh();
    Object.assign(stub.world.images[0] ?? {}, needs);
    const order = orderOf(name, { cloudImage: { family: "image", flavor: "m1.small" } });

    await expect(driver.start(order, soon())).rejects.toThrow(sentence);

    expect(posts(stub)).toEqual([]);
  },
);

const unfit = [
  ["there is no flavor", {}, {}, "no flavor for the image"],
  ["the flavor is too small", { flavor: "m1.small" }, {}, "too small for the cloud image"],
  ["the volume is too small", {}, { volume: { sizeGiB: 40 } }, "too small for the cloud image"],
] as const;

test.each(unfit)(
  "a candidate for which %s has failed, and keeps no job waiting",
  async (_what, cloudImage, place, words) => {
    const { stub, driver, orderOf, name } = await fresh({ place });
    const candidate = stubImage("next", ["mayfly:image:candidate"], { min_disk: 4000 });
    stub.world.images.push(candidate);
    const order = orderOf(name, { cloudImage: { family: "image", ...cloudImage } });

    const error = await driver
      .start({ ...order, cloudImage: candidate.id }, soon())
      .catch((thrown: unknown) => thrown);

    expect(String(error)).toContain(words);
    expect(error).not.toBeInstanceOf(NoRoom);
  },
);

const noPartIn = [
  ["a flavor that nobody has", { cloudImage: { family: "image", flavor: "m1.smal" } }, "no flavor m1.smal"],
  ["more CPUs than any flavor has", { cpus: 64 }, "no flavor for the image"],
] as const;

test.each(noPartIn)(
  "a candidate is not blamed for %s: jobs of its image wait",
  async (_what, asked, words) => {
    const { stub, driver, orderOf, name } = await fresh();
    const candidate = stubImage("next", ["mayfly:image:candidate"]);
    stub.world.images.push(candidate);

    const error = await driver
      .start({ ...orderOf(name, asked), cloudImage: candidate.id }, soon())
      .catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ name: "NoRoom", isOfImage: true });
    expect(String(error)).toContain(words);
  },
);

test("a candidate is not blamed for a catalogue of several regions: all jobs of the host wait", async () => {
  const { stub, driver, orderOf, name } = await fresh();
  const candidate = stubImage("next", ["mayfly:image:candidate"]);
  stub.world.images.push(candidate);
  await driver.list(soon());
  stub.world.regions = ["north", "south"];
  stub.endTokens();
  await driver.list(soon()).catch(() => undefined);

  const error = await driver
    .start({ ...orderOf(name), cloudImage: candidate.id }, soon())
    .catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ name: "NoRoom", isOfImage: false });
  expect(String(error)).toContain("several regions");
});

const nowhere = [
  ["security group", { securityGroups: ["nowhere"] }, "no security group nowhere"],
  ["availability zone", { availabilityZone: "nowhere" }, "no availability zone nowhere"],
  ["type of volumes", { volume: { sizeGiB: 4, type: "nowhere" } }, "no type of volumes nowhere"],
] as const;

test.each(nowhere)("a %s that is nowhere makes jobs wait, and Nova is not asked", async (...row) => {
  const [, place, words] = row;
  const { stub, driver, orderOf, name } = await fresh({ place });

  const error = await driver.start(orderOf(name), soon()).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ name: "NoRoom", isOfImage: false });
  expect(String(error)).toContain(words);
  expect(posts(stub)).toEqual([]);
});

test("where machines are made is looked up once for a burst of orders", async () => {
  const place = {
    ...{ securityGroups: ["mayfly"], availabilityZone: "nova" },
    volume: { sizeGiB: 4, type: "ssd" },
  };
  const { stub, driver, orderOf } = await fresh({ place });
  const names = Array.from({ length: 12 }, () => machineName("test", "image", randomBytes(8)));

  await Promise.all(names.map((name) => driver.start(orderOf(name), soon())));

  expect(posts(stub)).toHaveLength(12);
  expect(stub.calls.filter((call) => /security-groups|zone|types/.test(call))).toHaveLength(3);
});

test("an image without a cloudImage, and names that are nowhere, are refused with what to do", async () => {
  const nowhere = { network: "nowhere", floatingNetwork: undefined };
  const { driver, orderOf, name } = await fresh({ place: nowhere });
  const groups = await fresh({ place: { securityGroups: ["nowhere"], floatingNetwork: "external" } });

  await expect(driver.start(orderOf(name, { cloudImage: undefined }), soon())).rejects.toThrow(
    /has no cloudImage/,
  );
  await expect(
    driver.start(orderOf(name, { cloudImage: { family: "image", flavor: "m9" } }), soon()),
  ).rejects.toThrow(/no flavor m9\. .* The cloud has: m1\.small, m1\.tiny, m1\.large\./);
  await expect(driver.start(orderOf(name), soon())).rejects.toThrow(/sees no network nowhere/);
  await expect(groups.driver.start(groups.orderOf(groups.name), soon())).rejects.toThrow(
    /no security group nowhere/,
  );
});
