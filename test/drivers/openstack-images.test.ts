import { expect, onTestFinished, test } from "vitest";
import { openDriver } from "./openstack-bench.ts";
import { fresh, soon } from "./openstack-fresh.ts";
import type { Stub } from "./openstack-stub.ts";
import { stubImage } from "./openstack-stub-world.ts";

async function twoImages() {
  const { stub, driver, orderOf } = await fresh();
  const { cloudImages } = driver;
  if (!cloudImages) throw new Error("the driver knows no cloud images");
  const [now, next] = [aBuild("now", "current"), aBuild("next", "candidate")];
  stub.world.images = [now, next];
  return { stub, driver, orderOf, cloudImages, now, next };
}

const aBuild = (name: string, standing: string, more: Record<string, unknown> = {}) =>
  stubImage(name, ["keep", `mayfly:image:${standing}`], more);

const tagsOf = ({ world }: Stub): Record<string, string[]> =>
  Object.fromEntries(world.images.map(({ name, tags }) => [String(name), tags as string[]]));

const currents = (stub: Stub): string[] =>
  Object.entries(tagsOf(stub)).flatMap(([name, tags]) =>
    tags.includes("mayfly:image:current") ? [name] : [],
  );

const start = async ({ driver, orderOf }: Awaited<ReturnType<typeof twoImages>>, letter: string) =>
  await driver.start(orderOf(`mayfly-test-image-${letter.repeat(8)}`), soon());

test("images of the catalogue's families are listed, with what they hold; others are not", async () => {
  const { stub, cloudImages, now } = await twoImages();
  stub.world.images = [
    now,
    aBuild("next", "candidate", {
      ...{ mayfly_runner_version: "2.337.0", mayfly_built_at: "2026-11-20T10:00:00Z" },
      ...{ mayfly_runner_released_at: "2026-11-18", mayfly_expires_at: "2026-12-20T10:00:00Z", size: 7 },
    }),
    aBuild("uploading", "candidate", { status: "queued" }),
    // NB: somebody began to promote it once more, and came no further.
    aBuild("before", "old", { mayfly_replaces: now.id }),
    aBuild("theirs", "candidate", { owner: "others" }),
    stubImage("other", ["mayfly:other:current"]),
    stubImage("none", []),
  ];

  const listed = await cloudImages.list(soon());

  expect(listed.map(({ name, standing }) => [name, standing])).toEqual([
    ["now", "current"],
    ["next", "candidate"],
    ["before", "old"],
  ]);
  expect(listed[1]).toMatchObject({
    ...{ family: "image", runnerVersion: "2.337.0", sizeBytes: 7 },
    builtAt: Date.parse("2026-11-20T10:00:00Z"),
    runnerReleasedAt: Date.parse("2026-11-18T00:00:00Z"),
    expiresAt: Date.parse("2026-12-20T10:00:00Z"),
  });
  expect(listed[0]).toMatchObject({ builtAt: Date.parse("2026-11-27T03:45:23Z"), expiresAt: undefined });
});

test("a candidate that is promoted takes the place of the current image, and other tags stay", async () => {
  const { stub, cloudImages, next } = await twoImages();

  await cloudImages.promote({ family: "image", id: next.id }, soon());

  expect(tagsOf(stub)).toEqual({ now: ["keep", "mayfly:image:old"], next: ["keep", "mayfly:image:current"] });
});

test("promoted twice, or back and forth, there is one current image in the end", async () => {
  const { stub, cloudImages, now, next } = await twoImages();

  for (const { id } of [next, next, now, next, now])
    await cloudImages.promote({ family: "image", id }, soon());

  expect(tagsOf(stub)).toEqual({ now: ["keep", "mayfly:image:current"], next: ["keep", "mayfly:image:old"] });
});

test("new machines are made from the promoted image at once", async () => {
  const bench = await twoImages();
  await start(bench, "a");

  await bench.cloudImages.promote({ family: "image", id: bench.next.id }, soon());
  await start(bench, "b");

  expect(bench.stub.world.servers.map(({ asked }) => (asked as { imageRef: string }).imageRef)).toEqual([
    bench.now.id,
    bench.next.id,
  ]);
});

const CHANGE = /^(?:PATCH|PUT|DELETE) glance/;

