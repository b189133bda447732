import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
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
  /** Written so many days ago; `facts`: what it says of itself. */
  async function boxOf(days: number, facts?: object): Promise<string> {
    const folder = newFolder();
    const [info, disk, file] = ["info.json", "box.img", "linux.box"].map((name) => join(folder, name)) as [
      ...[string, string, string],
    ];
    writeFileSync(info, facts === undefined ? "{" : JSON.stringify(facts));
    writeFileSync(disk, "");
    await execa("tar", ["--create", "--gzip", "--directory", folder, "--file", file, "info.json", "box.img"]);
    const at = new Date(Date.now() - days * DAY_MS);
    utimesSync(file, at, at);
    return file;
  }
  const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();
  const image = (file: string, prepared = true) => anImage({ prepared, box: { name: "linux", file } });

  test("says that a box with a runner in it is old, from day 20 on", async () => {
    const [young, old] = [image(await boxOf(19.5)), image(await boxOf(20.5))];

    expect(await imageFaults([young, old], Date.now())).toEqual([
      "The box of plain is 20 days old; GitHub may refuse its runner in 10 days. Build it anew (docs/images.md).",
    ]);
  });

  test("goes by when the box's runner was released, where the box tells, however new its file is", async () => {
    const old = image(await boxOf(0, { mayfly_runner_released_at: daysAgo(31.5).slice(0, 10) }));
    const young = image(await boxOf(90, { mayfly_runner_released_at: daysAgo(5) }));

    expect(await imageFaults([old, young], Date.now())).toEqual([
      expect.stringMatching(
        /^The box of plain has a runner that GitHub released 3[12] days ago; GitHub may refuse it by now, if there is a newer one\. Run script\/update-runner, which takes the newest runner for images, then build the box anew/,
      ),
    ]);
  });

  test("goes by when the box was built, if it tells no more, and not by when its file was copied", async () => {
    const copied = image(await boxOf(0, { mayfly_built_at: daysAgo(25.5) }));

    expect(await imageFaults([copied], Date.now())).toEqual([
      expect.stringContaining("is 25 days old; GitHub may refuse its runner in 5 days"),
    ]);
  });

  test("does not mind the age of a box that gets its runner at each boot, or that is a catalogue's", async () => {
    expect(await imageFaults([image(await boxOf(500), false), anImage()], Date.now())).toEqual([]);
  });

  test("says that a box is not there", async () => {
    expect(await imageFaults([image("/no/such.box")], Date.now())).toEqual([
      "The box file of plain is not there: /no/such.box",
    ]);
  });
});
