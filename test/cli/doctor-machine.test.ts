import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { dataFaults, imageFaults } from "../../src/cli/doctor-machine.ts";
import { anImage } from "../support/build.ts";

const GIB = 2 ** 30;
const DAY_MS = 24 * 3_600_000;
const roomy = async () => 100 * GIB;

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-doctor-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe("the doctor, about the data folder", () => {
  test("finds nothing where there is room, also before the first start", async () => {
    const folder = newFolder();

    expect(await dataFaults(folder, roomy)).toEqual([]);
    expect(await dataFaults(join(folder, "not/yet"), roomy)).toEqual([]);
  });

  test("asks the system how much room there is", async () => {
    const found = await dataFaults(newFolder());

    expect(found.filter((fault) => !fault.startsWith("Only "))).toEqual([]);
  });

  test("says that there is little room", async () => {
    const folder = newFolder();

    expect(await dataFaults(folder, async () => 2.55 * GIB)).toEqual([
      expect.stringMatching(new RegExp(`^Only 2\\.[56] GiB are free where ${folder} is\\.`)),
    ]);
  });

  // NB: root may write everywhere but there.
  test("says that it cannot be written", async () => {
    expect(await dataFaults("/proc/self/mayfly", roomy)).toEqual([
      expect.stringMatching(/^\/proc\/self cannot be written \(\w+\)\. Give it to the user/),
    ]);
  });
});

describe("the doctor, about images", () => {
  function boxOf(days: number): string {
    const file = join(newFolder(), "linux.box");
    const at = new Date(Date.now() - days * DAY_MS);
    writeFileSync(file, "");
    utimesSync(file, at, at);
    return file;
  }
  const image = (file: string, prepared = true) => anImage({ prepared, box: { name: "linux", file } });

  test("says that a box with a runner in it is old", async () => {
    const [young, old] = [image(boxOf(59)), image(boxOf(61.5))];

    expect(await imageFaults([young, old], Date.now())).toEqual([
      expect.stringMatching(/^The box of plain is 61 days old, and the runner in it may be older\./),
    ]);
  });

  test("does not mind the age of a box that gets its runner at each boot, or that is a catalogue's", async () => {
    expect(await imageFaults([image(boxOf(500), false), anImage()], Date.now())).toEqual([]);
  });

  test("says that a box is not there", async () => {
    expect(await imageFaults([image("/no/such.box")], Date.now())).toEqual([
      "The box file of plain is not there: /no/such.box",
    ]);
  });
});