test("a promotion that is cut short after any step leaves an image to start from, and the next one mends it", async () => {
  for (const steps of [0, 1, 2, 3, 4, 5]) {
    const bench = await twoImages();
    const { stub, cloudImages, now, next } = bench;
    const sent = (): number => stub.calls.filter((call) => CHANGE.test(call)).length;
    stub.failAfter(CHANGE, steps, { status: 500, body: { error: { message: "cut short" } } });

    await expect(cloudImages.promote({ family: "image", id: next.id }, soon())).rejects.toThrow("cut short");
    expect(sent()).toBe(steps + 1);
    await start(bench, "a");
    stub.recover();
    const listed = await cloudImages.list(soon());
    // NB: whichever is promoted then.
    const chosen = steps % 2 === 1 ? now : next;
    await cloudImages.promote({ family: "image", id: chosen.id }, soon());
    await start(bench, "b");

    const made = stub.world.servers.map(({ asked }) => (asked as { imageRef: string }).imageRef);
    expect(listed.find(({ name }) => name === "next")?.standing).toBe("candidate");
    expect(made).toEqual([steps < 2 ? now.id : next.id, chosen.id]);
    expect(currents(stub)).toEqual([chosen.name]);
  }
});

test("at each moment of a promotion there is an image to start from, also if one was left unfinished", async () => {
  const bench = await twoImages();
  const { stub, cloudImages, now, next } = bench;
  // NB: the way back to an image whose place the current one once took, and never said that it had.
  Object.assign(now, { mayfly_replaces: next.id });
  const outcomes: unknown[] = [];
  let letter = 97;
  stub.watch(CHANGE, async () => {
    const name = `mayfly-test-image-${String.fromCharCode(letter++).repeat(8)}`;
    const other = openDriver({ env: stub.env });
    outcomes.push(await other.driver.start(other.orderOf(name), soon()).catch(String));
    await other.driver.close();
  });

  await cloudImages.promote({ family: "image", id: next.id }, soon());

  expect(outcomes).toEqual(Array(outcomes.length).fill(undefined));
  expect(outcomes.length).toBeGreaterThan(5);
  expect(tagsOf(stub)).toEqual({ now: ["keep", "mayfly:image:old"], next: ["keep", "mayfly:image:current"] });
});

test("a candidate that is turned back is old, and no longer a candidate", async () => {
  const { stub, cloudImages, next } = await twoImages();

  for (let times = 0; times < 2; times += 1)
    await cloudImages.turnBack({ family: "image", id: next.id }, soon());

  expect(tagsOf(stub)).toEqual({ now: ["keep", "mayfly:image:current"], next: ["keep", "mayfly:image:old"] });
});

test("the current image is not turned back, and that is said", async () => {
  const { stub, cloudImages, now } = await twoImages();

  const turning = cloudImages.turnBack({ family: "image", id: now.id }, soon());

  await expect(turning).rejects.toThrow(/is the current one of image/);
  expect(currents(stub)).toEqual(["now"]);
});

test("a candidate whose promotion was cut short gives its place back when it is turned back", async () => {
  for (const steps of [2, 4, 5]) {
    const bench = await twoImages();
    const { stub, cloudImages, now, next } = bench;
    stub.failAfter(CHANGE, steps, { status: 500, body: { error: { message: "cut short" } } });
    await expect(cloudImages.promote({ family: "image", id: next.id }, soon())).rejects.toThrow("cut short");
    stub.recover();

    await cloudImages.turnBack({ family: "image", id: next.id }, soon());
    await start(bench, "a");

    const listed = await cloudImages.list(soon());
    expect(listed.map(({ name, standing }) => [name, standing])).toEqual([
      ["now", "current"],
      ["next", "old"],
    ]);
    expect(stub.world.servers).toMatchObject([{ asked: { imageRef: now.id } }]);
  }
});

test("a candidate that another host promotes while it is turned back stays the current image", async () => {
  const { stub, cloudImages, next } = await twoImages();
  const other = openDriver({ env: stub.env, hostName: "other" });
  onTestFinished(() => other.driver.close());
  let isFirst = true;
  stub.watch(/GET glance/, async () => {
    if (!isFirst) return;
    isFirst = false;
    await other.driver.cloudImages?.promote({ family: "image", id: next.id }, soon());
  });

  await cloudImages.turnBack({ family: "image", id: next.id }, soon());

  expect(currents(stub)).toEqual(["next"]);
});

test("an image of another family, or of somebody else, is not promoted", async () => {
  const { stub, cloudImages } = await twoImages();
  const [other, theirs] = [
    stubImage("other", ["mayfly:other:candidate"]),
    aBuild("theirs", "candidate", { owner: "others" }),
  ];
  stub.world.images.push(other, theirs);

  for (const { id } of [other, theirs])
    await expect(cloudImages.promote({ family: "image", id }, soon())).rejects.toThrow(/no active image/);
});
