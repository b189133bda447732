import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Bench, openBench } from "./bench.ts";

/** A cloud with a current image, a candidate and this many old ones; the last is the newest. */
async function withOld(count: number) {
  const bench = await openBench();
  const current = await bench.put({ tags: ["mayfly:spinw:current"] });
  const candidate = await bench.put({ tags: ["mayfly:spinw:candidate"] });
  const old = [];
  for (let made = 0; made < count; made += 1) old.push((await bench.put({ tags: ["mayfly:spinw:old"] })).id);
  return { bench, old, wanted: [current.id, candidate.id] };
}

const prune = (bench: Bench, ...more: string[]) =>
  bench.run("prune-images.sh", ["--family", "spinw", ...more]);
const left = async (bench: Bench) => (await bench.has("image")).map(({ id }) => id).sort();

async function serverFrom(bench: Bench, image: string | undefined): Promise<void> {
  await mkdir(join(bench.folder, "state/server"), { recursive: true });
  await writeFile(join(bench.folder, "state/server/s.json"), JSON.stringify({ id: "s", name: "s", image }));
}

test("keeps the newest old images, the current one and the candidate", async () => {
  const { bench, old, wanted } = await withOld(4);

  const { exitCode } = await prune(bench, "--keep", "2");

  expect(exitCode).toBe(0);
  expect(await left(bench)).toEqual([...wanted, ...old.slice(2)]);
});

test("keeps an image that a server runs from, however old", async () => {
  const { bench, old, wanted } = await withOld(4);
  await serverFrom(bench, old[0]);

  const { stderr } = await prune(bench, "--keep", "1");

  expect(await left(bench)).toEqual([...wanted, old[0], old[3]]);
  expect(stderr).toContain(`image ${old[0]} is kept: a server runs from it`);
});

test("deletes nothing when the cloud does not say what its servers run from", async () => {
  const { bench, old, wanted } = await withOld(4);
  await bench.tell("fail", "server list");

  const { exitCode } = await prune(bench);

  expect(exitCode).toBe(1);
  expect(await left(bench)).toEqual([...wanted, ...old]);
});

test("deletes nothing when the cloud does not say whether an image is wanted again", async () => {
  const { bench, old, wanted } = await withOld(4);
  await bench.tell("fail", "image show");

  const { exitCode, stderr } = await prune(bench);

  expect(exitCode).toBe(1);
  expect(stderr).toContain(`image ${old[0]} is kept: the cloud does not tell its tags`);
  expect(await left(bench)).toEqual([...wanted, ...old]);
});

test("says which image the cloud would not delete, and deletes the others", async () => {
  const { bench, old, wanted } = await withOld(4);
  await bench.tell("keep", old[1] ?? "");

  const { exitCode, stderr } = await prune(bench, "--keep", "1");

  expect(exitCode).toBe(1);
  expect(stderr).toContain(`keeps image ${old[1]}`);
  expect(await left(bench)).toEqual([...wanted, old[1], old[3]]);
});

test("only says what it would do, when told so", async () => {
  const { bench, old, wanted } = await withOld(2);

  const { stderr } = await prune(bench, "--keep", "1", "--dry-run");

  expect(stderr).toContain(`would delete image ${old[0]}`);
  expect(await left(bench)).toEqual([...wanted, ...old]);
});

test("never deletes an image that is current, though it has the tag of old ones as well", async () => {
  const { bench, old, wanted } = await withOld(2);
  const both = await bench.put({
    tags: ["mayfly:spinw:old", "mayfly:spinw:current"],
    created_at: "2020-01-01T00:00:00Z",
  });

  await prune(bench, "--keep", "1");

  expect(await left(bench)).toEqual([...wanted, old[1], both.id]);
});

test("leaves the images of other families and of other owners", async () => {
  const { bench } = await withOld(0);
  await bench.put({ tags: ["mayfly:other:old"] });
  await bench.put({ owner: "2".repeat(32), tags: ["mayfly:spinw:old"] });
  const before = await left(bench);

  await prune(bench, "--keep", "1");

  expect(await left(bench)).toEqual(before);
});

test("deletes an upload that broke off a day ago, and none that may still be under way", async () => {
  const { bench, wanted } = await withOld(0);
  await bench.put({ tags: ["mayfly:spinw:uploading"], status: "queued", created_at: "2026-11-01T00:00:00Z" });
  const fresh = await bench.put({
    tags: ["mayfly:spinw:uploading"],
    status: "saving",
    created_at: new Date().toISOString(),
  });

  await bench.run("prune-images.sh", ["--family", "spinw"], { env: { TZ: "Asia/Tokyo" } });

  expect(await left(bench)).toEqual([...wanted, fresh.id]);
});

test.each(["0", "-1", "all"])("--keep %j is refused", async (keep) => {
  const { bench, old, wanted } = await withOld(2);

  const { exitCode } = await prune(bench, "--keep", keep);

  expect(exitCode).toBe(1);
  expect(await left(bench)).toEqual([...wanted, ...old]);
});
