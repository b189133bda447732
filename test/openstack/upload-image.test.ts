import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { type Bench, openBench } from "./bench.ts";

const FACTS = {
  mayfly_runner_version: "2.337.0",
  mayfly_built_at: "2026-11-27T03:00:00Z",
  mayfly_os: "debian-12",
};

/** A bench with an image's file and what is known of it. */
async function withImage(content = "a disk".padEnd(512, "\0"), facts: object = FACTS) {
  const bench = await openBench();
  const file = await bench.file("linux.raw", content);
  await writeFile(`${file}.json`, JSON.stringify(facts));
  return {
    bench,
    file,
    upload: (...args: string[]) => bench.run("upload-image.sh", ["--family", "spinw", ...args, file]),
  };
}

const tagsOf = async (bench: Bench, id: string) =>
  (await bench.has("image")).find((image) => image.id === id)?.tags;

describe("an upload", () => {
  test("is the family's candidate, with all that is known of it, and its id is told", async () => {
    const { bench, upload } = await withImage();

    const { exitCode, stdout } = await upload("--property", "hw_disk_bus=scsi");

    expect(exitCode).toBe(0);
    expect(await bench.has("image")).toMatchObject([
      {
        id: stdout,
        name: "mayfly-spinw-20261127T030000Z",
        disk_format: "raw",
        tags: ["mayfly:spinw:candidate"],
        properties: { ...FACTS, hw_disk_bus: "scsi" },
      },
    ]);
  });

  test("that the cloud stored otherwise than it was sent is deleted again", async () => {
    const { bench, upload } = await withImage();
    await bench.tell("spoil", "yes");

    const { exitCode, stderr } = await upload();

    expect(exitCode).toBe(1);
    expect(stderr).toContain("has another digest");
    expect(await bench.has("image")).toEqual([]);
  });

  test("that breaks off leaves no image", async () => {
    const { bench, upload } = await withImage();
    await bench.tell("fail", "image set");

    const { exitCode } = await upload();

    expect(exitCode).toBe(1);
    expect(await bench.has("image")).toEqual([]);
  });

  test("that is interrupted leaves no image", async () => {
    const { bench, file } = await withImage();
    await bench.tell("hang", "image show");
    const upload = bench.run("upload-image.sh", ["--family", "spinw", file], { detached: true });
    await expect.poll(() => bench.hangs(), { timeout: 10_000 }).toBe(true);
    await bench.tell("hang", "");

    process.kill(-(upload.pid ?? 0), "SIGINT");
    const { exitCode } = await upload;

    expect(exitCode).toBe(130);
    expect(await bench.has("image")).toEqual([]);
  });

  test("is converted to raw before, if asked for, and compared as that", async () => {
    const { bench } = await withImage();
    const file = join(bench.folder, "linux.qcow2");
    await execa("qemu-img", ["create", "-q", "-f", "qcow2", file, "1M"]);
    await writeFile(`${file}.json`, JSON.stringify(FACTS));

    const { exitCode, stderr } = await bench.run("upload-image.sh", [
      "--family",
      "spinw",
      "--convert",
      "raw",
      file,
    ]);

    expect(exitCode, stderr).toBe(0);
    const digest = createHash("sha512")
      .update(Buffer.alloc(1024 * 1024))
      .digest("hex");
    expect(await bench.has("image")).toMatchObject([
      { disk_format: "raw", properties: { os_hash_value: digest } },
    ]);
  });

  test("of another kind of image is refused", async () => {
    const { bench } = await withImage();
    const file = join(bench.folder, "linux.vmdk");
    await execa("qemu-img", ["create", "-q", "-f", "vmdk", file, "1M"]);
    await writeFile(`${file}.json`, JSON.stringify(FACTS));

    const { exitCode, stderr } = await bench.run("upload-image.sh", ["--family", "spinw", file]);

    expect(exitCode).toBe(1);
    expect(stderr).toContain("only raw and qcow2 are uploaded");
  });

  test("takes the place of an older candidate, which is put away", async () => {
    const { bench, upload } = await withImage();
    const older = await bench.put({ tags: ["mayfly:spinw:candidate"] });

    const { stdout } = await upload();

    expect(await tagsOf(bench, older.id)).toEqual(["mayfly:spinw:old"]);
    expect(await tagsOf(bench, stdout)).toEqual(["mayfly:spinw:candidate"]);
  });

  test("leaves the images of others alone, whatever tags they have", async () => {
    const { bench, upload } = await withImage();
    const theirs = await bench.put({ owner: "2".repeat(32), tags: ["mayfly:spinw:candidate"] });

    await upload();

    expect(await tagsOf(bench, theirs.id)).toEqual(["mayfly:spinw:candidate"]);
  });
});

