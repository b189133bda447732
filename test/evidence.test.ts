import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Evidence, evidence, fileReader, tailOf } from "../src/evidence.ts";
import { aMachine, M1, M2 } from "./support/build.ts";
import { fakeClock } from "./support/clock.ts";
import { fakeHost } from "./support/ring.ts";

let folder: string;
let kept: Evidence;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "mayfly-evidence-")), "evidence");
  kept = evidence(folder);
});
afterEach(() => rm(join(folder, ".."), { recursive: true, force: true }));

describe("the evidence of a failure", () => {
  test("is kept in the machine's folder, with the machine's row", async () => {
    await kept.keep(aMachine(), { "console.log": "kernel panic\n", "vagrant.log": "" });

    expect((await readdir(join(folder, M1))).toSorted()).toEqual([
      "console.log",
      "machine.json",
      "vagrant.log",
    ]);
    expect(await readFile(join(folder, M1, "console.log"), "utf8")).toBe("kernel panic\n");
    expect(JSON.parse(await readFile(join(folder, M1, "machine.json"), "utf8"))).toEqual(aMachine());
  });

  test("can be read by our own user only", async () => {
    await kept.keep(aMachine(), { "console.log": "secret" });

    expect((await stat(join(folder, M1))).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, M1, "console.log"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, M1, "machine.json"))).mode & 0o777).toBe(0o600);
  });

  test("may be kept twice: what came later counts", async () => {
    await kept.keep(aMachine(), { "console.log": "first" });
    await kept.keep(aMachine(), { "console.log": "second" });

    expect(await readFile(join(folder, M1, "console.log"), "utf8")).toBe("second");
  });

  test("answers the lines worth showing at once", async () => {
    expect(await kept.keep(aMachine(), { "console.log": "kernel panic\n" })).toBe("kernel panic");
  });

  test("can be read again, without the row; of a machine that did not fail there is none", async () => {
    await kept.keep(aMachine(), { "console.log": "kernel panic\n" });

    expect(await kept.read(M1)).toEqual({ "console.log": "kernel panic\n" });
    expect(await kept.read(M2)).toEqual({});
  });

  test("is deleted when it is old, and only then", async () => {
    const day = new Date("2026-11-20T00:00:00Z");
    await kept.keep(aMachine(), {});
    await kept.keep(aMachine({ name: M2 }), {});
    await utimes(join(folder, M1), day, day);
    await utimes(join(folder, M2), day, new Date("2026-11-22T00:00:00Z"));

    await kept.prune(Date.parse("2026-11-21T00:00:00Z"));

    expect(await readdir(folder)).toEqual([M2]);
  });

  test("of none is nothing to delete", async () => {
    await expect(kept.prune(Date.now())).resolves.toBeUndefined();
  });

  test("that cannot be looked through is a fault, not an empty folder", async () => {
    await mkdir(join(folder, ".."), { recursive: true });
    await writeFile(folder, "a file in its place");

    await expect(kept.prune(Date.now())).rejects.toThrow(/EEXIST/);
  });
});

describe("the tail", () => {
  test.each([
    ["the guest's log, which knows most", { "vagrant.log": "v", "console.log": "c", "guest.log": "g" }, "g"],
    [
      "the VM's console where the guest said nothing",
      { "vagrant.log": "v", "console.log": "c", "guest.log": " \n" },
      "c",
    ],
    ["the driver's words where the VM said nothing", { "console.log": "", "vagrant.log": "v" }, "v"],
    ["nothing where nobody said anything", { "console.log": "" }, ""],
    ["nothing where there is no file", {}, ""],
  ])("is of %s", (_, files, tail) => {
    expect(tailOf(files)).toBe(tail);
  });

  test("has the last sixty lines", () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);

    expect(tailOf({ "guest.log": lines.join("\n") }).split("\n")).toEqual(lines.slice(40));
  });

  test("of lines without end has the last 16,000 characters", () => {
    const tail = tailOf({ "guest.log": `begin ${"x".repeat(70_000)} end` });

    expect(tail).toHaveLength(16_000);
    expect(tail.endsWith(" end")).toBe(true);
  });

  test("has no colours, bells, carriage returns or other control characters, but tabs", () => {
    const log = "\u001b[31mred\u001b[0m\u0007\r\n\tnext\u0000 line\u001b[2K\u001b[1;32mgreen\u001b[m\u007f";

    expect(tailOf({ "console.log": log })).toBe("red\n\tnext linegreen");
  });
});

describe("the files of a machine", () => {
  const { driver, ...host } = fakeHost();
  const filesOf = () => fileReader({ drivers: new Map([["lab1", driver]]), kept, clock: fakeClock() });

  test("are what its driver has now, with what was kept beside it", async () => {
    await kept.keep(aMachine(), { "console.log": "old", "guest.log": "guest" });

    expect(await filesOf()({ name: M1, host: "lab1" })).toEqual({
      "console.log": `the console of ${M1}`,
      "guest.log": "guest",
    });
  });

  test("are what was kept of it when it is over", async () => {
    await kept.keep(aMachine(), { "console.log": "old" });

    expect(await filesOf()({ name: M1, host: undefined })).toEqual({ "console.log": "old" });
  });

  test("say that the driver could not be asked, beside what was kept", async () => {
    await kept.keep(aMachine(), { "console.log": "old" });
    host.fails("evidence", new Error("no such host"));

    expect(await filesOf()({ name: M1, host: "lab1" })).toEqual({
      "console.log": "old",
      "driver.log": "The driver could not be asked: no such host\n",
    });
  });
});
