import { expect, test } from "vitest";
import { openBench } from "./bench.ts";

const FACTS = {
  mayfly_runner_version: "2.338.0",
  mayfly_built_at: "2026-11-27T03:00:00Z",
  mayfly_os: "debian-12",
};

/** A cloud with a candidate and an image that Packer has made. */
async function withPackers(parts: { owner?: string; status?: string } = {}) {
  const bench = await openBench();
  const before = await bench.put({ tags: ["mayfly:spinw:candidate"] });
  const made = await bench.put({ tags: ["mayfly:spinw:uploading"], ...parts });
  const facts = await bench.file("facts.json", JSON.stringify(FACTS));
  return {
    ...{ bench, before, made },
    adopt: () => bench.run("adopt-image.sh", ["--family", "spinw", "--facts", facts, made.id]),
    tagsOf: async (id: string) => (await bench.has("image")).find((image) => image.id === id)?.tags,
  };
}

test("an image that is adopted is the candidate, with what it says of itself, and the one before is put away", async () => {
  const { bench, adopt, tagsOf, before, made } = await withPackers();

  const { exitCode, stdout } = await adopt();

  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: made.id });
  expect(await tagsOf(made.id)).toEqual(["mayfly:spinw:candidate"]);
  expect(await tagsOf(before.id)).toEqual(["mayfly:spinw:old"]);
  expect((await bench.has("image")).find(({ id }) => id === made.id)?.properties).toMatchObject(FACTS);
});

test("adopted twice it is the candidate still", async () => {
  const { adopt, tagsOf, made } = await withPackers();
  await adopt();

  await adopt();

  expect(await tagsOf(made.id)).toEqual(["mayfly:spinw:candidate"]);
});

test.each([
  ["belongs to others", { owner: "2".repeat(32) }],
  ["is not there yet", { status: "saving" }],
])("an image that %s is not adopted", async (_what, parts) => {
  const { adopt, tagsOf, before } = await withPackers(parts);

  const { exitCode, stderr } = await adopt();

  expect(exitCode).toBe(1);
  expect(stderr).toContain("it cannot be used");
  expect(await tagsOf(before.id)).toEqual(["mayfly:spinw:candidate"]);
});