describe("twins", () => {
  test("the same content is not uploaded twice", async () => {
    const { bench, upload } = await withImage();
    const first = await upload();

    const second = await upload("--name", "another");

    expect(second).toMatchObject({ exitCode: 0, stdout: first.stdout });
    expect(await bench.has("image")).toHaveLength(1);
  });

  test("the same content that was put away is not made a candidate again", async () => {
    const content = "x".repeat(512);
    const { bench, upload } = await withImage(content);
    const checksum = createHash("md5").update(content).digest("hex");
    const before = await bench.put({ checksum, tags: ["mayfly:spinw:old"] });

    const { exitCode, stderr } = await upload();

    expect(exitCode).toBe(1);
    expect(stderr).toContain(before.id);
    expect(await bench.has("image")).toHaveLength(1);
  });

  test("a name that is taken is refused", async () => {
    const { bench, upload } = await withImage();
    await bench.put({ name: "mayfly-spinw-20261127T030000Z" });

    const { exitCode, stderr } = await upload();

    expect(exitCode).toBe(1);
    expect(stderr).toContain("with other content");
    expect(await bench.has("image")).toHaveLength(1);
  });
});

describe("is refused, and nothing is sent:", () => {
  test.each([
    [
      "an image whose runner's version is not known",
      { ...FACTS, mayfly_runner_version: undefined },
      "mayfly_runner_version is not known",
    ],
    ["a time that is none", { ...FACTS, mayfly_built_at: "yesterday" }, "mayfly_built_at must be a time"],
    ["a property that is not ours to set", { ...FACTS, owner: "me" }, "these are not: owner"],
    ["a property that is no text", { ...FACTS, mayfly_number: 1 }, "these are not: mayfly_number"],
    ["a property of two lines", { ...FACTS, mayfly_os: "debian\n12" }, "these are not: mayfly_os"],
    ["a list of facts", [FACTS], "is no JSON object"],
  ])("%s", async (_what, facts, says) => {
    const { bench, upload } = await withImage("x", facts);

    const { exitCode, stderr } = await upload();

    expect(exitCode).toBe(1);
    expect(stderr).toContain(says);
    expect((await bench.calls()).filter((call) => call.startsWith("image create"))).toEqual([]);
  });

  test.each([
    ["no family", [], "needs --family"],
    ["a family that could not be in a tag", ["--family", "SpinW Linux"], "is no name of a family"],
    ["an option that is not known", ["--family", "spinw", "--colour", "red"], "does not know --colour"],
    ["an option without its value", ["--family"], "--family needs a value"],
    ["no file", ["--family", "spinw"], "needs one image's file"],
    ["a file that is not there", ["--family", "spinw", "/nowhere"], "there is no image at /nowhere"],
  ])("%s", async (_what, args, says) => {
    const bench = await openBench();

    const { exitCode, stderr } = await bench.run("upload-image.sh", args);

    expect(exitCode).toBe(1);
    expect(stderr).toContain(says);
    expect(await bench.calls()).toEqual([]);
  });
});
